"""Kafka's record batches, unpacked record by record: memory stays bounded whatever they unpack to.

librdkafka unpacks a batch at once: a gzip of 0.9 MB may take 900 MB, and what is beyond its limit
can't be read at all. Here a batch is unpacked as a stream, and a record that is too large is passed
over. Format: https://kafka.apache.org/documentation/#recordbatch
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cramjam
import lz4.frame
import zstandard
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, KafkaError, Message

from audit_runtime.record_limits import oversized
from audit_runtime.record_values import StoredValue, read_values

__all__ = ["MAX_HEADERS", "RecordBatch", "StoredMessage", "read_batches"]

MAX_HEADERS = 100_000
"""A record with more is given without headers, as librdkafka does."""

_HEADER = struct.Struct(">qiibIhiqqqhii")
_LENGTH_AT = 12  # what the length counts begins after the base offset and the length itself
_CHUNK = 256 * 1024
_WINDOW = 1 << 27  # zstd's own default, and that of its highest level
_SNAPPY_RATIO = 64  # a copy of 64 bytes takes two or more
_VALUES_BYTES = 16 * 1024 * 1024
_NUMBER_BITS = 70  # ten bytes of seven, for 64 bits
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16

_HEADER_OBJECTS = 160
"""About what a header takes in Python besides its bytes."""

_UNREADABLE = "the record can't be unpacked"


class StoredMessage(Message):
    """A message whose length is that of all that it holds in memory: key and headers as well."""

    size = 0

    def __len__(self) -> int:
        return self.size


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """The head of a batch, and its packed records."""

    first: int
    """The offset of its first record. Where Kafka compacts, that may be gone."""
    end: int
    """The offset after its last record."""
    count: int
    """How many records it has. Less than offsets only where Kafka compacts."""
    attributes: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    packed: memoryview

    @property
    def is_control(self) -> bool:
        """Tell whether this is the end of a transaction: no record of anybody's."""
        return bool(self.attributes & 0x20)

    @property
    def is_transactional(self) -> bool:
        """Tell whether the records belong to a transaction."""
        return bool(self.attributes & 0x10)

    def is_abort(self) -> bool:
        """Tell whether a control batch says that its producer's transaction was aborted."""
        marker = next(self.records("", 0), None)
        key = marker.key() if marker is not None else None
        return isinstance(key, bytes) and key[2:4] == b"\x00\x00"

    def records(self, topic: str, partition: int) -> Iterator[Message]:
        """Yield the records in order, each offset once.

        Where one can't be had, its message has an `error` that says why, and no bytes. The headers of
        one with a name that is not UTF-8 are False.
        """
        reached, left = self.first, self.count
        is_without_gaps = self.count == self.end - self.first
        try:
            stream = _Stream(_chunks(self.attributes & 0x07, self.packed))
            while left:
                offset, message = self._record(topic, partition, stream)
                if offset < reached or (is_without_gaps and offset > reached):
                    raise _BrokenError
                reached, left = offset + 1, left - 1
                yield message
        except _BROKEN:
            for offset in range(reached, self.end):
                yield self._lost(topic, partition, offset, KafkaError._BAD_MSG, _UNREADABLE)  # noqa: SLF001

    def values(self) -> list[StoredValue] | None:
        """Return offset, broker's time and value of each record, twenty times as fast as `records`.

        None if they unpack to more than 16 MiB, or not as they should: then `records` has them.
        """
        try:
            data = _unpacked(_chunks(self.attributes & 0x07, self.packed))
            if data is None:
                return None
            appended = self.max_timestamp if self.attributes & 0x08 else None
            found = read_values(data, self.first, self.end, self.base_timestamp, appended)
        except (*_BROKEN, IndexError):
            return None
        return found if len(found) == self.count else None

    def _record(self, topic: str, partition: int, stream: "_Stream") -> tuple[int, Message]:
        length = stream.varint()
        end = stream.position + length
        stream.take(1)  # attributes: unused
        elapsed, delta = stream.varint(), stream.varint()
        offset = self.first + delta
        if not 0 <= delta < self.end - self.first or length < 0:
            raise _BrokenError
        if why := oversized(length):
            stream.skip_to(end)
            return offset, self._lost(topic, partition, offset, KafkaError.MSG_SIZE_TOO_LARGE, why)
        key, value, count = stream.sized(end), stream.sized(end), stream.varint()
        count = count if count <= MAX_HEADERS else 0
        headers = [(stream.sized(end) or b"", stream.sized(end)) for _ in range(count)]
        stream.skip_to(end)
        message = StoredMessage(
            topic=topic,
            partition=partition,
            offset=offset,
            key=key,
            value=value,
            headers=_decoded(headers),
            timestamp=self._timestamp(elapsed),
        )
        message.size = length + _HEADER_OBJECTS * count
        return offset, message

    def _lost(self, topic: str, partition: int, offset: int, code: int, why: str) -> Message:
        return Message(
            topic=topic,
            partition=partition,
            offset=offset,
            timestamp=self._timestamp(0),
            error=KafkaError(code, why),
        )

    def _timestamp(self, elapsed: int) -> tuple[int, int]:
        if self.attributes & 0x08:
            return TIMESTAMP_LOG_APPEND_TIME, self.max_timestamp
        return TIMESTAMP_CREATE_TIME, self.base_timestamp + elapsed


