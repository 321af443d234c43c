"""What the bench asks Kafka: where a topic ends, and how far a group has come."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, Message, TopicPartition

from benchmarks.errors import BenchError

__all__ = ["Group", "TopicSize", "ends", "measure_topic", "records"]

_SECONDS = 30.0
_BATCH = 5000


class Group:
    """An onlooker of a consumer group: it never joins. Use it as a context manager."""

    def __init__(self, servers: str, group: str, topic: str) -> None:
        self._consumer = _reader(servers, group)
        self._topic = topic

    def committed(self) -> int:
        """Return the sum of the group's committed offsets; topics of the bench begin at 0."""
        points = self._consumer.committed(_partitions(self._consumer, self._topic), timeout=_SECONDS)
        return sum(max(0, point.offset) for point in points)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._consumer.close()


@dataclass(frozen=True, slots=True)
class TopicSize:
    """What a topic holds."""

    events: int
    mean_bytes: float
    partitions: tuple[int, ...]


def ends(servers: str, topic: str) -> int:
    """Return how many records a topic holds."""
    consumer = _reader(servers, "bench-onlooker")
    try:
        return sum(high for _, high in _ends(consumer, topic))
    finally:
        consumer.close()


def measure_topic(servers: str, topic: str) -> TopicSize:
    """Read a topic through and measure it."""
    total, counts = 0, dict[int, int]()
    for message in records(servers, topic):
        total += len(message.value() or b"")
        counts[message.partition() or 0] = counts.get(message.partition() or 0, 0) + 1
    events = sum(counts.values())
    return TopicSize(events, total / max(1, events), tuple(counts[p] for p in sorted(counts)))


def records(servers: str, topic: str, limit: int | None = None) -> Iterator[Message]:
    """Yield the topic's records, at most `limit`, from the beginning to where it ends now.

    Raises BenchError if Kafka gives none for half a minute.
    """
    consumer = _reader(servers, "bench-onlooker")
    try:
        points = _ends(consumer, topic)
        consumer.assign([TopicPartition(p.topic, p.partition, 0) for p, high in points if high])
        left = sum(high for _, high in points)
        left = left if limit is None else min(left, limit)
        while left:
            messages = consumer.consume(min(_BATCH, left), timeout=_SECONDS)
            if not messages:
                raise BenchError(f"Kafka gives no more records of {topic}; {left} are missing")
            for message in messages:
                if message.error() is not None:
                    raise BenchError(f"{topic} can't be read: {message.error()}")
                yield message
            left -= len(messages)
    finally:
        consumer.close()


def _ends(consumer: Consumer, topic: str) -> list[tuple[TopicPartition, int]]:
    return [
        (point, consumer.get_watermark_offsets(point, timeout=_SECONDS)[1])
        for point in _partitions(consumer, topic)
    ]


def _partitions(consumer: Consumer, topic: str) -> list[TopicPartition]:
    found = consumer.list_topics(topic, timeout=_SECONDS).topics[topic]
    return [TopicPartition(topic, number) for number in sorted(found.partitions)]


def _reader(servers: str, group: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "queued.max.messages.kbytes": 16 * 1024,
            "log_level": 3,
        }
    )
