"""Sets of offsets."""

import tracemalloc
from itertools import pairwise

from audit_admin.offset_set import OffsetSet
from hypothesis import given, settings
from hypothesis import strategies as st

runs = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 700)), max_size=8)


def both(pairs: list[tuple[int, int]]) -> tuple[OffsetSet, set[int]]:
    """Return the same offsets as a set of ours and as one of Python's."""
    ours, theirs = OffsetSet(), set[int]()
    for first, length in pairs:
        ours.add_range(first, first + length)
        theirs |= set(range(first, first + length))
    return ours, theirs


@settings(deadline=None)  # a busy machine is no failure
@given(runs, runs, st.integers(0, 2700), st.lists(st.integers(0, 2700)))
def test_it_is_a_set_of_integers(
    one: list[tuple[int, int]], other: list[tuple[int, int]], at: int, removed: list[int]
) -> None:
    """Whatever is done to both, they hold the same."""
    a, expected_a = both(one)
    b, expected_b = both(other)
    assert (list(a), len(a), bool(a)) == (sorted(expected_a), len(expected_a), bool(expected_a))
    assert set(a - b) == expected_a - expected_b
    below, others = a.split(at)
    assert set(below) == {offset for offset in expected_a if offset < at}
    assert set(others) == {offset for offset in expected_a if offset >= at}
    assert (at in a) == (at in expected_a)
    for offset in removed:
        a.remove(offset)
        b.add(offset)
    assert set(a) == expected_a - set(removed)
    assert set(b) == expected_b | set(removed)


@settings(deadline=None)
@given(runs)
def test_ranges_are_the_runs_of_consecutive_offsets(pairs: list[tuple[int, int]]) -> None:
    """In order, none touches the next, and together they are the set."""
    offsets, expected = both(pairs)
    ranges = list(offsets.ranges())
    assert all(first <= last for first, last in ranges)
    assert all(one[1] + 1 < two[0] for one, two in pairwise(ranges))
    assert {offset for first, last in ranges for offset in range(first, last + 1)} == expected
    assert OffsetSet(ranges) == offsets


def test_ten_million_offsets_in_a_row_take_little_memory() -> None:
    """Verifying after an index was lost must not take a gigabyte."""
    tracemalloc.start()
    offsets = OffsetSet([(0, 9_999_999)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(offsets) == 10_000_000
    assert peak < 10 * 1024 * 1024
