"""One step of one rule: what fires around the events that have newly become visible."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit_query import AuditLog

from audit_alerts.candidates import Driver, Window, candidate_windows, driver_of
from audit_alerts.episodes import FiringSpan
from audit_alerts.evaluate import BaseMatches, Evaluation
from audit_alerts.matches import GroupValues
from audit_alerts.plan import Base, Correlation, Node, Rule, bases_of
from audit_alerts.runner.reading import Evidence, Reading, names_below

__all__ = ["Finding", "core_reach", "look"]

_MINUTE = 60_000
_BACK = 12
"""How often a look is widened to where what it sees began, each time to twice as much."""

Known = Callable[[GroupValues, FiringSpan], bool]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step found: spans of each group that fired, and how to tell of one."""

    gap: int
    spans: Mapping[GroupValues, Sequence[FiringSpan]]
    tell: Callable[[GroupValues, FiringSpan], Evidence]


def core_reach(node: Node) -> int:
    """Return for how long after an event it may be a part of what fires: the history of a mark apart.

    What a mark said stands; an event that comes late is judged itself, and others are not again.
    """
    return node.span + max(map(core_reach, node.parts)) if isinstance(node, Correlation) else 0


def look(log: AuditLog, rule: Rule, covered: int, upto: int, known: Known) -> Finding:
    """Return what the events ingested in (covered, upto] make fire, by all that is visible at upto.

    `known` tells whether an alert about a group's span is stored: where none is, the look is widened
    to where the span begins.
    """
    assert isinstance(rule.root, Correlation)  # noqa: S101 - absences are looked for elsewhere
    step = _Step(Reading(log, upto), rule, rule.root)
    return Finding(rule.root.span, step.spans(covered, known), step.tell)


class _Step:
    def __init__(self, reading: Reading, rule: Rule, root: Correlation) -> None:
        self._reading = reading
        self._rule = rule
        self._root = root
        self._core = core_reach(root)

    def spans(self, covered: int, known: Known) -> dict[GroupValues, list[FiringSpan]]:
        affected = self._candidates(self._affected(covered))
        result: dict[GroupValues, list[FiringSpan]] = {}
        back = 0
        for tries in range(_BACK):
            if not affected:
                break
            found = self._evaluated(affected, back)
            edged: dict[GroupValues, list[Window]] = {}
            for group, windows in affected.items():
                spans = [
                    span for span in found.get(group, []) if _touches(span, windows, self._root.span)
                ]
                if any(
                    _is_edged(span, windows, back, self._root.span) and not known(group, span)
                    for span in spans
                ):
                    edged[group] = windows
                if spans:
                    result[group] = spans
            affected, back = edged, self._core * 2**tries
        return result

    def tell(self, group: GroupValues, span: FiringSpan) -> Evidence:
        window = span.since, span.last
        if not any(base.history_condition for base in bases_of(self._root)):
            return self._reading.evidence(self._root, group, window)
        hits = self._hits([group], [(span.since - self._root.reach, span.last)])
        told = [
            episode
            for episode in Evaluation(self._rule, hits).episodes()
            if episode.group == group and episode.fired <= span.last and episode.last >= span.first
        ]
        ids = dict.fromkeys(sample for episode in told for sample in episode.samples)
        return self._reading.evidence_of(list(ids)[:10], sum(episode.count for episode in told))

    def _affected(self, covered: int) -> dict[GroupValues, list[Window]]:
        """Return for each group the windows in which what came newly may make the rule fire."""
        times: dict[GroupValues, set[int]] = {}
        fields = {base.name: names_below(self._root, base) for base in bases_of(self._root)}
        driver = Driver((), self._root.group_by, fields, _MINUTE, 1)
        for base in _once(bases_of(self._root)):
            for bucket in self._reading.counts(driver, base, after=covered):
                group = _group(bucket, driver)
                times.setdefault(group, set()).add(bucket["key"]["step"])
        return {group: list(_windows(found, self._core)) for group, found in times.items()}

    def _candidates(self, affected: dict[GroupValues, list[Window]]) -> dict[GroupValues, list[Window]]:
        driver = driver_of(self._root)
        names = {base.name for base in bases_of(self._root)}
        if not affected or (driver.at_least == 1 and {base.name for base in driver.bases} == names):
            return affected
        windows = [(first - self._core, last) for spans in affected.values() for first, last in spans]
        buckets = [
            bucket
            for base in _once(driver.bases)
            for bucket in self._reading.counts(
                driver, base, windows=windows, groups=affected, root=self._root
            )
        ]
        likely = candidate_windows(driver, buckets)
        return {group: windows for group, windows in affected.items() if group in likely}

    def _evaluated(
        self, affected: Mapping[GroupValues, list[Window]], back: int
    ) -> dict[GroupValues, list[FiringSpan]]:
        windows = [
            (first - self._root.reach - back, last)
            for spans in affected.values()
            for first, last in spans
        ]
        return Evaluation(self._rule, self._hits(list(affected), windows)).spans()

    def _hits(self, groups: Sequence[GroupValues], windows: Sequence[Window]) -> BaseMatches:
        return {
            base.name: self._reading.hits(self._rule, base, groups, windows)
            for base in _once(bases_of(self._root))
        }


def _once(bases: Any) -> Iterator[Base]:
    return iter({base.name: base for base in bases}.values())


def _group(bucket: Mapping[str, Any], driver: Driver) -> GroupValues:
    return tuple(bucket["key"][f"group{number}"] for number in range(len(driver.group_by)))


def _windows(minutes: set[int], reach: int) -> Iterator[Window]:
    current: Window | None = None
    for start in sorted(minutes):
        window = start, start + _MINUTE - 1 + reach
        if current is not None and window[0] <= current[1] + 1:
            current = current[0], window[1]
            continue
        if current is not None:
            yield current
        current = window
    if current is not None:
        yield current


def _touches(span: FiringSpan, windows: Sequence[Window], gap: int) -> bool:
    return any(span.last >= first and span.first <= last + gap for first, last in windows)


def _is_edged(span: FiringSpan, windows: Sequence[Window], back: int, gap: int) -> bool:
    """Tell whether a span may have begun before what was read with all that decides about it."""
    return any(
        first - back > span.first - gap and span.last >= first and span.first <= last
        for first, last in windows
    )
