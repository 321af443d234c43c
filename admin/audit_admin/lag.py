"""How far a consumer group is behind its topic."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from audit_consumer import ConsumerSettings
from audit_runtime.kafka import committed_offsets, partition_bounds, visible_partitions
from confluent_kafka import Consumer

__all__ = ["Lag", "PartitionOffsets"]


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """One partition, in the terms of Kafka's own tools."""

    current: int
    """The offset that the group has committed; the first one still there, if that has expired."""
    log_end: int
    """The offset that the next record gets."""


class Lag:
    """Asks Kafka without joining the group. Raises KafkaException.

    Each request of Kafka takes at most `seconds`.
    """

    def __init__(self, settings: ConsumerSettings, *, seconds: float = 30.0) -> None:
        self._topic = settings.topic
        self._seconds = seconds
        self._consumer = Consumer(settings.consumer_config())

    def records(self) -> int:
        """Return how many records are published but not committed yet."""
        return sum(offsets.log_end - offsets.current for offsets in self.offsets().values())

    def offsets(self) -> dict[int, PartitionOffsets]:
        """Return the offsets of each partition."""
        found = {}
        seconds = self._seconds
        places = visible_partitions(self._consumer, self._topic, seconds=seconds)
        for point in committed_offsets(self._consumer, places, seconds=seconds):
            low, high = partition_bounds(self._consumer, point, seconds=seconds)
            found[point.partition] = PartitionOffsets(max(point.offset, low), high)
        return found

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()
