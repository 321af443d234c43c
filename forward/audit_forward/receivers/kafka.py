"""A topic of Kafka, of the log's own cluster or of another."""

import time
from collections.abc import Sequence

from audit_runtime import KafkaSettings
from audit_runtime.kafka import KafkaProducer
from confluent_kafka import KafkaError, KafkaException, Message

from audit_forward.errors import NotDeliveredError, RefusedError
from audit_forward.item import Item, Limits
from audit_forward.receiver_tables import KafkaTable
from audit_forward.receivers.receiver import Answer

__all__ = ["KafkaReceiver"]

_BYTES = 8 * 1024 * 1024
_REFUSALS = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD)


class KafkaReceiver:
    """See `audit_forward.receivers.Receiver`.

    The key is the item's id. All of one partition goes to one partition, so that its order is kept.
    """

    limits = Limits(2000, _BYTES)

    def __init__(self, table: KafkaTable, settings: KafkaSettings, seconds: float) -> None:
        self._topic = table.topic
        self._seconds = seconds
        self._settings = _cluster(table, settings)
        self._producer = self._connect()
        self._partitions = 0

    def send(self, items: Sequence[Item]) -> Answer:
        """Publish them, and wait until all are acknowledged. After a fatal error, by a new client.

        All of it takes hardly longer than the time-out: a lease has to last for it.
        """
        deadline = time.monotonic() + self._seconds
        if self._producer.fatal_error is not None:
            self._producer = self._connect()
        count = self._partitions or self._count(deadline)
        failed: list[KafkaError] = []
        acknowledged = 0

        def on_delivery(error: KafkaError | None, _: Message | None) -> None:
            nonlocal acknowledged
            if error is None:
                acknowledged += 1
            else:
                failed.append(error)

        for item in items:
            self._producer.enqueue(
                self._topic,
                item.body,
                key=item.id.encode(),
                partition=item.partition % count if item.partition >= 0 else -1,
                on_delivery=on_delivery,
                deadline=deadline,
            )
        self._producer.flush(_left(deadline) + 5)
        if failed:
            self._partitions = 0  # there may be fewer or more by now
            if all(error.code() in _REFUSALS for error in failed):
                raise RefusedError(failed[0].str())
            raise NotDeliveredError(f"topic {self._topic}: {failed[0].str()}")
        if acknowledged < len(items):
            raise NotDeliveredError(f"topic {self._topic}: no answer")
        return Answer(f"acknowledged by topic {self._topic}")

    def close(self) -> None:
        """Forget what was not acknowledged; it is sent again."""
        self._producer.purge()
        self._producer.flush(1)

    def _count(self, deadline: float) -> int:
        try:
            found = self._producer.list_topics(self._topic, timeout=_left(deadline)).topics[self._topic]
        except KafkaException as error:
            raise NotDeliveredError(f"topic {self._topic}: {error.args[0].str()}") from error
        if found.error is not None or not found.partitions:
            raise NotDeliveredError(f"topic {self._topic}: {found.error or 'it has no partitions'}")
        self._partitions = len(found.partitions)
        return self._partitions

    def _connect(self) -> KafkaProducer:
        timeout = round(self._seconds * 1000)
        config = {"linger.ms": 5, "message.timeout.ms": timeout, "compression.type": "zstd"}
        return KafkaProducer(self._settings, config)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _cluster(table: KafkaTable, settings: KafkaSettings) -> KafkaSettings:
    """Return how to reach the cluster: the log's own, where no servers are named."""
    if table.servers is None:
        return settings
    return KafkaSettings(
        kafka_bootstrap_servers=table.servers,
        kafka_security_protocol=table.security_protocol,
        kafka_sasl_mechanism=table.sasl_mechanism,
        kafka_username=table.username,
        kafka_password_file=table.password_file,
        kafka_ca_file=table.ca_file,
        allow_plain_text=settings.allow_plain_text,
    )
