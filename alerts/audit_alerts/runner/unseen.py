"""Steps of the rules that look elsewhere: for absences, and into the dead-letter topic."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from audit_query import AuditLog

from audit_alerts.episodes import SAMPLES, FiringSpan
from audit_alerts.evaluate import Evaluation, base_matches
from audit_alerts.matches import GroupValues, group_values, in_millis
from audit_alerts.plan import Absence, Correlation, Rule, bases_of
from audit_alerts.runner.look import Finding, core_reach
from audit_alerts.runner.reading import Evidence, Reading, names_below

__all__ = ["look_at_dead_letters", "look_for_absence"]

_DAY = 86_400_000
_RECEIVED = "audit.errors.received"

DeadLetters = Callable[[int, int], Iterable[dict[str, Any]]]
"""Headers of the dead letters that Kafka took from one time to before another."""


def look_for_absence(log: AuditLog, rule: Rule, covered: int, upto: int) -> Finding:
    """Return the absences of (covered, upto]: a span no longer than what makes an absence.

    So an absence either is still there at its end, or was when the span began. Only groups with one
    of such a length are read; the others are two numbers of an aggregation.
    """
    root = rule.root
    assert isinstance(root, Absence)  # noqa: S101 - the caller asked for the rule's kind
    reading = Reading(log, upto)
    start = covered - root.days * _DAY - 2 * root.after
    found: dict[GroupValues, list[FiringSpan]] = {}
    for group, (before, after) in reading.edges(root, covered, start).items():
        last = (after or upto + 1) - 1
        if last - before < root.after:
            continue
        # Of the days before, only the same hours decide.
        windows = [(before - day * _DAY, upto - day * _DAY) for day in (0, *root.compared)]
        hits = {root.base.name: reading.hits(rule, root.base, [group], windows)}
        spans = Evaluation(rule, hits).spans(until=upto).get(group, [])
        if within := [span for span in spans if span.since == before]:
            found[group] = within
    return Finding(0, found, lambda group, span: reading.evidence(root, group, (span.since, span.last)))


def look_at_dead_letters(dead_letters: DeadLetters, rule: Rule, covered: int, upto: int) -> Finding:
    """Return what the dead letters that Kafka took in (covered, upto] make fire."""
    root = rule.root
    assert isinstance(root, Correlation)  # noqa: S101 - the other kind asks the events alone

    def tell(group: GroupValues, span: FiringSpan) -> Evidence:
        return _told(rule, group, span, dead_letters(span.since, upto + 1))

    fresh = [in_millis(letter[_RECEIVED]) for letter in dead_letters(covered + 1, upto + 1)]
    if not fresh:
        return Finding(root.span, {}, tell)
    reach = core_reach(root)
    read = list(dead_letters(min(fresh) - reach - root.span, upto + 1))
    spans = Evaluation(rule, base_matches(rule, read)).spans()
    first, last = min(fresh), max(fresh) + reach
    touched = {
        group: [span for span in found if span.last >= first and span.first <= last]
        for group, found in spans.items()
    }
    return Finding(root.span, {group: found for group, found in touched.items() if found}, tell)


def _told(
    rule: Rule, group: GroupValues, span: FiringSpan, dead_letters: Iterable[Mapping[str, Any]]
) -> Evidence:
    hits = base_matches(rule, dead_letters)
    ids = {
        hit.id: None
        for base in bases_of(rule.root)
        for hit in hits[base.name]
        if span.since <= hit.at <= span.last
        and group_values(hit, names_below(rule.root, base)) == group
    }
    shown = list(ids)
    if len(shown) > SAMPLES:
        shown = [*shown[: SAMPLES // 2], *shown[-SAMPLES // 2 :]]
    return Evidence(len(ids), tuple(shown))
