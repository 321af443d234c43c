"""Offsets that Kafka knows: the group's, and the ends of partitions. Patient with a busy broker."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

__all__ = ["committed_offsets", "ends_of", "partitions_of"]

_SECONDS = 30.0
_PAUSE = 0.2

_BUSY = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)

_T = TypeVar("_T")


def committed_offsets(consumer: Consumer, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
    """Return the group's committed offsets, negative where it has none. Raises KafkaException."""
    return _patiently(lambda: consumer.committed(list(partitions), timeout=_SECONDS))


def ends_of(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """Return the offset of the first record that is still there, and of the next one to come.

    Raises KafkaException.
    """
    return _patiently(lambda: consumer.get_watermark_offsets(partition, timeout=_SECONDS))


def partitions_of(client: Consumer | AdminClient, topic: str) -> list[TopicPartition]:
    """Return a topic's partitions, none if there is no such topic. Raises KafkaException."""
    found = _patiently(lambda: client.list_topics(topic, timeout=_SECONDS)).topics[topic]
    return [TopicPartition(topic, number) for number in sorted(found.partitions)]


def _patiently(ask: Callable[[], _T]) -> _T:
    """Ask again for half a minute, where Kafka says that it has no answer yet.

    Right after a broker's start, or while a group moves, NOT_COORDINATOR and its like are normal.
    """
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return ask()
        except KafkaException as error:
            busy = error.args[0].retriable() or error.args[0].code() in _BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
