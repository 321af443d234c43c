"""The exact check: at which moments does what happened in the time before fulfil a correlation. Pure.

A moment t at which something happened fires if the window (t - span, t] fulfils it. Windows slide
with the events and have no fixed edges, so nothing that straddles one is missed. What counts is when
things happened, never when they came: any order of arrival gives the same moments.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from audit_alerts.matches import Match
from audit_alerts.plan import Correlation, Kind

__all__ = ["Firing", "Part", "firings"]

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


class _Window(Protocol):
    """What is in (t - span, t], as t moves on."""

    def add(self, match: Match, part: int) -> None: ...
    def forget(self, until: int) -> None: ...
    def size(self) -> int: ...
    def since(self) -> int: ...


def firings(plan: Correlation, parts: Sequence[Part]) -> Iterator[Firing]:
    """Yield the moments that fire, in order, one for each at which something happened.

    Time grows as n log n with the number of matches, whatever the span.
    """
    window: _Window = _WINDOWS[plan.kind](plan)
    ordered = sorted(parts, key=_position)
    for at, together in groupby(ordered, key=lambda part: part[0].at):
        last = None
        for match, part in together:
            window.add(match, part)
            last = match
        window.forget(at - plan.span)
        if last is not None and (size := window.size()) >= plan.at_least:
            yield Firing(last, window.since(), size)


def _position(part: Part) -> tuple[int, tuple[int, int], str, int]:
    """One event's later parts come first, so that it is never its own predecessor."""
    match, number = part
    return match.at, match.order, match.id, -number


class _Counting:
    """How many matches."""

    def __init__(self, _: Correlation) -> None:
        self._matches: deque[Match] = deque()

    def add(self, match: Match, _: int) -> None:
        self._matches.append(match)

    def forget(self, until: int) -> None:
        while self._matches and self._matches[0].at <= until:
            self._matches.popleft()

    def size(self) -> int:
        return len(self._matches)

    def since(self) -> int:
        return self._matches[0].since


class _Valuing(_Counting):
    """How many values of a field; matches without one do not count."""

    def __init__(self, plan: Correlation) -> None:
        super().__init__(plan)
        self._plan = plan
        self._values: Counter[str] = Counter()
        self._counted: deque[str] = deque()

    def add(self, match: Match, part: int) -> None:
        name = self._plan.below(self._plan.counted or "", self._plan.parts[part])
        if (value := match.values.get(name)) is not None:
            super().add(match, part)
            self._counted.append(value)
            self._values[value] += 1

    def forget(self, until: int) -> None:
        while self._matches and self._matches[0].at <= until:
            self._matches.popleft()
            value = self._counted.popleft()
            self._values[value] -= 1
            if not self._values[value]:
                del self._values[value]

    def size(self) -> int:
        return len(self._values)


class _Together:
    """How many parts, in any order."""

    def __init__(self, _: Correlation) -> None:
        self._latest: dict[int, Match] = {}

    def add(self, match: Match, part: int) -> None:
        self._latest[part] = match

    def forget(self, until: int) -> None:
        self._latest = {part: match for part, match in self._latest.items() if match.at > until}

    def size(self) -> int:
        return len(self._latest)

    def since(self) -> int:
        return min(match.since for match in self._latest.values())


class _InOrder:
    """How many parts, one after the other: for each, the latest beginning of a row that ends in it.

    What happened at one moment in several partitions has no order that anybody knows. So the
    partitions are gone through forth and back, and a row that either finds counts.
    """

    def __init__(self, plan: Correlation) -> None:
        self._rows: list[Match | None] = [None] * len(plan.parts)
        self._moment: list[Part] = []

    def add(self, match: Match, part: int) -> None:
        self._moment.append((match, part))

    def forget(self, until: int) -> None:
        rows = self._through(self._moment)
        if len({match.order[0] for match, _ in self._moment}) > 1:
            back = self._through(sorted(self._moment, key=lambda part: -part[0].order[0]))
            rows = [_later(*each) for each in zip(rows, back, strict=True)]
        self._moment = []
        self._rows = [begin if begin and begin.at > until else None for begin in rows]

    def size(self) -> int:
        return len(self._rows) if self._rows[-1] is not None else 0

    def since(self) -> int:
        begin = self._rows[-1]
        return begin.since if begin is not None else 0

    def _through(self, moment: Sequence[Part]) -> list[Match | None]:
        rows = list(self._rows)
        for match, part in moment:
            rows[part] = _later(rows[part], match if part == 0 else rows[part - 1])
        return rows


def _later(known: Match | None, begin: Match | None) -> Match | None:
    """Return the one that began later, the second of two of a moment."""
    if known is None or begin is None:
        return known or begin
    return begin if begin.at >= known.at else known


_WINDOWS: dict[Kind, type[_Counting] | type[_Together] | type[_InOrder]] = {
    Kind.EVENT_COUNT: _Counting,
    Kind.VALUE_COUNT: _Valuing,
    Kind.TEMPORAL: _Together,
    Kind.TEMPORAL_ORDERED: _InOrder,
}
