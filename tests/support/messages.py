"""Messages as the consumer reads them, without a broker."""

from datetime import UTC, datetime

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message

__all__ = ["NOW", "message"]

NOW = datetime(2026, 11, 23, 9, 30, 0, 250_000, tzinfo=UTC)


def message(
    value: bytes | None,
    *,
    partition: int = 0,
    offset: int = 0,
    headers: list[tuple[str, str | bytes | None]] | None = None,
    received: datetime = NOW,
) -> Message:
    """Return a record of `audit.events`. Its class is made for this use in tests."""
    return Message(
        topic="audit.events",
        partition=partition,
        offset=offset,
        headers=headers or [],
        timestamp=(TIMESTAMP_LOG_APPEND_TIME, round(received.timestamp() * 1000)),
        value=value,  # None is a record without a value
    )
