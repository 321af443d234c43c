"""A rule and events make episodes: all parts of the evaluation put together. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from audit_alerts.episodes import Episode, Span, described, joined, spans_of
from audit_alerts.hits import Group, Hit, group_of, hits_of_base, needed_fields
from audit_alerts.marks import marked
from audit_alerts.plan import Base, Correlation, Node, Rule, Silence, bases_of, field_below
from audit_alerts.silence import silences
from audit_alerts.sliding import Firing, Part, firings

__all__ = ["BaseHits", "Evaluation", "base_hits", "evaluate", "firing_spans"]

Event = Mapping[str, Any]
BaseHits = Mapping[str, Sequence[Hit]]
"""The hits of each base rule by its name, in order of time, before its mark."""


def evaluate(rule: Rule, events: Iterable[Event], *, until: int | None = None) -> list[Episode]:
    """Return what the rule fires on these events, in order of time.

    It needs all events that its bases fit, from `rule.root.reach` before the time of interest on.
    `until`, in milliseconds, is how far the log is complete; by default up to the last event.
    """
    return Evaluation(rule, base_hits(rule, events)).episodes(until=until)


def base_hits(rule: Rule, events: Iterable[Event]) -> BaseHits:
    """Return the hits of all base rules."""
    known = list(events)
    return {
        base.name: hits_of_base(base, needed_fields(rule.root, base), known)
        for base in bases_of(rule.root)
    }


class Evaluation:
    """A rule over the hits of its bases."""

    def __init__(self, rule: Rule, hits: BaseHits) -> None:
        self._rule = rule
        self._hits = hits

    def episodes(self, *, until: int | None = None) -> list[Episode]:
        """Return the episodes of all groups, in order of time."""
        root = self._rule.root
        leaves = self._leaves()
        found: list[Episode] = []
        for group, spans in self._spans(until).items():
            found += described(self._rule.name, root.group_by, group, spans, leaves.get(group, []))
        return sorted(found, key=lambda episode: (episode.fired, episode.key))

    def spans(self, *, until: int | None = None) -> dict[Group, list[Span]]:
        """Return when each group's episodes were, without their events."""
        return self._spans(until)

    def _spans(self, until: int | None) -> dict[Group, list[Span]]:
        root = self._rule.root
        if isinstance(root, Silence):
            times = {group: sorted(hit.at for hit in hits) for group, hits in self._leaves().items()}
            known = max((found[-1] for found in times.values()), default=0)
            upto = known if until is None else until
            return _filled((group, list(silences(root, at, upto))) for group, at in times.items())
        return _filled(
            (group, spans_of(map(_span, found), root.span))
            for group, found in _fired(root, self._found).items()
        )

    def _found(self, base: Base) -> Sequence[Hit]:
        return marked(base.mark, self._hits[base.name])

    def _leaves(self) -> dict[Group, list[Hit]]:
        """Return each group's events, in order of time."""
        root = self._rule.root
        found: dict[Group, list[Hit]] = {}
        for base in bases_of(root):
            names = [
                field_below(root, name, base) or name if isinstance(root, Correlation) else name
                for name in root.group_by
            ]
            for hit in self._found(base):
                if (group := _group(hit, root.group_by, names)) is not None:
                    found.setdefault(group, []).append(hit)
        for hits in found.values():
            hits.sort(key=lambda hit: (hit.at, hit.order, hit.id))
        return found


def firing_spans(
    found: Mapping[Group, list[Span]], known: Mapping[Group, list[Span]], gap: int
) -> dict[Group, list[Span]]:
    """Return the spans of two evaluations, joined group by group."""
    return {
        group: joined(known.get(group, []), found.get(group, []), gap) for group in {**known, **found}
    }


def _fired(plan: Correlation, found: Callable[[Base], Sequence[Hit]]) -> dict[Group, list[Firing]]:
    groups: dict[Group, list[Part]] = {}
    for number, part in enumerate(plan.parts):
        names = [plan.below(name, part) for name in plan.group_by]
        for hit in _hits(part, found):
            if (group := _group(hit, plan.group_by, names)) is not None:
                groups.setdefault(group, []).append((hit, number))
    return {group: fired for group, parts in groups.items() if (fired := list(firings(plan, parts)))}


def _hits(node: Node, found: Callable[[Base], Sequence[Hit]]) -> Iterator[Hit]:
    """Yield the events of a base rule, or the moments of a correlation with its groups as values."""
    if isinstance(node, Base):
        yield from found(node)
        return
    for group, fired in _fired(node, found).items():
        values = dict(zip(node.group_by, group, strict=True))
        for firing in fired:
            hit = firing.hit
            yield Hit(hit.at, hit.order, hit.id, firing.since, values)


def _group(hit: Hit, names: Sequence[str], below: Sequence[str]) -> Group | None:
    """Return the group that a hit is in, by what its fields are called in its own part."""
    if list(names) == list(below):
        return group_of(hit, names)
    values = {name: hit.values.get(path) for name, path in zip(names, below, strict=True)}
    return group_of(Hit(hit.at, hit.order, hit.id, hit.since, values), names)


def _span(firing: Firing) -> Span:
    return Span(firing.since, firing.hit.at, firing.hit.at, firing.size)


def _filled(found: Iterable[tuple[Group, list[Span]]]) -> dict[Group, list[Span]]:
    return {group: spans for group, spans in found if spans}
