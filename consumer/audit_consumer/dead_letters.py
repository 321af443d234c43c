"""The dead-letter topic: refused records, as they were, with where they stood and why.

At least once: a record may be there twice after a crash. Readers tell such copies apart by the
source topic, partition and offset in the headers.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from audit_schemas import Origin
from audit_schemas.settings import KafkaSettings
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from audit_consumer.record import Refusal

__all__ = [
    "MESSAGE_HEADER",
    "OFFSET_HEADER",
    "PARTITION_HEADER",
    "PATH_HEADER",
    "REASON_HEADER",
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

_log = structlog.get_logger()
_MESSAGE_MAX = 1000


@dataclass(slots=True)
class _Delivery:
    """Waits for one record's acknowledgement."""

    refusal: Refusal
    acknowledged: bool = False
    error: str | None = None

    def report(self, error: KafkaError | None, _: Message) -> None:
        self.acknowledged = error is None
        self.error = None if error is None else error.str()


class DeadLetters:
    """Writes refusals to the dead-letter topic."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._topic = settings.dead_letter_topic
        self._producer = Producer(
            settings.kafka_config()
            | {
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "lz4",
                "message.max.bytes": 100_000_000,  # the topic decides, not the client
                "delivery.timeout.ms": 30_000,
            }
        )

    def send(self, refusals: Sequence[Refusal], seconds: float) -> list[Refusal]:
        """Write refusals, and return those that were not acknowledged within `seconds`."""
        deadline = time.monotonic() + seconds
        deliveries = [_Delivery(refusal) for refusal in refusals]
        for delivery in deliveries:
            self._produce(delivery, deadline)
        self._producer.flush(max(0.0, deadline - time.monotonic()))
        left = [delivery for delivery in deliveries if not delivery.acknowledged]
        if left:
            self._producer.purge(in_flight=False)  # they come again; the queue must not grow by it
            _log.warning("dead letters not acknowledged", count=len(left), error=left[0].error)
        return [delivery.refusal for delivery in left]

    def close(self) -> None:
        """Give what is still in the queue a moment."""
        self._producer.flush(1)

    def _produce(self, delivery: _Delivery, deadline: float) -> None:
        record = delivery.refusal.record
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    record.value,
                    key=record.key,
                    headers=[*record.headers, *headers_of(delivery.refusal)],
                    on_delivery=delivery.report,
                )
            except BufferError:
                if time.monotonic() > deadline:
                    return
                self._producer.poll(0.1)
            except KafkaException as error:
                delivery.error = error.args[0].str()
                return
            else:
                self._producer.poll(0)
                return


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
