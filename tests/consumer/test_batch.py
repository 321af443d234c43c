"""Packs: what they hold, and how far they are settled."""

from audit_consumer.batch import Pack
from support.messages import message

ORIGINS = [(0, 5), (0, 6), (1, 9)]


def pack_of(origins: list[tuple[int, int]]) -> Pack:
    """Return a pack with a record for each partition and offset."""
    pack = Pack()
    for partition, offset in origins:
        pack.add(message(b"value", partition=partition, offset=offset), b"two lines")
    return pack


def test_size_is_that_of_the_body_and_held_that_of_memory() -> None:
    """The body has the lines; memory holds the values too."""
    pack = pack_of(ORIGINS)
    assert (pack.size, pack.held) == (3 * 9, 3 * (9 + 5))


def test_reached_is_the_first_unsettled_record_of_each_partition() -> None:
    """A partition with nothing left has reached its end."""
    pack = pack_of(ORIGINS)
    assert pack.reached() == {0: 5, 1: 9}
    pack.keep([1])
    assert pack.reached() == {0: 6, 1: 10}
    pack.keep([])
    assert pack.reached() == {0: 7, 1: 10}


def test_records_of_partitions_that_left_are_forgotten() -> None:
    """The others stay, each with its own lines."""
    pack = pack_of(ORIGINS)
    pack.leave([0])
    assert [(m.partition(), m.offset()) for m in pack.messages] == [(1, 9)]
    assert len(pack.lines) == 1


def test_later_half_is_a_pack_of_its_own() -> None:
    """What was settled before it in a partition stays the first half's to tell."""
    pack = pack_of([(0, 5), (0, 6), (1, 9), (0, 8), (1, 12)])
    pack.keep([1, 2, 3])
    rest = pack.halve()
    assert [(m.partition(), m.offset()) for m in pack.messages] == [(0, 6)]
    assert [(m.partition(), m.offset()) for m in rest.messages] == [(1, 9), (0, 8)]
    assert (pack.ends, pack.reached()) == ({0: 8, 1: 9}, {0: 6, 1: 9})
    assert (rest.ends, rest.reached()) == ({0: 9, 1: 13}, {0: 8, 1: 9})
    assert (len(rest.lines), len(pack.lines)) == (2, 1)
