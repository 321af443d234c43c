"""A rule and events make episodes: all parts of the evaluation put together. Pure."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from audit_alerts.absence import absences
from audit_alerts.background import Background, EventBackground, filter_by_seen, filter_by_surge
from audit_alerts.cells import cells_of
from audit_alerts.episodes import Episode, EpisodeEvents, FiringSpan, joined
from audit_alerts.history_conditions import filter_by_history
from audit_alerts.matches import GroupValues, Match, group_values, matches_of_base, needed_fields, place
from audit_alerts.plan import Absence, Base, Correlation, Node, Rule, bases_of, group_fields
from audit_alerts.sliding import Firing, GroupFiring, GroupWindows, Part

__all__ = ["BaseMatches", "Evaluation", "base_matches", "evaluate", "firing_spans"]

Event = Mapping[str, Any]
BaseMatches = Mapping[str, Iterable[Match]]
"""The matches of each base rule by its name, in order of time, before its history condition.

They are gone through several times, and never held: each time may read them anew.
"""


def evaluate(rule: Rule, events: Iterable[Event], *, until: int | None = None) -> list[Episode]:
    """Return what the rule fires on these events, in order of time.

    It needs all events that its bases fit, from `rule.root.reach` before the time of interest on.
    `until`, in milliseconds, is how far the log is complete; by default up to the last event.
    """
    known = list(events)
    background = EventBackground(rule.root, known)
    return Evaluation(rule, base_matches(rule, known), background).episodes(until=until)


def base_matches(rule: Rule, events: Iterable[Event]) -> BaseMatches:
    """Return the matches of all base rules."""
    bases = {base.name: base for base in bases_of(rule.root)}
    known = events if len(bases) == 1 else list(events)
    return {
        name: matches_of_base(base, needed_fields(rule.root, base), known)
        for name, base in bases.items()
    }


class Evaluation:
    """A rule over the matches of its bases."""

    def __init__(self, rule: Rule, matches: BaseMatches, background: Background) -> None:
        self._rule = rule
        self._matches = matches
        self._background = background

    def episodes(self, *, until: int | None = None) -> list[Episode]:
        """Return the episodes of all groups, in order of time."""
        gathered = {
            group: [EpisodeEvents(span) for span in spans]
            for group, spans in self._spans(until).items()
        }
        for group, match in self._leaves():
            for events in gathered.get(group, ()):
                events.add(match)
        name, group_by = self._rule.name, self._rule.root.group_by
        found = [
            events.episode(name, group_by, group) for group, each in gathered.items() for events in each
        ]
        return sorted(found, key=lambda episode: (episode.fired, episode.key))

    def spans(self, *, until: int | None = None) -> dict[GroupValues, list[FiringSpan]]:
        """Return when each group's episodes were, without their events."""
        return self._spans(until)

    def _spans(self, until: int | None) -> dict[GroupValues, list[FiringSpan]]:
        root = self._rule.root
        if isinstance(root, Absence):
            times: dict[GroupValues, list[int]] = {}
            for group, match in self._leaves():
                times.setdefault(group, []).append(match.at)
            known = max((found[-1] for found in times.values()), default=0)
            upto = known if until is None else until
            return _filled((group, list(absences(root, at, upto))) for group, at in times.items())
        spans: dict[GroupValues, list[FiringSpan]] = {}
        for group, firing in filter_by_surge(root, _fired(root, self._found), self._background):
            known_spans = spans.setdefault(group, [])
            known_spans[-1:] = joined(known_spans[-1:], [_span(firing)], root.span)
        return spans

    def _found(self, base: Base) -> Iterable[Match]:
        """Return the matches that decide."""
        root, matches = self._rule.root, self._looked_at(base)
        if isinstance(root, Correlation) and root.cell:
            matches = cells_of(matches, root.cell)
        return filter_by_seen(base.seen_before, matches, self._background)

    def _looked_at(self, base: Base) -> Iterable[Match]:
        return filter_by_history(base.history_condition, self._matches[base.name])

    def _leaves(self) -> Iterator[tuple[GroupValues, Match]]:
        """Yield each group's events, all in order of time."""
        root = self._rule.root

        def leaves(base: Base) -> Iterator[tuple[GroupValues, Match]]:
            names = group_fields(root, base)
            for match in self._looked_at(base):
                if (group := _group(match, root.group_by, names)) is not None:
                    yield group, match

        return heapq.merge(*map(leaves, bases_of(root)), key=lambda leaf: place(leaf[1]))


def firing_spans(
    found: Mapping[GroupValues, list[FiringSpan]],
    known: Mapping[GroupValues, list[FiringSpan]],
    gap: int,
) -> dict[GroupValues, list[FiringSpan]]:
    """Return the spans of two evaluations, joined group by group."""
    return {
        group: joined(known.get(group, []), found.get(group, []), gap) for group in {**known, **found}
    }


def _fired(plan: Correlation, found: Callable[[Base], Iterable[Match]]) -> Iterator[GroupFiring]:
    """Yield the moments at which groups fire, in order of time."""

    def stream(number: int, part: Node) -> Iterator[tuple[GroupValues, Part]]:
        names = [plan.below(name, part) for name in plan.group_by]
        for match in _matches(part, found):
            if (group := _group(match, plan.group_by, names)) is not None:
                yield group, (match, number)

    windows = GroupWindows(plan)
    streams = [stream(number, part) for number, part in enumerate(plan.parts)]
    merged = heapq.merge(*streams, key=_moment)
    for at, together in groupby(merged, key=_moment):
        yield from windows.fired(at, together)


def _moment(part: tuple[GroupValues, Part]) -> int:
    return part[1][0].at


def _matches(node: Node, found: Callable[[Base], Iterable[Match]]) -> Iterator[Match]:
    """Yield the events of a base rule, or the moments of a correlation with its groups as values."""
    if isinstance(node, Base):
        yield from found(node)
        return
    for group, firing in _fired(node, found):
        values = dict(zip(node.group_by, group, strict=True))
        match = firing.match
        yield Match(match.at, match.order, match.id, firing.since, values)


def _group(match: Match, names: Sequence[str], below: Sequence[str]) -> GroupValues | None:
    """Return the group that a match is in, by what its fields are called in its own part."""
    if list(names) == list(below):
        return group_values(match, names)
    values = {name: match.values.get(path) for name, path in zip(names, below, strict=True)}
    return group_values(Match(match.at, match.order, match.id, match.since, values), names)


def _span(firing: Firing) -> FiringSpan:
    return FiringSpan(firing.since, firing.match.at, firing.match.at, firing.size)


def _filled(
    found: Iterable[tuple[GroupValues, list[FiringSpan]]],
) -> dict[GroupValues, list[FiringSpan]]:
    return {group: spans for group, spans in found if spans}
