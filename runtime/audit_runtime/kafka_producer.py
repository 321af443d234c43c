"""The base of our Kafka producers: every record is answered, whatever happens to the client."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from audit_schemas import Headers
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from audit_runtime.settings import KafkaSettings

__all__ = ["GUARANTEES", "KafkaProducer"]

ANY_PARTITION = -1
"""Kafka's client chooses a partition, by the key."""

DeliveryCallback = Callable[[KafkaError | None, Message | None], None]

GUARANTEES: dict[str, Any] = {"acks": "all", "enable.idempotence": True}
"""What every producer of ours is configured with."""

_POLL_SECONDS = 0.1


class KafkaProducer(Producer):
    """Idempotent, acknowledged by all in-sync replicas; rereads credentials that are refused.

    Raises KafkaException only from the constructor and from `produce` itself, and CredentialsError
    from the constructor. After a fatal error `fatal_error` says why this client will never publish
    again, and every queued record has been reported as failed; another client may fare better.
    """

    def __init__(self, settings: KafkaSettings, config: Mapping[str, Any]) -> None:
        self._settings = settings
        self.fatal_error: KafkaError | None = None
        self._is_refused = False
        super().__init__(
            settings.kafka_config() | GUARANTEES | dict(config), error_cb=self._on_client_error
        )

    def enqueue(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        partition: int = ANY_PARTITION,
        on_delivery: DeliveryCallback,
        deadline: float,
    ) -> None:
        """Queue a record, waiting while the queue is full until `deadline` (monotonic). Never raises.

        `on_delivery` is called exactly once, with an error also if the record could not be queued;
        then there is no message.
        """
        while True:
            try:
                self.produce(
                    topic,
                    value,
                    key=key,
                    headers=list(headers),
                    partition=partition,
                    on_delivery=on_delivery,
                )
            except BufferError:
                if time.monotonic() > deadline:
                    on_delivery(KafkaError(KafkaError._QUEUE_FULL), None)  # noqa: SLF001 - public code
                    return
                self.poll(_POLL_SECONDS)
            except KafkaException as error:
                on_delivery(error.args[0], None)
                return
            else:
                self.poll(0)
                return

    def poll(self, timeout: float = -1) -> int:
        """Serve delivery reports for at most `timeout` seconds."""
        try:
            served = super().poll(timeout)
        except KafkaException as error:
            self.fatal_error = error.args[0]
            self.purge()  # librdkafka would never report what is queued
            return self.flush(1)
        if self._is_refused:
            # Not inside the error callback: confluent-kafka 2.16 aborts the process there.
            self._is_refused = False
            self._settings.renew_login(self)
        return served

    def flush(self, timeout: float = -1) -> int:
        """Wait for acknowledgements; return how many are still missing.

        By polling: confluent-kafka 2.16's own flush calls delivery callbacks with a fatal error set,
        so that a lock they take is never released.
        """
        deadline = None if timeout < 0 else time.monotonic() + timeout
        while (left := len(self)) and (deadline is None or time.monotonic() < deadline):
            self.poll(_POLL_SECONDS)
        if left:
            self.poll(0)  # a line for the log that waits to be served counts as a record
            left = len(self)
        return left

    def _on_client_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001 - librdkafka's public code
            self._is_refused = True
