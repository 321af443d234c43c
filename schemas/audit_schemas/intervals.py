"""Intervals of integers, such as offsets or milliseconds."""

from collections.abc import Iterable, Iterator

__all__ = ["merge_intervals"]


def merge_intervals(intervals: Iterable[tuple[int, int]], *, gap: int = 0) -> Iterator[tuple[int, int]]:
    """Merge intervals (start, end) that overlap or are at most `gap` apart.

    They must be sorted by their starts. Lazy: memory does not grow with their number.
    """
    merged: tuple[int, int] | None = None
    for start, end in intervals:
        if merged is not None and start - merged[1] <= gap:
            merged = merged[0], max(merged[1], end)
            continue
        if merged is not None:
            yield merged
        merged = start, end
    if merged is not None:
        yield merged
