"""A rule and events make episodes: all parts of the evaluation put together. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from audit_alerts.absence import absences
from audit_alerts.episodes import Episode, FiringSpan, described, joined, spans_of
from audit_alerts.history_conditions import filter_by_history
from audit_alerts.matches import GroupValues, Match, group_values, matches_of_base, needed_fields
from audit_alerts.plan import Absence, Base, Correlation, Node, Rule, bases_of, group_fields
from audit_alerts.sliding import Firing, Part, firings

__all__ = ["BaseMatches", "Evaluation", "base_matches", "evaluate", "firing_spans"]

Event = Mapping[str, Any]
BaseMatches = Mapping[str, Sequence[Match]]
"""The matches of each base rule by its name, in order of time, before its mark."""


def evaluate(rule: Rule, events: Iterable[Event], *, until: int | None = None) -> list[Episode]:
    """Return what the rule fires on these events, in order of time.

    It needs all events that its bases fit, from `rule.root.reach` before the time of interest on.
    `until`, in milliseconds, is how far the log is complete; by default up to the last event.
    """
    return Evaluation(rule, base_matches(rule, events)).episodes(until=until)


def base_matches(rule: Rule, events: Iterable[Event]) -> BaseMatches:
    """Return the matches of all base rules."""
    known = list(events)
    return {
        base.name: matches_of_base(base, needed_fields(rule.root, base), known)
        for base in bases_of(rule.root)
    }


class Evaluation:
    """A rule over the matches of its bases."""

    def __init__(self, rule: Rule, matches: BaseMatches) -> None:
        self._rule = rule
        self._matches = matches

    def episodes(self, *, until: int | None = None) -> list[Episode]:
        """Return the episodes of all groups, in order of time."""
        root = self._rule.root
        leaves = self._leaves()
        found: list[Episode] = []
        for group, spans in self._spans(until).items():
            found += described(self._rule.name, root.group_by, group, spans, leaves.get(group, []))
        return sorted(found, key=lambda episode: (episode.fired, episode.key))

    def spans(self, *, until: int | None = None) -> dict[GroupValues, list[FiringSpan]]:
        """Return when each group's episodes were, without their events."""
        return self._spans(until)

    def _spans(self, until: int | None) -> dict[GroupValues, list[FiringSpan]]:
        root = self._rule.root
        if isinstance(root, Absence):
            times = {
                group: sorted(match.at for match in matches)
                for group, matches in self._leaves().items()
            }
            known = max((found[-1] for found in times.values()), default=0)
            upto = known if until is None else until
            return _filled((group, list(absences(root, at, upto))) for group, at in times.items())
        return _filled(
            (group, spans_of(map(_span, found), root.span))
            for group, found in _fired(root, self._found).items()
        )

    def _found(self, base: Base) -> Sequence[Match]:
        return filter_by_history(base.history_condition, self._matches[base.name])

    def _leaves(self) -> dict[GroupValues, list[Match]]:
        """Return each group's events, in order of time."""
        root = self._rule.root
        found: dict[GroupValues, list[Match]] = {}
        for base in bases_of(root):
            names = group_fields(root, base)
            for match in self._found(base):
                if (group := _group(match, root.group_by, names)) is not None:
                    found.setdefault(group, []).append(match)
        for matches in found.values():
            matches.sort(key=lambda match: (match.at, match.order, match.id))
        return found


def firing_spans(
    found: Mapping[GroupValues, list[FiringSpan]],
    known: Mapping[GroupValues, list[FiringSpan]],
    gap: int,
) -> dict[GroupValues, list[FiringSpan]]:
    """Return the spans of two evaluations, joined group by group."""
    return {
        group: joined(known.get(group, []), found.get(group, []), gap) for group in {**known, **found}
    }


def _fired(
    plan: Correlation, found: Callable[[Base], Sequence[Match]]
) -> dict[GroupValues, list[Firing]]:
    groups: dict[GroupValues, list[Part]] = {}
    for number, part in enumerate(plan.parts):
        names = [plan.below(name, part) for name in plan.group_by]
        for match in _matches(part, found):
            if (group := _group(match, plan.group_by, names)) is not None:
                groups.setdefault(group, []).append((match, number))
    return {group: fired for group, parts in groups.items() if (fired := list(firings(plan, parts)))}


def _matches(node: Node, found: Callable[[Base], Sequence[Match]]) -> Iterator[Match]:
    """Yield the events of a base rule, or the moments of a correlation with its groups as values."""
    if isinstance(node, Base):
        yield from found(node)
        return
    for group, fired in _fired(node, found).items():
        values = dict(zip(node.group_by, group, strict=True))
        for firing in fired:
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
