"""A step of a correlation: what fires around the events that can newly be found."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from audit_alerts.candidates import Driver, Window, candidate_windows, driver_of, merge_windows
from audit_alerts.episodes import SAMPLES, FiringSpan
from audit_alerts.evaluate import BaseMatches, Evaluation
from audit_alerts.evidence import Evidence, evidence_of_events, evidence_of_groups
from audit_alerts.log_background import LogBackground
from audit_alerts.log_reader import LogReader, together
from audit_alerts.matches import GroupValues, Match
from audit_alerts.plan import Base, Correlation, Node, Rule, bases_of, group_fields, nodes_of
from audit_alerts.runner.changes import EpisodeTarget, ExistingAlerts, Spans, has_episode

__all__ = ["EventStep", "core_reach"]

_SECOND = 1000
_MINUTE = 60_000
_CELLS = 60
"""Cells of a timespan, where a flood is counted by them."""
_WIDENINGS = 12
"""How often the evaluation is widened to earlier events, each time to twice as much."""


def core_reach(node: Node) -> int:
    """Return for how long after an event it may be a part of what fires, histories left out.

    What a history condition decided stands; an event that comes late is judged itself, and does not
    have others judged again.
    """
    return node.span + max(map(core_reach, node.parts)) if isinstance(node, Correlation) else 0


class EventStep:
    """See `RuleStep`. Where an episode is new, it is widened to where what fires began."""

    def __init__(
        self,
        reader: LogReader,
        rule: Rule,
        root: Correlation,
        covered: int,
        existing: Callable[[Rule, Spans, int], ExistingAlerts],
    ) -> None:
        self.gap = root.span
        self._reader = reader
        self._rule = rule
        self._root = root
        self._covered = covered
        self._existing = existing
        self._core = core_reach(root)
        self._background = LogBackground(reader)
        self._bases = tuple({base.name: base for base in bases_of(root)}.values())

    def spans(self) -> Spans:
        """Return when the rule fired because of the new events."""
        affected = self._candidates(self._affected())
        result: dict[GroupValues, list[FiringSpan]] = {}
        back = 0
        for widening in range(_WIDENINGS):
            if not affected:
                break
            fired = self._fired(affected, back)
            result |= fired
            affected, back = self._incomplete(fired, affected, back), self._core * 2**widening
        return result

    def evidence(self, targets: Sequence[EpisodeTarget]) -> list[Evidence]:
        """Return the events of each span; where histories decide, those that they let through."""
        if not any(base.history_condition for base in self._bases):
            wanted = [(each.group, (each.span.since, each.span.last)) for each in targets]
            return evidence_of_groups(self._reader, self._root, wanted)
        return evidence_of_events(self._reader, [self._samples(each) for each in targets])

    def _affected(self) -> dict[GroupValues, list[Window]]:
        """Return for each group the windows in which the new events may make the rule fire."""
        minutes: dict[GroupValues, set[int]] = {}
        fields = {base.name: group_fields(self._root, base) for base in self._bases}
        driver = Driver((), self._root.group_by, fields, _MINUTE, 1)
        fresh = {"range": {"event.ingested": {"gt": self._covered, "format": "epoch_millis"}}}
        for base in self._bases:
            for bucket in self._reader.counts(driver, base, fresh):
                group = tuple(bucket["key"][f"group{n}"] for n in range(len(driver.group_by)))
                minutes.setdefault(group, set()).add(bucket["key"]["step"])
        length = _MINUTE - 1 + self._core
        return {
            group: merge_windows((start, start + length) for start in starts)
            for group, starts in minutes.items()
        }

    def _candidates(self, affected: dict[GroupValues, list[Window]]) -> dict[GroupValues, list[Window]]:
        """Leave out the groups that have too few events to fire."""
        driver = driver_of(self._root)
        is_whole = {base.name for base in driver.bases} == {base.name for base in self._bases}
        if not affected or (driver.at_least == 1 and is_whole):
            return affected
        windows = [(first - self._core, last) for first, last in _all(affected)]
        buckets = [
            bucket
            for base in {base.name: base for base in driver.bases}.values()
            for bucket in self._reader.group_counts(driver, base, self._root, affected, windows)
        ]
        likely = candidate_windows(driver, buckets)
        return {group: windows for group, windows in affected.items() if group in likely}

    def _fired(
        self, affected: Mapping[GroupValues, list[Window]], back: int
    ) -> dict[GroupValues, list[FiringSpan]]:
        """Return the spans that touch the affected windows, by all events from so far back on."""
        reach = self._root.reach + back
        fired: dict[GroupValues, list[FiringSpan]] = {}
        for groups in together(self._root, affected):
            near = [(first - reach, last) for group in groups for first, last in affected[group]]
            found = Evaluation(self._rule, self._matches(groups, near), self._background).spans()
            for group in groups:
                windows = affected[group]
                spans = [each for each in found.get(group, ()) if _touches(each, windows, self.gap)]
                if spans:
                    fired[group] = spans
        return fired

    def _incomplete(
        self,
        fired: Mapping[GroupValues, list[FiringSpan]],
        affected: Mapping[GroupValues, list[Window]],
        back: int,
    ) -> dict[GroupValues, list[Window]]:
        """Return the groups with spans that may have begun earlier, and belong to no episode yet."""
        edged = {
            group: [span for span in spans if _is_edged(span, affected[group], back, self.gap)]
            for group, spans in fired.items()
        }
        edged = {group: spans for group, spans in edged.items() if spans}
        if not edged:
            return {}
        existing = self._existing(self._rule, edged, self.gap)
        return {
            group: affected[group]
            for group, spans in edged.items()
            if not all(has_episode(existing.get(group, ()), span, self.gap) for span in spans)
        }

    def _matches(self, groups: Iterable[GroupValues], windows: Sequence[Window]) -> BaseMatches:
        known = list(groups)
        return {base.name: self._read(base, known, windows) for base in self._bases}

    def _read(
        self, base: Base, groups: Sequence[GroupValues], windows: Sequence[Window]
    ) -> Iterable[Match]:
        """Return a base rule's matches: events, or cells if the rule says so or events are too many."""
        length = self._root.cell
        if not length and base.history_condition is None:
            is_flood = self._reader.is_flood(self._root, base, groups, windows)
            length = _flood_cell(self._root) if is_flood else 0
        if length:
            return self._reader.cells(self._root, base, groups, windows, length)
        return self._reader.matches(self._root, base, groups, windows)

    def _samples(self, target: EpisodeTarget) -> tuple[list[str], int]:
        """Return some events of a span, and how many it has, judged by its own history alone."""
        span = target.span
        matches = self._matches([target.group], [(span.since - self._root.reach, span.last)])
        episodes = [
            episode
            for episode in Evaluation(self._rule, matches, self._background).episodes()
            if episode.group == target.group
            and episode.fired <= span.last
            and episode.last >= span.first
        ]
        ids = dict.fromkeys(sample for episode in episodes for sample in episode.samples)
        return list(ids)[:SAMPLES], sum(episode.count for episode in episodes)


def _flood_cell(root: Correlation) -> int:
    """Return a length of cells at which windows are still about as long as they should be."""
    spans = [node.span for node in nodes_of(root) if isinstance(node, Correlation)]
    return max(_SECOND, min(spans) // _CELLS)


def _all(affected: Mapping[Any, list[Window]]) -> list[Window]:
    return [window for windows in affected.values() for window in windows]


def _touches(span: FiringSpan, windows: Sequence[Window], gap: int) -> bool:
    return any(span.last >= first and span.first <= last + gap for first, last in windows)


def _is_edged(span: FiringSpan, windows: Sequence[Window], back: int, gap: int) -> bool:
    """Tell whether a span may have begun before what was read with all that decides about it."""
    return any(
        first - back > span.first - gap and span.last >= first and span.first <= last
        for first, last in windows
    )
