"""Kafka's producing client, as the consumer needs it: whatever ends it, each record gets its answer."""

import time
from typing import Any

from audit_schemas.settings import KafkaSettings
from confluent_kafka import KafkaError, KafkaException, Producer

__all__ = ["KafkaWriter"]

_POLL_SECONDS = 0.1


class KafkaWriter(Producer):
    """Idempotent, acknowledged by all; takes a password that was changed in its file.

    Raises KafkaException only when it is made, and from `produce`. `ended` says why it will never
    write again: a user without the right to is such a reason, and another client may fare better.
    """

    def __init__(self, settings: KafkaSettings, more: dict[str, Any]) -> None:
        self._settings = settings
        self.ended: KafkaError | None = None
        self._is_refused = False
        config = settings.kafka_config() | {"acks": "all", "enable.idempotence": True} | more
        super().__init__(config, error_cb=self._on_trouble)

    def poll(self, timeout: float = -1) -> int:
        """Serve reports for so long."""
        try:
            served = super().poll(timeout)
        except KafkaException as error:
            self.ended = error.args[0]
            self.purge()  # else what is queued would wait for ever
            return 0
        if self._is_refused:
            self._is_refused = False
            self._settings.renew_login(self)
        return served

    def flush(self, timeout: float = -1) -> int:
        """Wait for acknowledgements; return how many are still missing.

        By polling: the client's own flush calls us with a fatal error still set (confluent-kafka 2.16).
        """
        deadline = None if timeout < 0 else time.monotonic() + timeout
        while (left := len(self)) and (deadline is None or time.monotonic() < deadline):
            self.poll(_POLL_SECONDS)
        return left

    def _on_trouble(self, error: KafkaError) -> None:
        if error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001 - librdkafka's public code
            self._is_refused = True
