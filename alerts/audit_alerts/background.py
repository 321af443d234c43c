"""What decides about an event beside the events of its rule: who was known before, and other days.

The evaluation asks for it by a `Background`: events in memory here, Elasticsearch in `log_background`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Protocol

from audit_alerts.matches import GroupValues, Match, group_values, matches_of_base, needed_fields
from audit_alerts.plan import Base, Correlation, Kind, SeenBefore, Surge, bases_of, group_fields
from audit_alerts.sliding import GroupFiring

__all__ = ["Background", "EventBackground", "Seen", "filter_by_seen", "filter_by_surge"]

_DAY = 86_400_000
_CHUNK = 2000
_KEYS_MAX = 20_000
"""Groups whose past is remembered; there is no end of names that a guesser makes up."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Events of a group within a day, with the same value of what is counted."""

    first: int
    last: int
    value: str | None = None


class Background(Protocol):
    """What the log knows beside a rule's own events."""

    def seen(
        self, condition: SeenBefore, groups: Collection[GroupValues], since: int
    ) -> Mapping[GroupValues, Sequence[Seen]]:
        """Return earlier events of these groups, from a time on; those of others may be among them."""
        ...

    def sizes(
        self, root: Correlation, group: GroupValues, windows: Sequence[tuple[int, int]]
    ) -> Sequence[int]:
        """Return how much a group has in windows, from after one time up to another, all included."""
        ...


def filter_by_seen(
    conditions: Iterable[SeenBefore], matches: Iterable[Match], background: Background
) -> Iterable[Match]:
    """Return the matches that the conditions keep, in the same order."""
    for condition in conditions:
        matches = _by_seen(condition, matches, background)
    return matches


def filter_by_surge(
    root: Correlation, fired: Iterable[GroupFiring], background: Background
) -> Iterable[GroupFiring]:
    """Return the moments at which there is far more than at the same time of the days before.

    Moments in the same cell of time are compared with the same windows: they end where the cell does.
    """
    return fired if root.surge is None else _surges(root, root.surge, fired, background)


class EventBackground:
    """The background that events in memory give."""

    def __init__(self, root: Any, events: Iterable[Mapping[str, Any]]) -> None:
        self._root = root
        self._events = events
        self._seen: dict[SeenBefore, dict[GroupValues, list[Seen]]] = {}

    def seen(
        self, condition: SeenBefore, _: Collection[GroupValues], __: int
    ) -> Mapping[GroupValues, Sequence[Seen]]:
        """Return the events of all groups."""
        if condition not in self._seen:
            found = self._seen.setdefault(condition, {})
            counted = condition.counted
            wanted = {*condition.by, *([counted] if counted else ())}
            for match in matches_of_base(condition.base, wanted, self._events):
                if (group := group_values(match, condition.by)) is not None:
                    value = match.values.get(counted) if counted else None
                    found.setdefault(group, []).append(Seen(match.at, match.at, value))
        return self._seen[condition]

    def sizes(
        self, root: Correlation, group: GroupValues, windows: Sequence[tuple[int, int]]
    ) -> Sequence[int]:
        """Return how many events, or values of what is counted, there are in each window."""
        members = self._members.get(group, [])
        times = [at for at, _ in members]
        found = []
        for after, upto in windows:
            some = members[bisect_right(times, after) : bisect_right(times, upto)]
            values = {value for _, value in some if value is not None}
            found.append(len(values) if root.kind is Kind.VALUE_COUNT else len(some))
        return found

    @cached_property
    def _members(self) -> Mapping[GroupValues, list[tuple[int, str | None]]]:
        found: dict[GroupValues, list[tuple[int, str | None]]] = {}
        for base in _distinct(bases_of(self._root)):
            names = group_fields(self._root, base)
            for match in matches_of_base(base, needed_fields(self._root, base), self._events):
                if (group := group_values(match, names)) is not None:
                    value = match.values.get(self._root.counted or "")
                    found.setdefault(group, []).append((match.at, value))
        return {group: sorted(members, key=lambda each: each[0]) for group, members in found.items()}


def _by_seen(
    condition: SeenBefore, matches: Iterable[Match], background: Background
) -> Iterator[Match]:
    known: dict[GroupValues, Sequence[Seen]] = {}
    rest = iter(matches)
    while chunk := list(islice(rest, _CHUNK)):
        keys = [group_values(match, condition.by) for match in chunk]
        if new := {key for key in keys if key is not None and key not in known}:
            if len(known) > _KEYS_MAX:
                known.clear()
                new = {key for key in keys if key is not None}
            found = background.seen(condition, new, chunk[0].at - condition.history)
            known |= {key: found.get(key, ()) for key in new}
        for match, key in zip(chunk, keys, strict=True):
            is_known = key is not None and _is_known(condition, known[key], match.at)
            if is_known == condition.is_wanted:
                yield match


def _surges(
    root: Correlation, surge: Surge, fired: Iterable[GroupFiring], background: Background
) -> Iterator[GroupFiring]:
    cell = root.cell or 1
    before: dict[tuple[GroupValues, int], int] = {}
    rest = iter(fired)
    while chunk := [
        (group, -(-firing.match.at // cell) * cell, firing) for group, firing in islice(rest, _CHUNK)
    ]:
        if len(before) > _KEYS_MAX:
            before.clear()
        ends: dict[GroupValues, set[int]] = {}
        for group, end, _ in chunk:
            if (group, end) not in before:
                ends.setdefault(group, set()).add(end)
        for group, new in ends.items():
            before |= {(group, end): most for end, most in _most(root, surge, group, new, background)}
        for group, end, firing in chunk:
            if firing.size >= surge.factor * before[group, end]:
                yield group, firing


def _most(
    root: Correlation, surge: Surge, group: GroupValues, ends: Collection[int], background: Background
) -> Iterator[tuple[int, int]]:
    """Yield each end of a window with the most that the group had then on any of the days before."""
    days = [day * _DAY for day in range(1, surge.days + 1)]
    windows = [(end - day - root.span, end - day) for end in ends for day in days]
    sizes = iter(background.sizes(root, group, windows))
    for end in ends:
        yield end, max(islice(sizes, len(days)))


def _is_known(condition: SeenBefore, seen: Sequence[Seen], at: int) -> bool:
    near = seen[: bisect_left(seen, at - condition.lag, key=lambda each: each.first)]
    values = {each.value for each in near if each.last >= at - condition.history}
    if condition.counted is not None:
        values.discard(None)
    return len(values) >= condition.least


def _distinct(bases: Iterable[Base]) -> Iterable[Base]:
    return {base.name: base for base in bases}.values()
