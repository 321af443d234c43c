"""What became of events: counts, and each failure."""

from dataclasses import dataclass

from audit_schemas import AuditEvent

__all__ = ["Counts", "Failure"]


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the events so far. `published - delivered - undelivered` are on their way."""

    published: int = 0
    """Accepted into the local queue."""
    delivered: int = 0
    """Acknowledged by Kafka."""
    undelivered: int = 0
    """Given up: not acknowledged in time, or refused by the broker."""
    refused: int = 0
    """Never accepted: against the contract, the queue full, the producer closed."""

    @property
    def failed(self) -> int:
        """All that did not arrive, as far as is known."""
        return self.undelivered + self.refused


@dataclass(frozen=True, slots=True)
class Failure:
    """An event that was not published. `event` is None if it could not even be made."""

    event: AuditEvent | None
    error: Exception
