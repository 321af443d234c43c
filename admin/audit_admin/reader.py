"""Records that Kafka still has, read again by partition and offset. An onlooker: it joins no group."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from audit_consumer import ConsumerSettings, Record, SetupFaultError
from audit_runtime import committed_offsets, offset_at, partition_bounds, visible_partitions
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from audit_admin.offset_set import OffsetSet

__all__ = ["Reader", "batches"]

_SLICE = 5_000
_NEAR = 20_000
"""Reading on over so many offsets is quicker than beginning anew behind them."""
_STALLED_SECONDS = 60.0
_FIRST_SECONDS = 10.0
_BATCH_BYTES = 8 * 1024 * 1024
_AHEAD_KB = 2 * 1024
"""Fetched ahead: much of what is fetched is passed over, or belongs behind where we stop."""


class Reader:
    """Reads ranges of offsets, and keeps a few megabytes of them in memory.

    Every method raises SetupFaultError where Kafka does not answer, or has no such topic.
    """

    def __init__(self, settings: ConsumerSettings) -> None:
        self._servers = settings.kafka_bootstrap_servers
        self._group = settings.group
        # A fetch that waits for more records holds back what is asked of the same broker meanwhile.
        # The end of a partition is told, since what stands there may be no record: a transaction's
        # end has an offset too, and nobody would ever get to see it.
        self._consumer = Consumer(
            settings.consumer_config()
            | {
                "fetch.wait.max.ms": 10,
                "enable.partition.eof": True,
                "queued.max.messages.kbytes": _AHEAD_KB,
            }
        )
        try:
            with self._sorted_errors():
                self._consumer.list_topics(timeout=_FIRST_SECONDS)  # or nobody waits long for nothing
        except SetupFaultError:
            self._consumer.close()
            raise

    def partitions(self, topic: str) -> list[int]:
        """Return the numbers of a topic's partitions."""
        with self._sorted_errors():
            found = [place.partition for place in visible_partitions(self._consumer, topic)]
        if not found:
            raise SetupFaultError(
                f"Topic {topic} can't be read. See what is wrong with: auditlog doctor"
            )
        return found

    def ends(self, topic: str, partition: int) -> tuple[int, int]:
        """Return the offset of the first record that is still there, and of the next one to come."""
        with self._sorted_errors():
            return partition_bounds(self._consumer, TopicPartition(topic, partition))

    def committed(self, topic: str, partition: int) -> int:
        """Return the offset that the group goes on from; negative, if it never read the partition."""
        try:
            return committed_offsets(self._consumer, [TopicPartition(topic, partition)])[0].offset
        except KafkaException as error:  # whoever may not see a group is left to wait, by librdkafka
            raise SetupFaultError(
                f"Kafka at {self._servers} does not say where group {self._group} stands "
                f"({error.args[0].str()}). It is busy, or this user may not see that: "
                "auditlog setup --acls"
            ) from error

    def offset_at(self, topic: str, partition: int, moment: datetime) -> int:
        """Return the offset of the first record that Kafka took at `moment` or later."""
        milliseconds = int(max(0.0, (moment - datetime.fromtimestamp(0, UTC)).total_seconds()) * 1000)
        with self._sorted_errors():
            return offset_at(self._consumer, TopicPartition(topic, partition, milliseconds))

    def read(
        self, topic: str, partition: int, first: int, end: int, wanted: OffsetSet | None = None
    ) -> Iterator[Record]:
        """Yield the records from `first` up to but without `end`, or only the wanted ones of them.

        As `messages` does, but copied.
        """
        return map(Record.of, self.messages(topic, partition, first, end, wanted))

    def messages(
        self, topic: str, partition: int, first: int, end: int, wanted: OffsetSet | None = None
    ) -> Iterator[Message]:
        """Yield the messages from `first` up to but without `end`, or only the wanted ones of them.

        Records that expire meanwhile, and offsets that hold none, are passed over. One at a time:
        the next call ends what an earlier one has left to yield.
        """
        self._consumer.assign([TopicPartition(topic, partition, first)])
        moved = time.monotonic()
        while first < end:
            with self._sorted_errors():
                messages = self._consumer.consume(min(_SLICE, end - first), timeout=1.0)
            if messages:
                moved = time.monotonic()
            elif time.monotonic() - moved > _STALLED_SECONDS:
                raise SetupFaultError(
                    f"Kafka gives no record of {topic} [{partition}] from offset {first} on. "
                    "Has the partition a leader? See: auditlog doctor"
                )
            for message in messages:
                if (error := message.error()) is not None:
                    first = self._passed(error, topic, partition, first, end)
                    continue
                offset = _offset(message)
                first = offset + 1
                if offset < end and (wanted is None or offset in wanted):
                    yield message

    def read_at(self, topic: str, partition: int, offset: int) -> Record | None:
        """Return the record at an offset; None if Kafka has it no more, or never had."""
        low, high = self.ends(topic, partition)
        if not low <= offset < high:
            return None
        return next(self.read(topic, partition, offset, offset + 1), None)

    def read_all(self, topic: str, partition: int, wanted: OffsetSet) -> Iterator[Message]:
        """Yield the messages at these offsets, as far as there are any, in order."""
        for first, last in _spans(wanted):
            yield from self.messages(topic, partition, first, last + 1, wanted)

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def _passed(self, error: KafkaError, topic: str, partition: int, first: int, end: int) -> int:
        """Return where to go on after an error. Raises KafkaException where it is one."""
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's public code
            return end
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            low, _ = self.ends(topic, partition)
            first = max(first, low)
            self._consumer.assign([TopicPartition(topic, partition, first)])
            return first
        with self._sorted_errors():
            raise KafkaException(error)

    @contextmanager
    def _sorted_errors(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            raise SetupFaultError(
                f"Kafka at {self._servers} does not answer ({error.args[0].str()}). Is it up? "
                "Set AUDITLOG_KAFKA_BOOTSTRAP_SERVERS, or start one with: auditlog local up"
            ) from error


def batches(messages: Iterable[Message], most: int) -> Iterator[list[Message]]:
    """Yield the messages in lists of at most so many, and of some 8 MB."""
    batch: list[Message] = []
    size = 0
    for message in messages:
        batch.append(message)
        size += len(message)
        if len(batch) == most or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _spans(wanted: OffsetSet) -> Iterator[tuple[int, int]]:
    """Yield first and last of what is read in one go."""
    span: tuple[int, int] | None = None
    for first, last in wanted.ranges():
        if span is not None and first - span[1] <= _NEAR:
            span = span[0], last
            continue
        if span is not None:
            yield span
        span = first, last
    if span is not None:
        yield span


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None  # noqa: S101 - librdkafka's contract for messages without error
    return offset
