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
from audit_runtime import KafkaSettings
from audit_runtime.kafka import KafkaProducer
from audit_schemas import DIGEST_HEADER, SIZE_HEADER, dead_letter_headers
from confluent_kafka import KafkaError, Message

from audit_consumer.record import Refusal

__all__ = ["DeadLetters"]

_log = structlog.get_logger()
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
        record = delivery.refusal.record
        key, value = record.key, record.value
        headers = [*record.headers, *_headers_of(delivery.refusal)]
        if cut:  # whatever is too large: value, key or headers
            headers = [*_headers_of(delivery.refusal), *_size_headers(value or b"")]
            key, value = _beginning(key), _beginning(value)
        self._producer.enqueue(
            self._topic,
            value,
            key=key,
            headers=headers,
            on_delivery=delivery.report,
            deadline=deadline,
        )

    def _recover(self, error: KafkaError | None, count: int) -> None:
        """Keep what comes again from growing the queue, and start afresh after a fatal error."""
        why = self._producer.fatal_error or error
        _log.warning("dead letters not acknowledged", count=count, error=why and why.str())
        self._producer.purge(in_flight=False)
        is_fatal = error is not None and error.code() == KafkaError._FATAL  # noqa: SLF001 - public code
        if is_fatal or self._producer.fatal_error is not None:
            self._producer = self._connect()

    def _connect(self) -> KafkaProducer:
        return KafkaProducer(
            self._settings,
            {
                "linger.ms": 5,
                "compression.type": "lz4",
                "message.max.bytes": 100_000_000,  # the topic decides, not the client
                "delivery.timeout.ms": 30_000,
            },
        )


def _beginning(value: bytes | None) -> bytes | None:
    return value[:_CUT_BYTES] if value is not None else None


def _size_headers(value: bytes) -> list[tuple[str, str | bytes | None]]:
    return [
        (SIZE_HEADER, str(len(value)).encode()),
        (DIGEST_HEADER, hashlib.sha256(value).hexdigest().encode()),
    ]


def _headers_of(refusal: Refusal) -> list[tuple[str, str | bytes | None]]:
    record = refusal.record
    return dead_letter_headers(
        record.origin, record.received, refusal.reason, refusal.path, refusal.message
    )
