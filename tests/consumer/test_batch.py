"""Packs: what they hold, and how far they are settled."""

from audit_consumer.batch import Batch
from support.messages import message

ORIGINS = [(0, 5), (0, 6), (1, 9)]


def pack_of(origins: list[tuple[int, int]]) -> Batch:
    """Return a batch with a record for each partition and offset."""
    batch = Batch()
    for partition, offset in origins:
        batch.add(message(b"value", partition=partition, offset=offset), b"two lines")
    return batch


def test_size_is_that_of_the_body_and_held_that_of_memory() -> None:
    """The body has the lines; memory holds the values too."""
    batch = pack_of(ORIGINS)
    assert (batch.size, batch.held) == (3 * 9, 3 * (9 + 5))


def test_reached_is_the_first_unsettled_record_of_each_partition() -> None:
    """A partition with nothing left has reached its end."""
    batch = pack_of(ORIGINS)
    assert batch.reached() == {0: 5, 1: 9}
    batch.keep([1])
    assert batch.reached() == {0: 6, 1: 10}
    batch.keep([])
    assert batch.reached() == {0: 7, 1: 10}


def test_records_of_partitions_that_left_are_forgotten() -> None:
    """The others stay, each with its own lines. Bytes that nobody gives back would stop the reading."""
    batch = pack_of(ORIGINS)
    batch.leave([0])
    assert [(m.partition(), m.offset()) for m in batch.messages] == [(1, 9)]
    assert len(batch.lines) == 1
    assert (batch.size, batch.held) == (9, 9 + 5)
    batch.leave([1])
    assert (len(batch), batch.size, batch.held) == (0, 0, 0)


def test_later_half_is_a_pack_of_its_own() -> None:
    """What was settled before it in a partition stays the first half's to tell."""
    batch = pack_of([(0, 5), (0, 6), (1, 9), (0, 8), (1, 12)])
    batch.keep([1, 2, 3])
    rest = batch.halve()
    assert [(m.partition(), m.offset()) for m in batch.messages] == [(0, 6)]
    assert [(m.partition(), m.offset()) for m in rest.messages] == [(1, 9), (0, 8)]
    assert (batch.ends, batch.reached()) == ({0: 8, 1: 9}, {0: 6, 1: 9})
    assert (rest.ends, rest.reached()) == ({0: 9, 1: 13}, {0: 8, 1: 9})
    assert (len(rest.lines), len(batch.lines)) == (2, 1)
