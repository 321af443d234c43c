"""The dead-letter topic: refused records, as they were, with where they stood and why.

At least once: a record may be there twice after a crash. Readers tell such copies apart by the
source topic, partition and offset in the headers.
"""

import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from audit_schemas import Origin
from audit_schemas.settings import KafkaSettings
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from audit_consumer.record import Refusal

__all__ = [
    "DIGEST_HEADER",
    "MESSAGE_HEADER",
    "OFFSET_HEADER",
    "PARTITION_HEADER",
    "PATH_HEADER",
    "REASON_HEADER",
    "SIZE_HEADER",
    "TOPIC_HEADER",
    "DeadLetters",
    "headers_of",
    "origin_of",
]

# Kafka Connect's names, where one fits (org.apache.kafka.connect.runtime.errors).
TOPIC_HEADER = "__connect.errors.topic"
PARTITION_HEADER = "__connect.errors.partition"
OFFSET_HEADER = "__connect.errors.offset"
MESSAGE_HEADER = "__connect.errors.exception.message"
REASON_HEADER = "audit.errors.reason"
PATH_HEADER = "audit.errors.path"
SIZE_HEADER = "audit.errors.size"
"""Length of the value in bytes, where the dead letter holds only its beginning."""
DIGEST_HEADER = "audit.errors.sha256"
"""SHA-256 of the whole value, with `SIZE_HEADER`."""

_log = structlog.get_logger()
_MESSAGE_MAX = 1000
_CUT_BYTES = 64 * 1024


@dataclass(slots=True)
class _Delivery:
    """Waits for one record's acknowledgement."""

    refusal: Refusal
    acknowledged: bool = False
    error: KafkaError | None = None

    def report(self, error: KafkaError | None, _: Message | None = None) -> None:
        self.acknowledged = error is None
        self.error = error

    @property
    def is_too_large(self) -> bool:
        return self.error is not None and self.error.code() == KafkaError.MSG_SIZE_TOO_LARGE


class DeadLetters:
    """Writes refusals to the dead-letter topic."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._topic = settings.dead_letter_topic
        self._producer = self._connect()
        self._lock = threading.Lock()

    def send(self, refusals: Sequence[Refusal], seconds: float) -> list[Refusal]:
        """Write refusals, and return those that were not acknowledged within `seconds`.

        A record that the topic does not take for its size is cut, with its length and SHA-256 in
        headers: one record must not hold up all that come after it. The whole of it is in the
        source topic for as long as that keeps it.
        """
        with self._lock:  # one at a time: what one purges must not be another's
            return self._send(refusals, time.monotonic() + seconds)

    def _send(self, refusals: Sequence[Refusal], deadline: float) -> list[Refusal]:
        deliveries = [_Delivery(refusal) for refusal in refusals]
        for delivery in deliveries:
            self._produce(delivery, deadline)
        self._producer.flush(max(0.0, deadline - time.monotonic()))
        too_large = [delivery for delivery in deliveries if delivery.is_too_large]
        for delivery in too_large:
            self._produce(delivery, deadline, cut=True)
        if too_large:
            self._producer.flush(max(0.0, deadline - time.monotonic()))
        left = [delivery for delivery in deliveries if not delivery.acknowledged]
        if left:
            self._recover(left[0].error, len(left))
        return [delivery.refusal for delivery in left]

    def close(self) -> None:
        """Give what is still in the queue a moment."""
        self._producer.flush(1)

    def _produce(self, delivery: _Delivery, deadline: float, *, cut: bool = False) -> None:
        record, value = delivery.refusal.record, delivery.refusal.record.value
        headers = [*record.headers, *headers_of(delivery.refusal)]
        if cut and value is not None:
            headers = [*headers_of(delivery.refusal), *_size_headers(value)]
            value = value[:_CUT_BYTES]
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    value,
                    key=record.key if not cut else (record.key or b"")[:_CUT_BYTES],
                    headers=headers,
                    on_delivery=delivery.report,
                )
            except BufferError:
                if time.monotonic() > deadline:
                    return
                self._producer.poll(0.1)
            except KafkaException as error:
                delivery.report(error.args[0])
                return
            else:
                self._producer.poll(0)
                return

    def _recover(self, error: KafkaError | None, count: int) -> None:
        """Keep what comes again from growing the queue, and start afresh after a fatal error."""
        _log.warning("dead letters not acknowledged", count=count, error=error and error.str())
        self._producer.purge(in_flight=False)
        if error is not None and error.code() == KafkaError._FATAL:  # noqa: SLF001 - public code
            self._producer = self._connect()

    def _connect(self) -> Producer:
        return Producer(
            self._settings.kafka_config()
            | {
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "lz4",
                "message.max.bytes": 100_000_000,  # the topic decides, not the client
                "delivery.timeout.ms": 30_000,
            }
        )


def _size_headers(value: bytes) -> list[tuple[str, str | bytes | None]]:
    return [
        (SIZE_HEADER, str(len(value)).encode()),
        (DIGEST_HEADER, hashlib.sha256(value).hexdigest().encode()),
    ]


def headers_of(refusal: Refusal) -> list[tuple[str, str | bytes | None]]:
    """Return the headers that say where a record stood and why it was refused."""
    origin = refusal.record.origin
    return [
        (TOPIC_HEADER, origin.topic.encode()),
        (PARTITION_HEADER, str(origin.partition).encode()),
        (OFFSET_HEADER, str(origin.offset).encode()),
        (MESSAGE_HEADER, refusal.message[:_MESSAGE_MAX].encode()),
        (REASON_HEADER, refusal.reason.encode()),
        (PATH_HEADER, refusal.path.encode()),
    ]


def origin_of(headers: Sequence[tuple[str, str | bytes | None]]) -> Origin | None:
    """Return where a dead letter stood; None if its headers don't say."""
    found = {name: value.decode() if isinstance(value, bytes) else value for name, value in headers}
    try:
        return Origin(
            str(found[TOPIC_HEADER]),
            int(str(found[PARTITION_HEADER])),
            int(str(found[OFFSET_HEADER])),
        )
    except (KeyError, ValueError):
        return None
