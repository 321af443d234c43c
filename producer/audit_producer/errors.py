"""What can keep an event from being published.

::

    PublishError
    ├── KafkaUnavailableError   the brokers do not answer, or the topic is missing
    ├── QueueFullError          the local queue stayed full for as long as publish() may block
    ├── DeliveryError           the broker did not acknowledge one event in time, or refused it
    ├── UndeliveredError        close() left events behind
    └── ClosedError             publish() after close()

An event that breaks the contract raises `audit_schemas.EventRefusedError`.
"""

from audit_schemas import EventRefusedError

__all__ = [
    "ClosedError",
    "DeliveryError",
    "KafkaUnavailableError",
    "PublishError",
    "QueueFullError",
    "UndeliveredError",
    "sentence_of",
]


class PublishError(Exception):
    """Base of all that `audit_producer` raises."""


class KafkaUnavailableError(PublishError):
    """The brokers do not answer, refuse us, or do not have the topic."""


class QueueFullError(PublishError):
    """The local queue stayed full; Kafka is slow or away. The event was not published."""


class DeliveryError(PublishError):
    """One event was not acknowledged; it may or may not be in the topic. Its id makes a retry safe."""


class UndeliveredError(PublishError):
    """Events were still unacknowledged when the producer closed; `count` says how many."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} events were not acknowledged by Kafka before the producer closed")
        self.count = count


class ClosedError(PublishError):
    """The producer is closed."""


def sentence_of(error: Exception) -> str:
    """Say what went wrong without the event's values."""
    if isinstance(error, EventRefusedError | PublishError):
        return f"{type(error).__name__}: {error}"
    return type(error).__name__
