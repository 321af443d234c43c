"""Events counted by steps of time: those alike in all that matters become one match. Pure.

What is known of a cell is when its first and last event happened, and how many there were. So a window
that begins in the middle of a cell may count some events too many, and a moment is that of a cell's
last event; how often a group fires, and when to within a cell, is the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from audit_alerts.matches import Match, place

__all__ = ["cells_of"]


def cells_of(matches: Iterable[Match], length: int) -> Iterator[Match]:
    """Yield the cells of matches that come in order of time, in that order too.

    Matches that are cells of this length already stay as they are.
    """
    for _, together in groupby(matches, key=lambda match: match.at // length):
        cells: dict[tuple[tuple[str, str | None], ...], Match] = {}
        for match in together:
            key = tuple(sorted(match.values.items()))
            before = cells.get(key)
            if before is not None:
                since, weight = min(before.since, match.since), before.weight + match.weight
                match = replace(match, since=since, weight=weight)  # noqa: PLW2901
            cells[key] = match
        yield from sorted(cells.values(), key=place)
