"""Records written to Kafka one handful at a time, each with its own answer."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from audit_runtime import KafkaProducer, KafkaSettings
from audit_schemas import Headers, Origin
from confluent_kafka import KafkaError, KafkaException, Message

__all__ = ["Outbox", "Outgoing"]

_SECONDS = 30
_ANY_PARTITION = -1


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be written. `partition` None: Kafka's client chooses one, by the key."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers


class Outbox:
    """Writes records, and waits for the acknowledgement of all replicas in sync."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._producer = KafkaProducer(
            settings,
            {
                "linger.ms": 5,
                "compression.type": "zstd",  # what came in small is to go out small
                "message.max.bytes": 100_000_000,  # the topic decides, not the client
                "delivery.timeout.ms": _SECONDS * 1000,
            },
        )

    def send(self, records: Sequence[Outgoing]) -> list[Origin | KafkaError]:
        """Write them; return where each stands now, or why it is not known to be written.

        Takes a minute at most, as a rule. Does not raise.
        """
        answers: list[Origin | KafkaError] = [KafkaError(KafkaError._TIMED_OUT)] * len(records)  # noqa: SLF001 - public code
        deadline = time.monotonic() + _SECONDS
        for number, record in enumerate(records):
            self._produce(number, record, answers, deadline)
        self._producer.flush(2 * _SECONDS)
        for number, answer in enumerate(answers):
            # The broker refuses a whole batch for one record in it: each is tried alone.
            if isinstance(answer, KafkaError) and answer.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                self._produce(number, records[number], answers, deadline)
                self._producer.flush(2 * _SECONDS)
        return answers

    def _produce(
        self, number: int, record: Outgoing, answers: list[Origin | KafkaError], deadline: float
    ) -> None:
        def report(error: KafkaError | None, message: Message) -> None:
            partition, offset = message.partition(), message.offset()
            if error is not None:
                answers[number] = error
            elif partition is not None and offset is not None:
                answers[number] = Origin(record.topic, partition, offset)

        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    key=record.key,
                    headers=list(record.headers),
                    partition=_ANY_PARTITION if record.partition is None else record.partition,
                    on_delivery=report,
                )
            except BufferError:
                if time.monotonic() > deadline:
                    return
                self._producer.poll(0.1)
            except KafkaException as error:
                answers[number] = error.args[0]
                return
            else:
                self._producer.poll(0)
                return
