"""Offsets as Kafka knows them: a group's, and the ends of partitions.

Right after a broker starts or a partition is added, or while a group or a leader moves, Kafka has no
answer yet. All functions ask again for as long as it says so, at most `seconds`; a Kafka that does not
answer at all is waited for once. All raise KafkaException.
"""

import time
from collections.abc import Callable, Container, Sequence
from typing import TypeVar

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

__all__ = [
    "TIMEOUT_SECONDS",
    "bounds_of_new",
    "committed_offsets",
    "offset_at",
    "partition_bounds",
    "partitions_of",
    "visible_partitions",
]

TIMEOUT_SECONDS = 30.0
_PAUSE_SECONDS = 0.1

_NOT_READY = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
)
_NOT_KNOWN = (
    KafkaError._NOENT,  # noqa: SLF001 - librdkafka's public codes
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - the same, where others are asked for beside it
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)
"""What the client says of a partition that no broker has told it a leader of, and what brokers say."""
_NOT_VISIBLE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)

_T = TypeVar("_T")


def committed_offsets(
    consumer: Consumer, partitions: Sequence[TopicPartition], *, seconds: float = TIMEOUT_SECONDS
) -> list[TopicPartition]:
    """Return the group's committed offsets, negative where it has none."""

    def ask() -> list[TopicPartition]:
        return [_checked(p) for p in consumer.committed(list(partitions), timeout=seconds)]

    return _retried(ask, seconds)


def partition_bounds(
    consumer: Consumer, partition: TopicPartition, *, seconds: float = TIMEOUT_SECONDS
) -> tuple[int, int]:
    """Return the low and high watermark: the first record still there, and the next one to come."""
    return _retried(lambda: consumer.get_watermark_offsets(partition, timeout=seconds), seconds)


def bounds_of_new(
    client: AdminClient, partitions: Sequence[TopicPartition], *, seconds: float = TIMEOUT_SECONDS
) -> list[tuple[int, int]]:
    """Return the low and high watermark of partitions of one topic, which may just have been added.

    A consumer's own client would not do: it can be assigned what it learns of minutes later, when it
    next asks for the topic's metadata.
    """

    def offsets(spec: OffsetSpec) -> list[int]:
        found = client.list_offsets(
            dict.fromkeys(partitions, spec),
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=seconds,
        )
        return [int(found[partition].result().offset) for partition in partitions]

    def ask() -> list[tuple[int, int]]:
        client.list_topics(partitions[0].topic, timeout=seconds)  # else it would go by what it knows
        earliest, latest = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
        return list(zip(offsets(earliest), offsets(latest), strict=True))

    return _retried(ask, seconds, (*_NOT_READY, *_NOT_KNOWN))


def offset_at(consumer: Consumer, moment: TopicPartition, *, seconds: float = TIMEOUT_SECONDS) -> int:
    """Return the first offset at or after a time, whose milliseconds stand in place of the offset.

    Returns the high watermark where no record is as late.
    """

    def ask() -> TopicPartition:
        return _checked(consumer.offsets_for_times([moment], timeout=seconds)[0])

    found = _retried(ask, seconds)
    return found.offset if found.offset >= 0 else partition_bounds(consumer, moment, seconds=seconds)[1]


def partitions_of(
    client: Consumer | AdminClient, topic: str, *, seconds: float = TIMEOUT_SECONDS
) -> list[TopicPartition]:
    """Return a topic's partitions. Raises KafkaException also where the topic is unknown or hidden."""

    def ask() -> list[TopicPartition]:
        found = client.list_topics(topic, timeout=seconds).topics[topic]
        return [TopicPartition(topic, number) for number in sorted(_checked(found).partitions)]

    return _retried(ask, seconds)


def visible_partitions(
    client: Consumer | AdminClient, topic: str, *, seconds: float = TIMEOUT_SECONDS
) -> list[TopicPartition]:
    """Return a topic's partitions; none where there is no such topic, or this user may not see it."""
    try:
        return partitions_of(client, topic, seconds=seconds)
    except KafkaException as error:
        if error.args[0].code() in _NOT_VISIBLE:
            return []
        raise


def _checked(answer: _T) -> _T:
    """Return what Kafka answered about one topic or partition; raise the error that it names."""
    error = getattr(answer, "error", None)
    if error is not None:
        raise KafkaException(error)
    return answer


def _retried(ask: Callable[[], _T], seconds: float, codes: Container[int] = _NOT_READY) -> _T:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except KafkaException as error:
            not_ready = error.args[0].retriable() or error.args[0].code() in codes
            if not not_ready or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
