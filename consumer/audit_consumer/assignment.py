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
) -> tuple[list[TopicPartition], list[TopicPartition]]:
    """Return the offset to start at for each assigned partition, and apart, those decided just now.

    That is the group's committed offset. Where it has none, the group has never read the topic, and
    `start` decides; or the partition was added since, and is read from its beginning: `start` is
    for the first start alone, since `latest` would pass over what nobody has read.
    Raises StartUnknownError or OffsetsExpiredError.
    """
    points, decided = [], []
    for point in committed_offsets(consumer, assigned):
        if point.offset < 0:
            offset = _beginning(consumer, group, point, start)
            decided.append(TopicPartition(point.topic, point.partition, offset))
            points.append(decided[-1])
        else:
            points.append(TopicPartition(point.topic, point.partition, point.offset))
    return points, decided


def _beginning(consumer: Consumer, group: str, partition: TopicPartition, start: Start | None) -> int:
    low, high = ends_of(consumer, partition)
    if not _has_read(consumer, partition.topic):
        if start is None:
            raise StartUnknownError(group, partition.topic)
        return low if start == "earliest" else high
    if low > 0 and start is None:
        raise OffsetsExpiredError(partition.topic, partition.partition, 0, low - 1)
    return low


def _has_read(consumer: Consumer, topic: str) -> bool:
    """Tell whether the group has an offset on any partition of the topic."""
    points = committed_offsets(consumer, partitions_of(consumer, topic))
    return any(point.offset >= 0 for point in points)
