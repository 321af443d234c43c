"""Merging of intervals."""

import pytest
from audit_schemas import merge_intervals


@pytest.mark.parametrize(
    ("intervals", "gap", "merged"),
    [
        ([], 0, []),
        ([(1, 2), (5, 7)], 0, [(1, 2), (5, 7)]),
        ([(1, 2), (2, 3)], 0, [(1, 3)]),
        ([(1, 2), (3, 4)], 0, [(1, 2), (3, 4)]),
        ([(1, 2), (3, 4), (9, 9)], 1, [(1, 4), (9, 9)]),
        ([(1, 9), (2, 3), (9, 10)], 0, [(1, 10)]),
    ],
)
def test_intervals_that_overlap_or_lie_close_are_merged(
    intervals: list[tuple[int, int]], gap: int, merged: list[tuple[int, int]]
) -> None:
    """An inner interval does not cut an outer one short."""
    assert merged == list(merge_intervals(intervals, gap=gap))
