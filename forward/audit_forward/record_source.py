"""Records of a topic, partition by partition, as items; and what a stream wants of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog
from audit_runtime import KafkaSettings
from audit_runtime.kafka import bounded_batches
from audit_runtime.record_batches import RecordBatch
from audit_runtime.record_values import StoredValue
from confluent_kafka import KafkaError, KafkaException

from audit_forward.item import Batch, Item
from audit_forward.lookahead import LookAhead
from audit_forward.state import StreamState

if TYPE_CHECKING:
    from audit_runtime.partition_reader import Fetched

__all__ = ["RecordSource", "Topic"]

_log = structlog.get_logger()

_RECORDS = 1000
"""A batch, which is one lookup, has no more."""
_BYTES = 4 * 1024 * 1024
"""No record is added to a batch that has so many, and no batch to lookups that have."""
_LOOKUPS = 4
"""So many are under way at once, at most."""


class Topic(Protocol):
    """What the records of a topic mean to a stream."""

    name: str

    def ends(self) -> Mapping[int, int]:
        """Return for each partition how far it may be read now."""

    def bounds(self, partition: int) -> tuple[int, int]:
        """Return the offset of the first record that Kafka still has, and of the next to come."""

    def items(self, partition: int, records: Sequence[StoredValue]) -> list[Item]:
        """Return what the stream wants of some records, in order. For several threads at once."""

    def lost(self, partition: int, first: int, end: int) -> Iterator[Item]:
        """Yield what is known of records that Kafka has deleted, in order."""

    def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A part of a partition: up to where, how many bytes, and what makes a batch of it."""

    end: int
    size: int
    make: Callable[[], Batch]


@dataclass(slots=True)
class _Place:
    """How far a partition was read, and what was fetched of it."""

    offset: int
    chunks: Iterator[_Chunk]


class RecordSource:
    """See `audit_forward.source.Source`. Reads each partition in order, one after the other.

    Errors of both clients pass through. What the stream wants is looked up for several batches at once.
    """

    def __init__(self, settings: KafkaSettings, topic: Topic, start: str) -> None:
        from audit_runtime.partition_reader import PartitionReader  # noqa: PLC0415 - slow to import

        self._topic = topic
        self._start = start
        self._reader = PartitionReader(settings)
        self._ahead = LookAhead(_LOOKUPS, _BYTES)
        self._places: dict[int, _Place] = {}
        self._ends: Mapping[int, int] = {}

    def begin(self, state: StreamState) -> StreamState:
        """Go to where a stream is; partitions that are new to it begin where it says.

        Offsets of another topic mean nothing in this one, which is read from its first record on.
        """
        self._ahead.clear()
        self._ends = self._topic.ends()
        positions = dict(state.positions)
        if state.topic not in ("", self._topic.name):
            _log.warning(
                "the stream has another topic now, which is read from its first record on",
                stream=state.stream, before=state.topic, topic=self._topic.name,
            )  # fmt: skip
            positions = {}
        # What was added to the topic since the stream began is read from its first record on.
        is_first = self._start == "earliest" or bool(state.topic)
        for number in self._ends.keys() - positions.keys():
            at = self._topic.bounds(number)[0] if is_first else self._ends[number]
            positions[number] = (at, at)
        self._places = {number: _Place(at[1], iter(())) for number, at in positions.items()}
        return replace(state, topic=self._topic.name, positions=positions)

    def read(self) -> Batch:
        """Return some items of one partition, others have their turn next; nothing if all are read.

        What can't be read, or looked up, is raised in its turn, and again until `begin`.
        """
        self._ends = self._topic.ends()
        for number in self._ends.keys() - self._places.keys():
            self._places[number] = _Place(self._topic.bounds(number)[0], iter(()))
        try:
            while not self._ahead.is_full and (chunk := self._next()) is not None:
                self._ahead.add(chunk.make, chunk.size)
        except Exception as error:  # noqa: BLE001 - raised when it is taken
            self._ahead.add_error(error)
        return Batch() if self._ahead.is_empty else self._ahead.take()

    def lag(self, state: StreamState) -> int:
        """Return how many records may be read that are behind the positions."""
        at = state.positions
        return sum(max(0, end - at[number][1]) for number, end in self._ends.items() if number in at)

    def close(self) -> None:
        """Close the connections."""
        self._ahead.close()
        self._reader.close()
        self._topic.close()

    def _next(self) -> _Chunk | None:
        """Return what follows in the partition whose turn it is; None if all are read."""
        for number in list(self._places):
            place = self._places.pop(number)
            self._places[number] = place  # behind the others
            chunk = next(place.chunks, None)
            if chunk is None and place.offset != self._ends.get(number, place.offset):
                place.chunks = self._chunks(number, place.offset, self._ends[number])
                chunk = next(place.chunks, None)
            if chunk is not None:
                place.offset = chunk.end
                return chunk
        return None

    def _chunks(self, number: int, first: int, end: int) -> Iterator[_Chunk]:
        if first > end:  # the consumers go back, or the topic is another one of the same name
            if first > self._topic.bounds(number)[1]:
                yield from self._not_there(number, first, end)
            return
        try:
            found = self._reader.fetch(self._topic.name, number, first)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.OFFSET_OUT_OF_RANGE:
                raise
            yield from self._not_there(number, first, end)
            return
        at = first
        there = _records(found, self._topic.name, number, first, end)
        by_size = bounded_batches(there, lambda record: len(record[2] or b""), _RECORDS, _BYTES)
        for records, size in by_size:
            at = records[-1][0] + 1
            yield _Chunk(at, size, partial(self._looked_up, number, records))
        if (last := min(found.next_offset, end)) > at:
            yield _made(number, [], last)

    def _looked_up(self, number: int, records: Sequence[StoredValue]) -> Batch:
        offset, received_ms, _ = records[-1]
        return Batch(self._topic.items(number, records), {number: offset + 1}, received_ms)

    def _not_there(self, number: int, first: int, end: int) -> Iterator[_Chunk]:
        """Go on where Kafka has deleted records, or where the topic was created again."""
        low, high = self._topic.bounds(number)
        place = {"topic": self._topic.name, "partition": number}
        if first > high:
            _log.error("the topic was created again: its records are read from the first", **place)
            yield _made(number, [], low)
            return
        last = min(low, end)
        _log.warning(
            "Kafka has deleted records that were not forwarded yet", first=first, last=last - 1, **place
        )
        lost = self._topic.lost(number, first, last)
        for items, size in bounded_batches(lost, lambda item: len(item.body), _RECORDS, _BYTES):
            yield _made(number, items, items[-1].offset + 1, size)
        yield _made(number, [], last)


def _made(number: int, items: list[Item], end: int, size: int = 0) -> _Chunk:
    """Return a part of a partition that needs no lookup."""
    return _Chunk(end, size, partial(Batch, items, {number: end}))


def _records(
    found: "Fetched", topic: str, partition: int, first: int, end: int
) -> Iterator[StoredValue]:
    for batch in found.batches:
        for record in _values(batch, topic, partition):
            if record[0] >= end:
                return
            if record[0] >= first:
                yield record


def _values(batch: RecordBatch, topic: str, partition: int) -> Iterator[StoredValue]:
    values = batch.values()
    if values is not None:
        yield from values
        return
    for message in batch.records(topic, partition):  # one by one, since together they are too much
        value = message.value() if message.error() is None else None
        found = value.encode() if isinstance(value, str) else value
        yield message.offset() or 0, message.timestamp()[1], found
