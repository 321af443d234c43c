"""Batches whose records unpack to far more than they take on the wire, published as they are.

No client makes them without holding what they unpack to; these are packed as a stream.
"""

import struct
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence

import cramjam
import lz4.frame
import zstandard
from kafka.net.compat import KafkaNetClient
from kafka.protocol.producer import ProduceRequest
from kafka.record.util import calc_crc32c
from kafka.structs import TopicPartition

__all__ = ["CODECS", "Zeros", "packed_batch", "packed_records", "produce", "varint"]

_PIECE = 1024 * 1024


class Zeros(int):
    """A value of so many zero bytes, which are never in memory at once."""


def packed_batch(
    codec: str,
    values: "Sequence[bytes | Zeros]",
    headers: int = 0,
    *,
    only: Collection[int] | None = None,
    claimed: int | None = None,
) -> bytes:
    """Return a batch of records; each has so many headers, without values.

    It may have some `only` of the values, by their places, and claim another number of records.
    """
    kept = range(len(values)) if only is None else only
    pieces = _records(values, headers, kept)
    return _batch(codec, pieces, len(values), len(kept) if claimed is None else claimed)


def packed_records(codec: str, pieces: "Sequence[bytes | Zeros]", count: int) -> bytes:
    """Return a batch of so many records, whose bytes are given."""
    return _batch(codec, (part for piece in pieces for part in _parts(piece)), count, count)


def _batch(codec: str, pieces: Iterator[bytes], offsets: int, count: int) -> bytes:
    number, pack = CODECS[codec]
    payload = pack(pieces)
    now = int(time.time() * 1000)
    body = struct.pack(">hiqqqhii", number, offsets - 1, now, now, -1, -1, -1, count) + payload
    return struct.pack(">qiibI", 0, 9 + len(body), -1, 2, calc_crc32c(body)) + body


def produce(servers: str, topic: str, partition: int, batch: bytes) -> int:
    """Publish a batch; return the offset of its first record."""
    client = KafkaNetClient(bootstrap_servers=servers)
    try:
        client.check_version()
        client.cluster.add_topic(topic)
        client.poll(timeout_ms=30_000, future=client.cluster.request_update())
        request = ProduceRequest(
            max_version=9,
            transactional_id=None,
            acks=-1,
            timeout_ms=60_000,
            topic_data=[
                ProduceRequest.TopicProduceData(
                    name=topic,
                    partition_data=[
                        ProduceRequest.TopicProduceData.PartitionProduceData(
                            index=partition, records=batch
                        )
                    ],
                )
            ],
        )
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        answer = client.send_and_receive(leader, request, timeout_ms=60_000)
        found = answer.responses[0].partition_responses[0]
        assert found.error_code == 0, found
        return int(found.base_offset)
    finally:
        client.close()


def _records(values: "Sequence[bytes | Zeros]", headers: int, kept: Collection[int]) -> Iterator[bytes]:
    for delta, value in enumerate(values):
        if delta not in kept:
            continue
        size = value if isinstance(value, Zeros) else len(value)
        before = b"\x00" + varint(0) + varint(delta) + varint(-1) + varint(size)
        after = varint(headers) + b"\x02h\x01" * headers
        yield varint(len(before) + size + len(after)) + before
        yield from _parts(value)
        yield after


def _parts(value: "bytes | Zeros") -> Iterator[bytes]:
    if isinstance(value, Zeros):
        for at in range(0, value, _PIECE):
            yield bytes(min(_PIECE, value - at))
    else:
        yield value


def varint(number: int) -> bytes:
    """Return a number as records have it."""
    left, found = (number << 1) ^ (number >> 63), bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*found, left])


def _plain(pieces: Iterator[bytes]) -> bytes:
    return b"".join(pieces)


def _gzip(pieces: Iterator[bytes]) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return b"".join([*map(packer.compress, pieces), packer.flush()])


def _snappy(pieces: Iterator[bytes]) -> bytes:
    found = [b"\x82SNAPPY\x00", struct.pack(">ii", 1, 1)]
    for piece in pieces:
        block = bytes(cramjam.snappy.compress_raw(piece))
        found += [struct.pack(">i", len(block)), block]
    return b"".join(found)


def _lz4(pieces: Iterator[bytes]) -> bytes:
    packer = lz4.frame.LZ4FrameCompressor(block_linked=False)  # Kafka takes no other
    return b"".join([packer.begin(), *map(packer.compress, pieces), packer.flush()])


def _zstd(pieces: Iterator[bytes]) -> bytes:
    packer = zstandard.ZstdCompressor().compressobj()
    return b"".join([*map(packer.compress, pieces), packer.flush()])


CODECS: dict[str, tuple[int, Callable[[Iterator[bytes]], bytes]]] = {
    "none": (0, _plain),
    "gzip": (1, _gzip),
    "snappy": (2, _snappy),
    "lz4": (3, _lz4),
    "zstd": (4, _zstd),
}
"""The number that Kafka gives each codec, and how it packs."""
