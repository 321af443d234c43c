"""Closed intervals of whole numbers, such as milliseconds or offsets."""

from collections.abc import Iterable

__all__ = ["merge_intervals"]


def merge_intervals(intervals: Iterable[tuple[int, int]], *, gap: int = 1) -> list[tuple[int, int]]:
    """Return what intervals cover, sorted: neighbours that begin within `gap` of an end are one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + gap:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged
