"""The topic that is sealed: what it is, and its records. KafkaException passes through."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from audit_runtime.kafka import committed_offsets, partition_bounds, partitions_of, visible_partitions
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from audit_seal.errors import SealError
from audit_seal.settings import SealSettings
from audit_seal.statement import TopicStatement

if TYPE_CHECKING:
    from audit_runtime.partition_reader import Fetched

__all__ = ["EventsTopic"]

_SECONDS = 15.0


class EventsTopic:
    """All partitions of the topic, read without joining the consumers' group. For one thread."""

    def __init__(self, settings: SealSettings) -> None:
        from audit_runtime.partition_reader import PartitionReader  # noqa: PLC0415 - slow to import

        self.name = settings.topic
        self._group = settings.group
        self._admin = AdminClient(settings.kafka_config())
        self._consumer = Consumer(settings.consumer_config())
        self._reader = PartitionReader(settings)

    def cluster_id(self) -> str:
        """Return the ID of the Kafka cluster."""
        found = self._admin.list_topics(self.name, timeout=_SECONDS).cluster_id
        if not found:
            raise SealError("Kafka does not say its cluster's ID; are the brokers starting?")
        return found

    def describe(self) -> TopicStatement:
        """Return what the topic is now. Raises SealError where there is none that we may see."""
        if not visible_partitions(self._consumer, self.name, seconds=_SECONDS):
            raise SealError(
                f"Topic {self.name} does not exist, or this user may not see it; see: auditlog doctor"
            )
        found = self._done(self._admin.describe_topics(TopicCollection([self.name]))[self.name])
        topic_id = str(found.topic_id).replace("+", "-").replace("/", "_").rstrip("=")
        resource = ConfigResource(ResourceType.TOPIC, self.name)
        config = self._done(self._admin.describe_configs([resource])[resource])
        policy = config["cleanup.policy"].value or "none"
        return TopicStatement(self.name, topic_id, len(found.partitions), policy)

    def bounds(self, partition: int) -> tuple[int, int]:
        """Return the offset of the first record that Kafka still has, and that of the next one."""
        return partition_bounds(self._consumer, TopicPartition(self.name, partition), seconds=_SECONDS)

    def committed(self) -> dict[int, int]:
        """Return how far the consumers' group has committed each partition; 0 where it has not."""
        places = partitions_of(self._consumer, self.name, seconds=_SECONDS)
        found = committed_offsets(self._consumer, places, seconds=_SECONDS)
        return {each.partition: max(0, each.offset) for each in found}

    def fetch(self, partition: int, offset: int) -> "Fetched":
        """Return the records that are there from an offset on, about 512 KiB of them."""
        return self._reader.fetch(self.name, partition, offset, seconds=0)

    def time_at(self, partition: int, offset: int) -> int | None:
        """Return the broker's time, in milliseconds, of the record at an offset or of one near it.

        None if Kafka no longer has it.
        """
        try:
            found = self.fetch(partition, offset)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.OFFSET_OUT_OF_RANGE:
                return None
            raise
        message = next(found.records, None)
        return max(0, message.timestamp()[1]) if message is not None else None

    def messages(self, partition: int, first: int, end: int) -> Iterator[Message]:
        """Yield what is still there from `first` up to, and without, `end`."""
        low, high = self.bounds(partition)
        first, end = max(first, low), min(end, high)
        while first < end:
            found = self.fetch(partition, first)
            for message in found.records:
                if (message.offset() or 0) < end:
                    yield message
            if found.next_offset == first:
                return
            first = found.next_offset

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()
        self._consumer.close()

    @staticmethod
    def _done(future: Any) -> Any:
        try:
            return future.result(_SECONDS)
        except TimeoutError:
            why = "Kafka does not answer; is it overloaded?"
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, why)) from None  # noqa: SLF001 - its only name
        except KafkaException as error:
            if error.args[0].code() < 0 or error.args[0].retriable():
                raise  # it has not answered, or not yet
            raise SealError(f"Kafka refuses to describe the topic: {error.args[0].str()}") from error
