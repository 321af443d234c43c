"""A step of a rule about dead letters, which are read from their topic."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from audit_schemas import RECEIVED_HEADER

from audit_alerts.background import EventBackground
from audit_alerts.episodes import samples_of
from audit_alerts.evaluate import BaseMatches, Evaluation, base_matches
from audit_alerts.evidence import Evidence
from audit_alerts.matches import group_values
from audit_alerts.plan import Absence, Rule, bases_of, group_fields
from audit_alerts.runner.changes import EpisodeTarget, Spans
from audit_alerts.runner.event_step import core_reach
from audit_alerts.times import in_millis

__all__ = ["DeadLetterStep", "ReadDeadLetters"]

ReadDeadLetters = Callable[[int, int], Iterable[Mapping[str, Any]]]
"""Headers of the dead letters that Kafka took from one time to before another."""


class DeadLetterStep:
    """See `RuleStep`."""

    def __init__(self, read: ReadDeadLetters, rule: Rule, covered: int, upto: int) -> None:
        root = rule.root
        assert not isinstance(root, Absence)  # noqa: S101 - an absence rule is about events alone
        self.gap = root.span
        self._read = read
        self._rule = rule
        self._root = root
        self._covered = covered
        self._upto = upto

    def spans(self) -> Spans:
        """Return when the rule fired because of the dead letters that are new."""
        fresh = [in_millis(each[RECEIVED_HEADER]) for each in self._read(self._covered + 1, self._end)]
        if not fresh:
            return {}
        reach = core_reach(self._root)
        matches = self._matches(min(fresh) - reach - self.gap)
        found = Evaluation(self._rule, matches, EventBackground(self._root, ())).spans()
        first, last = min(fresh), max(fresh) + reach
        touched = {
            group: [span for span in spans if span.last >= first and span.first <= last]
            for group, spans in found.items()
        }
        return {group: spans for group, spans in touched.items() if spans}

    def evidence(self, targets: Sequence[EpisodeTarget]) -> list[Evidence]:
        """Return the dead letters of each span."""
        if not targets:
            return []
        matches = self._matches(min(each.span.since for each in targets))
        return [self._evidence(each, matches) for each in targets]

    @property
    def _end(self) -> int:
        return self._upto + 1

    def _matches(self, start: int) -> BaseMatches:
        return base_matches(self._rule, self._read(start, self._end))

    def _evidence(self, target: EpisodeTarget, matches: BaseMatches) -> Evidence:
        span = target.span
        ids = {
            match.id: None
            for base in bases_of(self._root)
            for match in matches[base.name]
            if span.since <= match.at <= span.last
            and group_values(match, group_fields(self._root, base)) == target.group
        }
        return Evidence(len(ids), samples_of(list(ids)))
