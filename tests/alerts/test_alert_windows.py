"""Windows of time that overlap or touch are one."""

from itertools import pairwise

from audit_alerts.candidates import merge_windows
from hypothesis import given
from hypothesis import strategies as st

WINDOWS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9)).map(lambda pair: (pair[0], sum(pair))), max_size=12
)


@given(WINDOWS, st.integers(1, 5))
def test_merged_windows_are_sorted_and_further_than_the_gap_apart(
    windows: list[tuple[int, int]], gap: int
) -> None:
    """With a gap of one, they cover the same milliseconds as before."""
    merged = merge_windows(windows, gap=gap)
    assert all(end + gap < start for (_, end), (start, _) in pairwise(merged))
    covered = {n for first, last in windows for n in range(first, last + 1)}
    assert covered <= {n for first, last in merged for n in range(first, last + 1)}
    assert covered == {n for first, last in merge_windows(windows) for n in range(first, last + 1)}
