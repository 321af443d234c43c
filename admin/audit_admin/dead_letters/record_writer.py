"""Writing records to Kafka in batches, with a result for each record."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from audit_runtime import KafkaSettings
from audit_runtime.kafka import KafkaProducer
from audit_schemas import Headers, Origin
from confluent_kafka import KafkaError, Message

__all__ = ["OutgoingRecord", "RecordWriter"]

_SECONDS = 30
_ANY_PARTITION = -1


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """A record to be written. With `partition` None, Kafka's client chooses one by the key."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers


class RecordWriter:
    """Writes records, and waits until all in-sync replicas have acknowledged them."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._producer = KafkaProducer(
            settings,
            {
                "linger.ms": 5,
                "compression.type": "zstd",  # records that arrived compressed may be large otherwise
                "message.max.bytes": 100_000_000,  # the topic's limit decides, not the client's
                "delivery.timeout.ms": _SECONDS * 1000,
            },
        )

    def send(self, records: Sequence[OutgoingRecord]) -> list[Origin | KafkaError]:
        """Write records; return the position of each, or why it is not known to be written.

        Usually takes at most a minute. Never raises.
        """
        results: list[Origin | KafkaError] = [KafkaError(KafkaError._TIMED_OUT)] * len(records)  # noqa: SLF001 - public code
        deadline = time.monotonic() + _SECONDS
        for number, record in enumerate(records):
            self._enqueue(number, record, results, deadline)
        self._producer.flush(2 * _SECONDS)
        for number, result in enumerate(results):
            if time.monotonic() > deadline:
                break  # else a claim on the records would end before they are written
            # The broker rejects a whole batch for one record in it: each is retried on its own.
            if isinstance(result, KafkaError) and result.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                self._enqueue(number, records[number], results, deadline)
                self._producer.flush(2 * _SECONDS)
        return results

    def _enqueue(
        self,
        number: int,
        record: OutgoingRecord,
        results: list[Origin | KafkaError],
        deadline: float,
    ) -> None:
        def report(error: KafkaError | None, message: Message | None) -> None:
            if error is not None:
                results[number] = error
            elif message is not None:
                partition, offset = message.partition(), message.offset()
                if partition is not None and offset is not None:
                    results[number] = Origin(record.topic, partition, offset)

        self._producer.enqueue(
            record.topic,
            record.value,
            key=record.key,
            headers=record.headers,
            partition=_ANY_PARTITION if record.partition is None else record.partition,
            on_delivery=report,
            deadline=deadline,
        )
