"""Intervals that overlap or touch are one."""

from itertools import pairwise

from audit_schemas import merge_intervals
from hypothesis import given
from hypothesis import strategies as st

INTERVALS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9)).map(lambda pair: (pair[0], sum(pair))), max_size=12
)


@given(INTERVALS, st.integers(1, 5))
def test_merged_intervals_are_sorted_and_further_than_the_gap_apart(
    intervals: list[tuple[int, int]], gap: int
) -> None:
    """With a gap of one, they cover the same numbers as before."""
    merged = merge_intervals(intervals, gap=gap)
    assert all(end + gap < start for (_, end), (start, _) in pairwise(merged))
    covered = {n for first, last in intervals for n in range(first, last + 1)}
    assert covered <= {n for first, last in merged for n in range(first, last + 1)}
    exact = merge_intervals(intervals)
    assert covered == {n for first, last in exact for n in range(first, last + 1)}
