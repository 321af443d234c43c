"""What is wrong with the connection to Kafka, told once."""

import time

import structlog
from confluent_kafka import KafkaError

__all__ = ["ErrorLog"]

_log = structlog.get_logger()

_QUIET_SECONDS = 30.0


class ErrorLog:
    """Logs what is wrong with the connection, once until something else is, or half a minute.

    Nothing else is to be done: brokers that are away come back, and librdkafka keeps trying.
    """

    def __init__(self) -> None:
        self._last = -1
        self._until = 0.0

    def __call__(self, error: KafkaError) -> None:
        """Log an error, unless it is known."""
        if error.code() != self._last or time.monotonic() > self._until:
            self._last, self._until = error.code(), time.monotonic() + _QUIET_SECONDS
            _log.warning("kafka", error=error.str())
