"""What the runner asks of Kafka, as an onlooker: how far the log is complete, and the dead letters."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from audit_runtime.kafka import committed_offsets, offset_at, partition_bounds, partitions_of
from audit_schemas import (
    OFFSET_HEADER,
    PARTITION_HEADER,
    REASON_HEADER,
    RECEIVED_HEADER,
    format_timestamp,
)
from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from audit_alerts.errors import AlertError
from audit_alerts.runner.settings import RunnerSettings
from audit_alerts.times import as_time, in_millis, millis_now

__all__ = ["KafkaSource", "NoOffsetsError"]

_SECONDS = 15.0
_BATCH = 2000
_WAIT = 0.1
_NUMBER = re.compile(r"[0-9]{1,18}")
_EARLIEST, _LATEST = in_millis("1970-01-01T00:00:00Z"), in_millis("2999-12-31T23:59:59Z")
"""Kafka's times begin then; up to the year 9999 there has to be room for what rules look ahead."""
_LONGEST = 1000
"""Characters of a header: an alert is grouped by some, and Elasticsearch takes no longer keyword."""


class NoOffsetsError(AlertError):
    """Nobody knows how far the log is complete."""


class KafkaSource:
    """The topics, read without taking part in the group. KafkaException passes through."""

    def __init__(self, settings: RunnerSettings, *, clock: Callable[[], int] = millis_now) -> None:
        self._settings = settings
        self._clock = clock
        self._consumer = Consumer(
            settings.kafka_config()
            | {
                "group.id": settings.group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
            }
        )

    def ingest_watermark(self) -> int:
        """Return U, in milliseconds: all that ever has event.ingested <= U is indexed by now.

        What waits in a partition was, or will be, ingested after Kafka took it. So each partition
        that lags holds the watermark at the time at which Kafka took the first record that is not
        settled. Raises NoOffsetsError where the group has not begun.
        """
        now = self._clock()  # before Kafka is asked: what comes later is ingested later
        partitions = self._partitions(self._settings.topic)
        committed = committed_offsets(self._consumer, partitions, seconds=_SECONDS)
        if not any(each.offset >= 0 for each in committed):
            raise NoOffsetsError(
                f"The consumer group {self._settings.group} has settled nothing of topic "
                f"{self._settings.topic}; start: auditlog consume (AUDITLOG_GROUP, AUDITLOG_TOPIC)"
            )
        held = [self._held_at(each) for each in committed]
        return min([now, *(at for at in held if at is not None)]) - round(
            self._settings.alert_margin_seconds * 1000
        )

    def dead_letters(self, start: int, end: int) -> Iterator[dict[str, Any]]:
        """Yield the headers of the dead letters that Kafka took from `start` to before `end`."""
        for partition in self._partitions(self._settings.dead_letter_topic):
            moment = TopicPartition(partition.topic, partition.partition, max(start, 0))
            offset = offset_at(self._consumer, moment, seconds=_SECONDS)
            for message in self._read(partition, offset):
                if message.timestamp()[1] >= end:
                    break
                if fields := _headers(message):
                    yield fields

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def _partitions(self, topic: str) -> list[TopicPartition]:
        try:
            return partitions_of(self._consumer, topic, seconds=_SECONDS)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise NoOffsetsError(
                    f"Kafka has no topic {topic}; create it with: auditlog setup"
                ) from error
            raise

    def _held_at(self, committed: TopicPartition) -> int | None:
        """Return when Kafka took the first record that is not settled; None if all are."""
        message = next(self._read(committed, committed.offset), None)
        if message is None:
            return None
        taken = message.timestamp()
        return None if taken[0] == TIMESTAMP_NOT_AVAILABLE else int(taken[1])

    def _read(self, partition: TopicPartition, offset: int) -> Iterator[Message]:
        """Yield the records from an offset on, or from the first that is there, to the end."""
        low, high = partition_bounds(self._consumer, partition, seconds=_SECONDS)
        first = max(offset, low)
        if first >= high:
            return
        self._consumer.assign([TopicPartition(partition.topic, partition.partition, first)])
        deadline = time.monotonic() + _SECONDS
        try:
            while True:
                for message in self._consumer.consume(_BATCH, timeout=_WAIT):
                    error = message.error()
                    if error is None:
                        deadline = time.monotonic() + _SECONDS
                        yield message
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its only name
                        return
                    elif not error.retriable():
                        raise KafkaException(error)
                if time.monotonic() > deadline:
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001
        finally:
            self._consumer.unassign()


def _headers(message: Message) -> dict[str, Any] | None:
    """Return a dead letter's headers; of one name the last, since what was forged stands before.

    Whoever may write to the topic may write anything: what can't be read gives way to what Kafka says
    of the letter itself, so that it counts by its reason all the same, and ends nobody.
    """
    headers: Any = message.headers() or []  # pairs, whatever its types say
    fields: dict[str, Any] = {
        str(name): value.decode("utf-8", "replace")[:_LONGEST]
        for name, value in headers
        if isinstance(value, bytes)
    }
    if REASON_HEADER not in fields:
        return None
    if not _is_time(fields.get(RECEIVED_HEADER, "")):
        fields[RECEIVED_HEADER] = format_timestamp(as_time(message.timestamp()[1]))
    if not _NUMBER.fullmatch(fields.get(OFFSET_HEADER, "")):
        fields[OFFSET_HEADER] = str(message.offset())
    if not _NUMBER.fullmatch(fields.get(PARTITION_HEADER, "")):
        fields.pop(PARTITION_HEADER, None)
    return fields


def _is_time(text: str) -> bool:
    try:
        return _EARLIEST <= in_millis(text) <= _LATEST
    except (ValueError, OverflowError):
        return False
