"""Packs: what they hold, and how far they are settled."""

from audit_consumer.batch import Batch, portions
from audit_consumer.record import Record, Refusal
from audit_schemas import Reason
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


def test_records_added_together_are_added_as_one_by_one() -> None:
    """Those that are refused as well, each in its place."""
    messages = [message(b"v" * number, partition=number % 2, offset=number) for number in range(6)]
    read = [
        Refusal(Record.of(each), Reason.MALFORMED, "", "") if number in (1, 4) else b"lines" * number
        for number, each in enumerate(messages)
    ]
    together, apart = Batch(), Batch()
    together.extend(messages, read)
    for each, one in zip(messages, read, strict=True):
        apart.add(each, one)
    assert apart == together
    assert ([0, 2, 3, 5], [1, 4]) == (
        [each.offset() for each in together.messages],
        [each.record.origin.offset for each in together.refusals],
    )


def test_portions_are_all_records_in_order_and_large_ones_come_alone() -> None:
    """So that a bulk request grows beyond its limit by one record at most."""
    sizes = [100] * 100 + [200_000] * 3 + [100] * 100
    messages = [message(b"x" * size, offset=number) for number, size in enumerate(sizes)]
    found = list(portions(messages))
    assert messages == [each for some in found for each in some]
    assert all(len(some) == 1 for some in found if len(some[0]) > 100)
    assert len(found) < 70
    assert [] == list(portions([]))
