"""Reads the assigned partitions batch by batch, in bounded memory.

In place of librdkafka's fetching, which unpacks at once whatever a publisher sent.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from audit_runtime import KafkaSettings
from confluent_kafka import KafkaError, KafkaException, Message

__all__ = ["CarefulReader", "FetchError"]

_READ_BYTES = 4 * 1024 * 1024


class FetchError(Exception):
    """A partition was not read."""

    def __init__(self, partition: int, error: KafkaError) -> None:
        super().__init__(partition, error)
        self.partition = partition
        self.error = error


@dataclass(slots=True)
class _Place:
    partition: int
    offset: int
    records: Iterator[Message] = field(default_factory=lambda: iter(()))
    next_offset: int = 0


class CarefulReader:
    """Holds where each partition is read, one fetch in memory, and one large record."""

    def __init__(self, settings: KafkaSettings) -> None:
        from audit_runtime.partition_reader import PartitionReader  # noqa: PLC0415 - slow, and rarely needed

        self._topic = settings.topic
        self._reader = PartitionReader(settings)
        self._places: deque[_Place] = deque()
        self.ends: dict[int, int] = {}
        """For each partition that was read, the offset of the next record to come."""

    def assign(self, offsets: Mapping[int, int]) -> None:
        """Read these partitions, too, from these offsets on."""
        self.drop(offsets)
        self._places.extend(
            _Place(partition, offset, next_offset=offset) for partition, offset in offsets.items()
        )

    def drop(self, partitions: "Mapping[int, int] | list[int]") -> None:
        """Read these partitions no longer."""
        self._places = deque(place for place in self._places if place.partition not in partitions)
        for partition in partitions:
            self.ends.pop(partition, None)

    def read(self, count: int) -> list[Message]:
        """Return up to so many records that are there, one partition's; others have their turn next.

        A record that can't be had is among them, as an error. Raises FetchError.
        """
        for _ in range(len(self._places)):
            place = self._places[0]
            self._places.rotate(-1)
            if messages := self._take(place, count) or self._fetch(place, count):
                return messages
        return []

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()

    def _fetch(self, place: _Place, count: int) -> list[Message]:
        try:
            found = self._reader.fetch(self._topic, place.partition, place.offset, seconds=0)
        except KafkaException as error:
            raise FetchError(place.partition, error.args[0]) from error
        place.records, place.next_offset = found.records, found.next_offset
        self.ends[place.partition] = found.end
        return self._take(place, count)

    def _take(self, place: _Place, count: int) -> list[Message]:
        messages: list[Message] = []
        size = 0
        for message in place.records:
            messages.append(message)
            size += len(message)
            if len(messages) == count or size >= _READ_BYTES:
                break
        else:
            place.offset = place.next_offset
        return messages
