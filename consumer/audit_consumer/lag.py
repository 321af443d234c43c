"""How far a group is behind its topic."""

from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, TopicPartition

from audit_consumer.settings import ConsumerSettings

__all__ = ["Lag"]

_SECONDS = 15.0


class Lag:
    """Asks Kafka, as an onlooker: it takes no part in the group. KafkaException passes through."""

    def __init__(self, settings: ConsumerSettings) -> None:
        self._topic = settings.topic
        self._consumer = Consumer(settings.consumer_config())

    def records(self) -> int:
        """Return how many records are published and not settled yet."""
        found = self._consumer.list_topics(self._topic, timeout=_SECONDS).topics[self._topic]
        partitions = [TopicPartition(self._topic, number) for number in found.partitions]
        lag = 0
        for point in self._consumer.committed(partitions, timeout=_SECONDS):
            low, high = self._consumer.get_watermark_offsets(point, timeout=_SECONDS)
            lag += high - max(point.offset, low)
        return int(lag)

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()
