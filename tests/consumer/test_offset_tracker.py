"""The contiguous watermark."""

import itertools

from audit_consumer.batch import Batch
from audit_consumer.offset_tracker import OffsetTracker
from hypothesis import given, settings
from hypothesis import strategies as st
from support.messages import message

Records = list[tuple[int, int]]


def packs_of(sizes: list[Records]) -> list[Batch]:
    """Return batches with records of these partitions and offsets."""
    batches = []
    for records in sizes:
        batch = Batch()
        for partition, offset in records:
            batch.add(message(b"x", partition=partition, offset=offset), b"lines")
        batches.append(batch)
    return batches


@st.composite
def readings(draw: st.DrawFn) -> list[Records]:
    """Give records of three partitions, in order, with gaps, cut into batches."""
    following = {0: 0, 1: 10, 2: 20}
    records: Records = []
    for partition, gap in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=40)
    ):
        following[partition] += gap
        records.append((partition, following[partition]))
    cuts = sorted(draw(st.sets(st.integers(1, len(records)), max_size=6)) | {0, len(records)})
    return [records[start:end] for start, end in itertools.pairwise(cuts)]


@settings(deadline=None)
@given(readings(), st.data())
def test_position_never_passes_an_unsettled_record(reading: list[Records], data: st.DataObject) -> None:
    """In whatever order batches come back, in parts and in halves, no record before it is unsettled."""
    marks = OffsetTracker()
    batches = packs_of(reading)
    for batch in batches:
        marks.take(batch)
    unsettled = {record for records in reading for record in records}
    waiting = list(batches)
    while waiting:
        batch = data.draw(st.sampled_from(waiting))
        left = data.draw(st.sets(st.integers(0, len(batch.messages) - 1))) if len(batch) > 1 else set()
        if len(left) == len(batch):
            left = set()
        gone = [m for n, m in enumerate(batch.messages) if n not in left]
        batch.keep(sorted(left))
        unsettled -= {(m.partition() or 0, m.offset() or 0) for m in gone}
        is_settled = marks.settle(batch)
        assert is_settled == (not len(batch))
        if is_settled:
            waiting.remove(batch)
        elif len(batch) > 1 and data.draw(st.booleans()):
            waiting.append(marks.split(batch))
        for partition, position in marks.uncommitted():
            assert all(offset >= position for p, offset in unsettled if p == partition)
    ends: dict[int, int] = {}
    for records in reading:
        ends.update({partition: offset + 1 for partition, offset in records})
    assert dict(marks.uncommitted()) == ends
    assert len(marks) == 0


def test_record_before_a_refused_one_may_be_committed() -> None:
    """A batch that is settled in part moves its partition up to the first record that is not."""
    marks = OffsetTracker()
    (batch,) = packs_of([[(0, 5), (0, 6), (0, 7), (1, 3)]])
    marks.take(batch)
    batch.keep([1])
    assert not marks.settle(batch)
    assert dict(marks.uncommitted()) == {0: 6, 1: 4}


def test_partition_has_no_position_before_one_of_its_batches_came_back() -> None:
    """A later batch that is quicker says nothing of it: else all that it ever had would be its lag."""
    marks = OffsetTracker()
    first, second = packs_of([[(0, 1000), (0, 1001)], [(0, 1002), (1, 7)]])
    marks.take(first)
    marks.take(second)
    second.keep([])
    marks.settle(second)
    assert marks.positions() == {1: 8}
    first.keep([])
    marks.settle(first)
    assert marks.positions() == {0: 1003, 1: 8}


def test_only_positions_that_moved_are_committed() -> None:
    """A commit that was made is not made again; one that failed is."""
    marks = OffsetTracker()
    (batch,) = packs_of([[(0, 5)]])
    marks.take(batch)
    batch.keep([])
    marks.settle(batch)
    assert list(marks.uncommitted()) == [(0, 6)]
    marks.committed([(0, 6)])
    assert list(marks.uncommitted()) == []
    marks.not_committed([0])
    assert list(marks.uncommitted()) == [(0, 6)]


def test_partition_that_was_taken_away_is_forgotten() -> None:
    """What lands after its partition was revoked commits nothing and is not sent again."""
    marks = OffsetTracker()
    (batch,) = packs_of([[(0, 5), (1, 8)]])
    marks.take(batch)
    marks.drop([0])
    assert not marks.settle(batch)
    assert [1] == [m.partition() for m in batch.messages]
    batch.keep([])
    assert marks.settle(batch)
    assert list(marks.uncommitted()) == [(1, 9)]


def test_partition_that_comes_back_is_counted_anew() -> None:
    """A batch of the time before a rebalance says nothing of the records that are read again."""
    marks = OffsetTracker()
    old, new = packs_of([[(0, 5), (0, 6)], [(0, 5)]])
    marks.take(old)
    marks.drop([0])
    marks.take(new)
    old.keep([])
    marks.settle(old)
    assert list(marks.uncommitted()) == []
    new.keep([])
    marks.settle(new)
    assert list(marks.uncommitted()) == [(0, 6)]
