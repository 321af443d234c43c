"""The exact check: at which moments does what happened in the time before fulfil a correlation. Pure.

A moment t at which something happened fires if the window (t - span, t] fulfils it. Windows slide
with the events and have no fixed edges, so nothing that straddles one is missed. What counts is when
things happened, never when they came: any order of arrival gives the same moments.
"""

import sys
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from audit_alerts.matches import GroupValues, Match
from audit_alerts.plan import Correlation, Kind

__all__ = ["Firing", "GroupFiring", "GroupWindows", "Part", "firings"]

_SPARE = 1024
_NEVER = -sys.maxsize

Part = tuple[Match, int]
"""A match of one group, and which of the correlation's parts found it."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A moment at which a window fulfils the correlation."""

    match: Match
    """The last that happened at that moment."""
    since: int
    """When the first of what the window holds began."""
    size: int
    """How many matches, values or parts the window holds."""


GroupFiring = tuple[GroupValues, Firing]


class _Window(Protocol):
    """What is in (t - span, t], as t moves on."""

    def add(self, match: Match, part: int) -> None: ...
    def forget(self, until: int) -> None: ...
    def size(self) -> int: ...
    def since(self) -> int: ...


class GroupWindows:
    """The windows of all groups of a correlation, as time moves on.

    They hold what decides and no more: times, and the latest of each value or part. `since` is that of
    the first of what they hold, so that events which come late only ever make it earlier. An attack of
    hundreds of thousands of events takes some megabytes.
    """

    def __init__(self, plan: Correlation) -> None:
        self._plan = plan
        self._windows: dict[GroupValues, _Window] = {}

    def fired(self, at: int, parts: Iterable[tuple[GroupValues, Part]]) -> Iterator[GroupFiring]:
        """Yield the groups that fire at a moment, by all that happened then; moments come in order."""
        last: dict[GroupValues, Match] = {}
        for group, (match, number) in sorted(parts, key=lambda each: _position(each[1])):
            if group not in self._windows:
                self._windows[group] = _WINDOWS[self._plan.kind](self._plan)
            self._windows[group].add(match, number)
            last[group] = match
        for group, match in last.items():
            window = self._windows[group]
            window.forget(at - self._plan.span)
            if (size := window.size()) >= self._plan.at_least:
                yield group, Firing(match, window.since(), size)


def firings(plan: Correlation, parts: Iterable[Part]) -> Iterator[Firing]:
    """Yield the moments of one group that fire, in order, one for each at which something happened.

    Time grows as n log n with the number of matches, whatever the span.
    """
    windows = GroupWindows(plan)
    for at, together in groupby(sorted(parts, key=_position), key=lambda part: part[0].at):
        for _, firing in windows.fired(at, [((), part) for part in together]):
            yield firing


def _position(part: Part) -> tuple[int, tuple[int, int], str, int]:
    """One event's later parts come first, so that it is never its own predecessor."""
    match, number = part
    return match.at, match.order, match.id, -number


class _Times:
    """When matches happened, when what they are about began, and how many each stands for.

    Twenty-four bytes a match.
    """

    def __init__(self) -> None:
        self._at = array("q")
        self._since = array("q")
        self._weight = array("q")
        self._first = 0
        self.weight = 0

    def append(self, match: Match) -> None:
        for earlier in range(len(self._since) - 1, self._first - 1, -1):
            if self._since[earlier] <= match.since:
                break
            self._since[earlier] = match.since  # of cells, the one that ends first may begin later
        self._at.append(match.at)
        self._since.append(match.since)
        self._weight.append(match.weight)
        self.weight += match.weight

    def forget(self, until: int) -> None:
        while self._first < len(self._at) and self._at[self._first] <= until:
            self.weight -= self._weight[self._first]
            self._first += 1
        if self._first > _SPARE and self._first * 2 > len(self._at):
            del self._at[: self._first], self._since[: self._first], self._weight[: self._first]
            self._first = 0

    def since(self) -> int:
        return self._since[self._first]


class _Counting:
    """How many matches."""

    def __init__(self, _: Correlation) -> None:
        self._times = _Times()

    def add(self, match: Match, _: int) -> None:
        self._times.append(match)

    def forget(self, until: int) -> None:
        self._times.forget(until)

    def size(self) -> int:
        return self._times.weight

    def since(self) -> int:
        return self._times.since()


class _Valuing:
    """How many values of a field; matches without one do not count."""

    def __init__(self, plan: Correlation) -> None:
        self._plan = plan
        self._times = _Times()
        self._latest: OrderedDict[str, int] = OrderedDict()  # value -> when last, the latest at the end

    def add(self, match: Match, part: int) -> None:
        name = self._plan.below(self._plan.counted or "", self._plan.parts[part])
        if (value := match.values.get(name)) is not None:
            self._times.append(match)
            self._latest[value] = match.at
            self._latest.move_to_end(value)

    def forget(self, until: int) -> None:
        self._times.forget(until)
        while self._latest and next(iter(self._latest.values())) <= until:
            self._latest.popitem(last=False)

    def size(self) -> int:
        return len(self._latest)

    def since(self) -> int:
        return self._times.since()


class _Together:
    """How many parts, in any order."""

    def __init__(self, _: Correlation) -> None:
        self._times = _Times()
        self._latest: dict[int, int] = {}  # part -> when last

    def add(self, match: Match, part: int) -> None:
        self._times.append(match)
        self._latest[part] = match.at

    def forget(self, until: int) -> None:
        self._times.forget(until)
        self._latest = {part: at for part, at in self._latest.items() if at > until}

    def size(self) -> int:
        return len(self._latest)

    def since(self) -> int:
        return self._times.since()


class _InOrder:
    """How many parts, one after the other: for each, when the latest row began that ends in it.

    Where that is in the window, the first beginning in it has a row as well.

    What happened at one moment in several partitions has no order that anybody knows. So the
    partitions are gone through forth and back, and a row that either finds counts.
    """

    def __init__(self, plan: Correlation) -> None:
        self._begun = _Times()
        self._rows = [_NEVER] * len(plan.parts)
        self._moment: list[Part] = []

    def add(self, match: Match, part: int) -> None:
        if part == 0:
            self._begun.append(match)
        self._moment.append((match, part))

    def forget(self, until: int) -> None:
        self._begun.forget(until)
        rows = self._through(self._moment)
        if len({match.order[0] for match, _ in self._moment}) > 1:
            back = self._through(sorted(self._moment, key=lambda part: -part[0].order[0]))
            rows = [max(each) for each in zip(rows, back, strict=True)]
        self._moment = []
        self._rows = [began if began > until else _NEVER for began in rows]

    def size(self) -> int:
        return len(self._rows) if self._rows[-1] > _NEVER else 0

    def since(self) -> int:
        return self._begun.since()

    def _through(self, moment: Sequence[Part]) -> list[int]:
        rows = list(self._rows)
        for match, part in moment:
            rows[part] = max(rows[part], match.at if part == 0 else rows[part - 1])
        return rows


_WINDOWS: dict[Kind, type[_Counting] | type[_Valuing] | type[_Together] | type[_InOrder]] = {
    Kind.EVENT_COUNT: _Counting,
    Kind.VALUE_COUNT: _Valuing,
    Kind.TEMPORAL: _Together,
    Kind.TEMPORAL_ORDERED: _InOrder,
}
