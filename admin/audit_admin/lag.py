"""How far a group is behind its topic."""

from types import TracebackType
from typing import Self

from audit_consumer import ConsumerSettings
from audit_runtime import committed_offsets, partition_bounds, visible_partitions
from confluent_kafka import Consumer

__all__ = ["Lag"]


class Lag:
    """Asks Kafka, as an onlooker: it takes no part in the group. KafkaException passes through."""

    def __init__(self, settings: ConsumerSettings) -> None:
        self._topic = settings.topic
        self._consumer = Consumer(settings.consumer_config())

    def records(self) -> int:
        """Return how many records are published and not settled yet."""
        return sum(published - settled for published, settled in self.positions().values())

    def positions(self) -> dict[int, tuple[int, int]]:
        """Return for each partition the offsets of the next record to come and to be settled."""
        found = {}
        for point in committed_offsets(self._consumer, visible_partitions(self._consumer, self._topic)):
            low, high = partition_bounds(self._consumer, point)
            found[point.partition] = high, max(point.offset, low)
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
