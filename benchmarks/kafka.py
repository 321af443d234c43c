"""What the bench asks Kafka: where a topic ends, and how far a group has come."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, Message, TopicPartition

from benchmarks.errors import BenchError

_SECONDS = 30.0
_BATCH = 5000


def committed(servers: str, group: str, topic: str) -> int:
    """Return the sum of a group's committed offsets; topics of the bench begin at 0."""
    with _reader(servers, group) as consumer:
        points = consumer.committed(_partitions(consumer, topic), timeout=_SECONDS)
        return sum(max(0, point.offset) for point in points)


def ends(servers: str, topic: str) -> int:
    """Return how many records a topic holds."""
    with _reader(servers) as consumer:
        return sum(high for _, high in _ends(consumer, topic))


def records(servers: str, topic: str, limit: int | None = None) -> Iterator[Message]:
    """Yield the topic's records, at most `limit`, from the beginning to where it ends now.

    Raises BenchError if Kafka gives none for half a minute.
    """
    with _reader(servers) as consumer:
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


def _ends(consumer: Consumer, topic: str) -> list[tuple[TopicPartition, int]]:
    return [
        (point, consumer.get_watermark_offsets(point, timeout=_SECONDS)[1])
        for point in _partitions(consumer, topic)
    ]


def _partitions(consumer: Consumer, topic: str) -> list[TopicPartition]:
    found = consumer.list_topics(topic, timeout=_SECONDS).topics[topic]
    return [TopicPartition(topic, number) for number in sorted(found.partitions)]


@contextmanager
def _reader(servers: str, group: str = "bench-observer") -> Iterator[Consumer]:
    """Give a consumer that never joins its group."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "queued.max.messages.kbytes": 16 * 1024,
            "log_level": 3,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()
