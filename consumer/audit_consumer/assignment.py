"""Where to start on a partition that was assigned."""

from collections.abc import Sequence
from typing import Literal

from audit_runtime.kafka import bounds_of_new, committed_offsets, visible_partitions
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from audit_consumer.errors import OffsetsExpiredError, StartUnknownError
from audit_consumer.settings import ConsumerSettings

__all__ = ["Start", "starting_points"]

Start = Literal["earliest", "latest"]


def starting_points(
    consumer: Consumer,
    settings: ConsumerSettings,
    assigned: Sequence[TopicPartition],
    start: Start | None,
) -> tuple[list[TopicPartition], list[TopicPartition]]:
    """Return the offset to start at for each assigned partition, and apart, those decided just now.

    That is the group's committed offset. Where it has none, the group has never read the topic, and
    `start` decides; or the partition was added since, and is read from its beginning: `start` is
    for the first start alone, since `latest` would pass over what nobody has read.
    Raises StartUnknownError or OffsetsExpiredError.
    """
    points = committed_offsets(consumer, assigned)
    new = [point for point in points if point.offset < 0]
    decided = _beginnings(consumer, settings, new, start) if new else []
    kept = [
        TopicPartition(point.topic, point.partition, point.offset)
        for point in points
        if point.offset >= 0
    ]
    return kept + decided, decided


def _beginnings(
    consumer: Consumer,
    settings: ConsumerSettings,
    partitions: Sequence[TopicPartition],
    start: Start | None,
) -> list[TopicPartition]:
    """Return where to start on partitions of the topic that have no offset.

    We are in a callback of the consumer, and its own list_topics would make it forget that: the
    next callback of the same read would end the process. So another client is asked, which also
    knows of partitions that the consumer's has not heard of yet.
    """
    client = AdminClient(settings.kafka_config())
    bounds = bounds_of_new(client, partitions)
    has_read = _has_read(consumer, client, settings.topic)
    if not has_read and start is None:
        raise StartUnknownError(settings.group, settings.topic)
    found = []
    for partition, (low, high) in zip(partitions, bounds, strict=True):
        if low > 0 and start is None:
            raise OffsetsExpiredError(partition.topic, partition.partition, 0, low - 1)
        offset = high if start == "latest" and not has_read else low
        found.append(TopicPartition(partition.topic, partition.partition, offset))
    return found


def _has_read(consumer: Consumer, client: AdminClient, topic: str) -> bool:
    """Tell whether the group has an offset on any partition of the topic."""
    partitions = visible_partitions(client, topic)
    return any(point.offset >= 0 for point in committed_offsets(consumer, partitions))
