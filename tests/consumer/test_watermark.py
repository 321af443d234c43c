"""The contiguous watermark."""

from audit_consumer.watermark import Watermark, Watermarks
from hypothesis import given
from hypothesis import strategies as st


@given(st.sets(st.integers(0, 200), min_size=1), st.data())
def test_position_never_passes_an_unsettled_record(offsets: set[int], data: st.DataObject) -> None:
    """Whatever the order of settling, all before the position is settled, and no record is missed."""
    watermark = Watermark()
    for offset in sorted(offsets):
        watermark.take(offset)
    settled: set[int] = set()
    for offset in data.draw(st.permutations(sorted(offsets))):
        watermark.settle(offset)
        settled.add(offset)
        unsettled = offsets - settled
        position = watermark.position
        if position is not None:
            assert all(offset >= position for offset in unsettled)
            assert position - 1 in settled
        else:
            assert min(offsets) in unsettled
    assert watermark.position == max(offsets) + 1
    assert watermark.waiting == 0


def test_gap_in_the_offsets_holds_nothing_back() -> None:
    """Kafka leaves gaps, for instance where a transaction ended."""
    watermark = Watermark()
    watermark.take(3)
    watermark.take(7)
    watermark.settle(3)
    assert watermark.position == 4
    watermark.settle(7)
    assert watermark.position == 8


def test_only_positions_that_moved_are_committed() -> None:
    """A commit that was made is not made again."""
    marks = Watermarks()
    marks.take(0, 5)
    marks.take(1, 9)
    marks.settle(0, 5)
    assert list(marks.uncommitted()) == [(0, 6)]
    marks.committed([(0, 6)])
    assert list(marks.uncommitted()) == []


def test_partition_that_was_taken_away_is_forgotten() -> None:
    """A record that is settled after its partition was revoked commits nothing."""
    marks = Watermarks()
    marks.take(0, 5)
    marks.drop(0)
    marks.settle(0, 5)
    assert list(marks.uncommitted()) == []
