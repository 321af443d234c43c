"""Record batches are read record by record, in bounded memory, whatever they unpack to."""

import tracemalloc

import pytest
from audit_runtime import MAX_RECORD_BYTES
from audit_runtime.record_batches import MAX_HEADERS, read_batches
from confluent_kafka import KafkaError, Message
from hypothesis import given, settings
from hypothesis import strategies as st
from support.packed_batches import CODECS, Zeros, packed_batch, packed_records, varint

MIB = 1024 * 1024
PACKED = [codec for codec in CODECS if codec != "none"]


def unpacked(data: bytes) -> list[Message]:
    """Return all records."""
    return [record for batch in read_batches(data) for record in batch.records("t", 1)]


@pytest.mark.parametrize("codec", CODECS)
def test_records_are_those_that_were_packed(codec: str) -> None:
    """Small ones, and ones that are larger than a piece of what is unpacked at a time."""
    values = [b"first", b"", bytes(range(256)) * 4096, b"last"]
    found = unpacked(packed_batch(codec, values, headers=2) + packed_batch(codec, [b"next"]))
    assert [*values, b"next"] == [record.value() for record in found]
    assert [0, 1, 2, 3, 0] == [record.offset() for record in found]
    assert [("h", None), ("h", None)] == found[0].headers()


@pytest.mark.parametrize("codec", PACKED)
def test_values_are_those_of_the_records(codec: str) -> None:
    """The quick way reads what the careful one does, and leaves to it what it can't hold."""
    packed = packed_batch(codec, [b"a" * size for size in (0, 1, 63, 64, 127, 128, 70_000)], headers=3)
    (batch,) = read_batches(packed)
    records = [(each.offset(), each.timestamp()[1], each.value()) for each in batch.records("t", 1)]
    assert batch.values() == records
    (large,) = read_batches(packed_batch(codec, [b"before", Zeros(MAX_RECORD_BYTES)]))
    assert large.values() is None


@pytest.mark.parametrize("codec", PACKED)
def test_record_that_is_too_large_is_passed_over(codec: str) -> None:
    """Those before and behind it, in the same batch, are read; no more than it takes is held."""
    batch = packed_batch(codec, [b"before", Zeros(2 * MAX_RECORD_BYTES), b"behind"])
    assert len(batch) < 4 * MIB
    tracemalloc.start()
    before, lost, behind = unpacked(batch)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (b"before", b"behind") == (before.value(), behind.value())
    error = lost.error()
    assert error is not None
    assert KafkaError.MSG_SIZE_TOO_LARGE == error.code()
    assert (1, None) == (lost.offset(), lost.value())
    assert peak < len(batch) + 4 * MIB


def test_headers_without_end_are_left_out() -> None:
    """Those that take three bytes each would take a hundred times that in memory."""
    one, two = unpacked(packed_batch("gzip", [b"one", b"two"], headers=MAX_HEADERS + 1))
    assert (b"one", b"two") == (one.value(), two.value())
    assert [] == one.headers()


@pytest.mark.parametrize("codec", CODECS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_batch_gives_each_of_its_offsets_once(codec: str, data: st.DataObject) -> None:
    """Whatever is in it: a record or an error for each, and never an exception."""
    batch = bytearray(packed_batch(codec, [b"a" * 500, b"b" * 500, b"c"]))
    for _ in range(3):
        batch[data.draw(st.integers(61, len(batch) - 1))] = data.draw(st.integers(0, 255))
    (found,) = read_batches(bytes(batch))
    assert [0, 1, 2] == [record.offset() for record in found.records("t", 1)]
    values = found.values()
    assert values is None or [0, 1, 2] == [offset for offset, *_ in values]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("kept", [[0, 1], [1, 2], [0, 2], [0], []])
def test_batch_that_lacks_records_gives_each_of_its_offsets(codec: str, kept: list[int]) -> None:
    """It says that it has three, and ends early or passes over one, as if Kafka had compacted it."""
    (found,) = read_batches(packed_batch(codec, [b"a", b"b", b"c"], only=kept, claimed=3))
    records = list(found.records("t", 1))
    assert [0, 1, 2] == [record.offset() for record in records]
    assert any(record.error() for record in records)
    assert found.values() is None
    (compacted,) = read_batches(packed_batch(codec, [b"a", b"b", b"c"], only=kept))
    assert kept == [record.offset() for record in compacted.records("t", 1)]


@pytest.mark.parametrize("part", ["key", "value", "header"])
def test_part_that_is_longer_than_its_record_is_not_unpacked(part: str) -> None:
    """Small records may claim parts that are as long as all that a batch unpacks to."""
    before = {"key": b"", "value": b"\x01", "header": b"\x01\x01\x02"}[part]
    batch = packed_records("lz4", [b"\x28\x00\x00\x00" + before + varint(64 * MIB), Zeros(64 * MIB)], 1)
    tracemalloc.start()
    (lost,) = unpacked(batch)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lost.error() is not None
    assert peak < len(batch) + 4 * MIB


def test_number_without_end_is_not_read() -> None:
    """Python's are of any length, and take a time that is the square of it."""
    batch = packed_records("gzip", [b"\xff" * 3 * MIB], 1)
    (found,) = read_batches(batch)
    assert found.values() is None
    (lost,) = found.records("t", 1)
    assert lost.error() is not None


def test_batch_that_is_cut_off_is_not_read() -> None:
    """A fetch ends where its bytes end, in the middle of a batch."""
    whole = packed_batch("zstd", [b"whole"])
    assert [b"whole"] == [record.value() for record in unpacked(whole + whole[:-1])]
    assert [] == list(read_batches(whole[:30]))
