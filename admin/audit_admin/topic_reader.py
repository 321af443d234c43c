"""Records that Kafka still has, read again by partition and offset, without joining a group."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from audit_consumer import ConsumerSettings, Record, SetupFaultError
from audit_runtime.kafka import committed_offsets, offset_at, partition_bounds, visible_partitions
from audit_schemas import merge_intervals
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from audit_admin.offset_set import OffsetSet

__all__ = ["TopicReader"]

_NEAR = 20_000
"""Reading on across so many offsets is quicker than seeking past them."""
_STALLED_SECONDS = 60.0
_FIRST_SECONDS = 10.0
_WAIT_SECONDS = 0.5


class TopicReader:
    """Reads ranges of offsets, holding a few megabytes in memory.

    Every method raises SetupFaultError if Kafka does not answer, or does not have the topic.
    """

    def __init__(self, settings: ConsumerSettings) -> None:
        from audit_runtime.partition_reader import PartitionReader  # noqa: PLC0415 - slow to load

        self._servers = settings.kafka_bootstrap_servers
        self._group = settings.group
        self._consumer = Consumer(settings.consumer_config())
        self._fetcher = PartitionReader(settings)
        try:
            with self._kafka_errors():
                self._consumer.list_topics(timeout=_FIRST_SECONDS)  # fail early if nobody answers
        except SetupFaultError:
            self._consumer.close()
            raise

    def partitions(self, topic: str) -> list[int]:
        """Return the numbers of a topic's partitions."""
        with self._kafka_errors():
            found = [place.partition for place in visible_partitions(self._consumer, topic)]
        if not found:
            raise SetupFaultError(f"Topic {topic} can't be read. To find out why: auditlog doctor")
        return found

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """Return the offset of the first record that Kafka still has, and that of the next one."""
        with self._kafka_errors():
            return partition_bounds(self._consumer, TopicPartition(topic, partition))

    def committed(self, topic: str, partition: int) -> int:
        """Return the offset that the group has committed; negative if it has none."""
        try:
            return committed_offsets(self._consumer, [TopicPartition(topic, partition)])[0].offset
        except KafkaException as error:  # librdkafka times out if the user may not describe the group
            raise SetupFaultError(
                f"Kafka at {self._servers} does not return the offsets of group {self._group} "
                f"({error.args[0].str()}). It is busy, or this user may not describe the group: "
                "see auditlog setup --acls"
            ) from error

    def offset_at(self, topic: str, partition: int, moment: datetime) -> int:
        """Return the offset of the first record that Kafka received at `moment` or later."""
        milliseconds = int(max(0.0, (moment - datetime.fromtimestamp(0, UTC)).total_seconds()) * 1000)
        with self._kafka_errors():
            return offset_at(self._consumer, TopicPartition(topic, partition, milliseconds))

    def read(
        self, topic: str, partition: int, first: int, end: int, wanted: OffsetSet | None = None
    ) -> Iterator[Record]:
        """Yield what `messages` yields, as records."""
        return map(Record.of, self.messages(topic, partition, first, end, wanted))

    def messages(
        self, topic: str, partition: int, first: int, end: int, wanted: OffsetSet | None = None
    ) -> Iterator[Message]:
        """Yield the messages from `first` up to, excluding, `end`, or only the wanted ones of them.

        Records that expire in the meantime, and offsets without a record, are skipped. One that is
        can't be read stands in its place as an error, without its bytes.
        """
        moved = time.monotonic()
        while first < end:
            try:
                found = self._fetcher.fetch(topic, partition, first, wait_seconds=_WAIT_SECONDS)
            except KafkaException as error:
                first = self._next_offset(error.args[0], topic, partition, first)
                continue
            if found.next_offset > first:
                moved = time.monotonic()
            elif first >= found.end:
                return  # the last offsets may be no records: a transaction's end has one too
            elif time.monotonic() - moved > _STALLED_SECONDS:
                raise SetupFaultError(
                    f"Kafka returns no records of {topic} [{partition}] from offset {first} on. "
                    "Does the partition have a leader? See: auditlog doctor"
                )
            for message in found.records:
                offset = message.offset() or 0
                if offset < end and (wanted is None or offset in wanted):
                    yield message
            first = found.next_offset

    def read_at(self, topic: str, partition: int, offset: int) -> Record | None:
        """Return the record at an offset; None if Kafka no longer has it, or never had it."""
        low, high = self.bounds(topic, partition)
        if not low <= offset < high:
            return None
        return next(self.read(topic, partition, offset, offset + 1), None)

    def read_all(self, topic: str, partition: int, wanted: OffsetSet) -> Iterator[Message]:
        """Yield the messages at these offsets in order; offsets without a message are skipped."""
        for first, last in merge_intervals(wanted.ranges(), gap=_NEAR):
            yield from self.messages(topic, partition, first, last + 1, wanted)

    def close(self) -> None:
        """Close the connections."""
        self._fetcher.close()
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def _next_offset(self, error: KafkaError, topic: str, partition: int, first: int) -> int:
        """Return the offset to continue at. Raises SetupFaultError for what is really an error."""
        if error.code() == KafkaError.OFFSET_OUT_OF_RANGE:
            low, high = self.bounds(topic, partition)
            if first < low:
                return low
            if first > high:
                raise SetupFaultError(
                    f"{topic} [{partition}] ends at {high}, before {first}: was the topic made anew?"
                )
        with self._kafka_errors():
            raise KafkaException(error)

    @contextmanager
    def _kafka_errors(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            raise SetupFaultError(
                f"Kafka at {self._servers} does not answer ({error.args[0].str()}). Is it running? "
                "Set AUDITLOG_KAFKA_BOOTSTRAP_SERVERS, or start one with: auditlog local up"
            ) from error
