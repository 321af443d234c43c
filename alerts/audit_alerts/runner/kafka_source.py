"""Up to when everything that was ingested can be seen: asked of Kafka, as an onlooker."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from audit_schemas import format_timestamp
from confluent_kafka import (
    OFFSET_END,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import TopicMetadata

from audit_alerts.errors import AlertError
from audit_alerts.matches import as_time, in_millis
from audit_alerts.runner.patience import patiently
from audit_alerts.runner.settings import RunnerSettings

__all__ = ["KafkaSource", "NoOffsetsError", "millis_now"]

_SECONDS = 10.0
_T = TypeVar("_T")
_BATCH = 2000
_WAIT = 0.1
_RECEIVED = "audit.errors.received"
_PARTITION = "__connect.errors.partition"
_OFFSET = "__connect.errors.offset"
_NUMBER = re.compile(r"[0-9]{1,18}")
_LONGEST = 1000
"""Characters of a header: an alert is grouped by some, and Elasticsearch takes no longer keyword."""


class NoOffsetsError(AlertError):
    """Nobody knows how far the log is complete."""


def millis_now() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


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

    def bound(self) -> int:
        """Return U, in milliseconds: all that ever has event.ingested <= U is indexed by now.

        What waits in a partition was, or will be, ingested after Kafka took it. So each partition
        that lags holds the bound at the time at which Kafka took the first record that is not
        settled. Raises NoOffsetsError where the group has not begun.
        """
        now = self._clock()  # before Kafka is asked: what comes later is ingested later
        found = patiently(self._committed)
        if not any(point.offset >= 0 for point in found):
            raise NoOffsetsError(
                f"The consumer group {self._settings.group} has settled nothing of topic "
                f"{self._settings.topic}; start: auditlog consume (AUDITLOG_GROUP, AUDITLOG_TOPIC)"
            )
        held = [self._held_at(point) for point in found]
        return min([now, *(at for at in held if at is not None)]) - round(
            self._settings.alert_margin_seconds * 1000
        )

    def dead_letters(self, start: int, end: int) -> Iterator[dict[str, Any]]:
        """Yield the headers of the dead letters that Kafka took from `start` to before `end`."""
        for partition in self._partitions(self._settings.dead_letter_topic):
            wanted = TopicPartition(partition.topic, partition.partition, max(start, 0))
            for message in self._read(self._at(wanted)):
                if message.timestamp()[1] >= end:
                    break
                if fields := _headers(message):
                    yield fields

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def _partitions(self, topic: str) -> list[TopicPartition]:
        found = patiently(lambda: self._described(topic))
        return [TopicPartition(topic, number) for number in sorted(found.partitions)]

    def _described(self, topic: str) -> TopicMetadata:
        found: TopicMetadata = self._consumer.list_topics(topic, timeout=_SECONDS).topics[topic]
        if found.error is not None and found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise NoOffsetsError(f"Kafka has no topic {topic}; create it with: auditlog setup")
        return _sound(found)

    def _committed(self) -> list[TopicPartition]:
        found = self._consumer.committed(self._partitions(self._settings.topic), timeout=_SECONDS)
        return [_sound(point) for point in found]

    def _at(self, moment: TopicPartition) -> TopicPartition:
        """Return the first record at or after a time, which stands where the offset would."""
        (found,) = patiently(lambda: self._consumer.offsets_for_times([moment], timeout=_SECONDS))
        return _sound(found)

    def _held_at(self, point: TopicPartition) -> int | None:
        """Return when Kafka took the first record that is not settled; None if all are."""
        low, high = patiently(lambda: self._consumer.get_watermark_offsets(point, timeout=_SECONDS))
        if max(point.offset, low) >= high:
            return None
        first = TopicPartition(point.topic, point.partition, max(point.offset, low))
        message = next(self._read(first), None)
        if message is None:
            return None
        taken = message.timestamp()
        return None if taken[0] == TIMESTAMP_NOT_AVAILABLE else int(taken[1])

    def _read(self, point: TopicPartition) -> Iterator[Message]:
        """Yield the records from an offset on, to the partition's end."""
        if point.offset == OFFSET_END:
            return
        self._consumer.assign([point])
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


def _sound(found: _T) -> _T:
    """Return what Kafka answered about a topic or partition; raise what it says is wrong with it."""
    error = getattr(found, "error", None)
    if error is not None:
        raise KafkaException(error)
    return found


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
    if "audit.errors.reason" not in fields:
        return None
    if not _is_time(fields.get(_RECEIVED, "")):
        fields[_RECEIVED] = format_timestamp(as_time(message.timestamp()[1]))
    if not _NUMBER.fullmatch(fields.get(_OFFSET, "")):
        fields[_OFFSET] = str(message.offset())
    if not _NUMBER.fullmatch(fields.get(_PARTITION, "")):
        fields.pop(_PARTITION, None)
    return fields


def _is_time(text: str) -> bool:
    try:
        in_millis(text)
    except (ValueError, OverflowError):
        return False
    return True
