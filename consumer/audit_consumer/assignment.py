"""Where to start on a partition that was assigned."""

from collections.abc import Sequence
from typing import Literal

from confluent_kafka import Consumer, TopicPartition

from audit_consumer.errors import OffsetsExpiredError, StartUnknownError
from audit_consumer.offsets import committed_offsets, ends_of, partitions_of

__all__ = ["Start", "starting_points"]

Start = Literal["earliest", "latest"]


def starting_points(
    consumer: Consumer, group: str, assigned: Sequence[TopicPartition], start: Start | None
) -> list[TopicPartition]:
    """Return the offset to start at, for each assigned partition.

    That is the group's committed offset. Where it has none: what `start` says; without it, the
    beginning of a partition that was added to a topic the group reads, if nothing expired there.
    Raises StartUnknownError or OffsetsExpiredError.
    """
    committed = {p.partition: p.offset for p in committed_offsets(consumer, assigned)}
    return [
        TopicPartition(
            p.topic,
            p.partition,
            committed[p.partition]
            if committed[p.partition] >= 0
            else _uncommitted(consumer, group, p, start),
        )
        for p in assigned
    ]


def _uncommitted(consumer: Consumer, group: str, partition: TopicPartition, start: Start | None) -> int:
    low, high = ends_of(consumer, partition)
    if start is not None:
        return low if start == "earliest" else high
    if not _has_read(consumer, partition.topic):
        raise StartUnknownError(group, partition.topic)
    if low > 0:
        raise OffsetsExpiredError(partition.topic, partition.partition, 0, low - 1)
    return 0


def _has_read(consumer: Consumer, topic: str) -> bool:
    """Tell whether the group has an offset on any partition of the topic."""
    points = committed_offsets(consumer, partitions_of(consumer, topic))
    return any(point.offset >= 0 for point in points)