def read_batches(fetched: bytes) -> Iterator[RecordBatch]:
    """Yield the whole batches of what a fetch returned; the last of it may be cut off."""
    view = memoryview(fetched)
    at = 0
    while at + _HEADER.size <= len(view):
        first, length, _, magic, _, attributes, last, base, latest, producer, _, _, count = (
            _HEADER.unpack_from(view, at)
        )
        end = at + _LENGTH_AT + length
        if end > len(view) or length < _HEADER.size - _LENGTH_AT:
            return
        if magic < 2:  # noqa: PLR2004 - of before Kafka 0.11: `first` is the last offset of it
            yield RecordBatch(first, first + 1, 1, 0x07, 0, 0, -1, view[at:end])
        else:
            packed = view[at + _HEADER.size : end]
            yield RecordBatch(
                first, first + last + 1, count, attributes, base, latest, producer, packed
            )
        at = end


def _unpacked(chunks: Iterator[bytes]) -> bytes | None:
    """Return all that is unpacked; None if that is too much to hold."""
    found: list[bytes] = []
    left = _VALUES_BYTES
    for chunk in chunks:
        found.append(chunk)
        left -= len(chunk)
        if left < 0:
            return None
    return b"".join(found)


def _decoded(headers: list[tuple[bytes, bytes | None]]) -> Any:
    try:
        return [(name.decode(), value) for name, value in headers]
    except UnicodeDecodeError:
        return False


class _BrokenError(Exception):
    """What is packed is not what it claims to be."""


_BROKEN = (
    _BrokenError,
    ValueError,
    RuntimeError,
    EOFError,
    struct.error,
    zlib.error,
    cramjam.DecompressionError,
    zstandard.ZstdError,
)
"""What the libraries raise for what is not packed as it should be."""


class _Stream:
    """Reads numbers and bytes out of unpacked chunks; keeps no more than what is asked for."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._data = b""
        self._at = 0
        self._before = 0

    @property
    def position(self) -> int:
        """How many bytes were taken."""
        return self._before + self._at

    def at_end(self) -> bool:
        """Tell whether everything was taken."""
        return self._at == len(self._data) and not self._next()

    def varint(self) -> int:
        """Return a number of variable length, zigzag-encoded."""
        result = shift = 0
        while True:
            if self.at_end():
                raise _BrokenError
            byte = self._data[self._at]
            self._at += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004 - the last byte of a number has no high bit
                return (result >> 1) ^ -(result & 1)
            shift += 7
            if shift >= _NUMBER_BITS:
                raise _BrokenError

    def sized(self, end: int) -> bytes | None:
        """Return bytes that follow their length; None for a negative one. None may be behind `end`."""
        length = self.varint()
        if self.position + max(0, length) > end:
            raise _BrokenError
        return None if length < 0 else self.take(length)

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        found = self._data[self._at : self._at + count]
        self._at += len(found)
        if len(found) == count:
            return found
        parts, left = [found], count - len(found)
        while left:
            if not self._next():
                raise _BrokenError
            parts.append(self._data[:left])
            self._at = len(parts[-1])
            left -= self._at
        return b"".join(parts)

    def skip_to(self, position: int) -> None:
        """Pass over all before a position."""
        while (left := position - self.position) > 0:
            if self.at_end():
                raise _BrokenError
            self._at += min(left, len(self._data) - self._at)

    def _next(self) -> bool:
        """Go on to the next chunk; all of this one was taken."""
        self._before += len(self._data)
        self._data, self._at = next(filter(None, self._chunks), b""), 0
        return bool(self._data)


def _chunks(codec: int, packed: memoryview) -> Iterator[bytes]:
    """Yield what is packed, in pieces of about 256 KiB. Raises one of `_BROKEN` if it is broken."""
    match codec:
        case 0:
            return iter([bytes(packed)])
        case 1:
            return _gzip_chunks(packed)
        case 2:
            return _snappy_chunks(packed)
        case 3:
            return _lz4_chunks(packed)
        case 4:
            return _zstd_chunks(packed)
    raise _BrokenError


def _gzip_chunks(packed: memoryview) -> Iterator[bytes]:
    rest = bytes(packed)
    while rest:  # one member after another, as Java reads them
        member = zlib.decompressobj(wbits=31)
        while rest and not member.eof:
            if chunk := member.decompress(rest, _CHUNK):
                yield chunk
            rest = member.unconsumed_tail
        rest = member.unused_data


def _snappy_chunks(packed: memoryview) -> Iterator[bytes]:
    """Unpack Java's frames of blocks, or the one block that librdkafka writes."""
    if bytes(packed[: len(_XERIAL)]) != _XERIAL:
        yield _snappy_block(packed)
        return
    at = _XERIAL_HEADER
    while at < len(packed):
        (length,) = struct.unpack_from(">i", packed, at)
        at += 4
        yield _snappy_block(packed[at : at + length])
        at += length


def _snappy_block(block: memoryview) -> bytes:
    """Unpack a block. It says how long it is, and can't be much longer than its packed form."""
    if cramjam.snappy.decompress_raw_len(block) > _SNAPPY_RATIO * len(block):
        raise _BrokenError
    return bytes(cramjam.snappy.decompress_raw(block))


def _lz4_chunks(packed: memoryview) -> Iterator[bytes]:
    frame = lz4.frame.LZ4FrameDecompressor()
    rest = bytes(packed)
    while not frame.eof:
        chunk = frame.decompress(rest, _CHUNK)
        if not chunk and frame.needs_input:
            raise _BrokenError
        rest = b""
        yield chunk


def _zstd_chunks(packed: memoryview) -> Iterator[bytes]:
    with zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(
        packed, read_across_frames=True
    ) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
