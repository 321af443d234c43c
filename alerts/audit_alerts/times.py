"""Times in milliseconds since 1970, as Elasticsearch and Kafka compare them."""

import time
from datetime import UTC, datetime, timedelta

from audit_schemas import parse_timestamp

__all__ = ["as_time", "in_millis", "millis_now"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def in_millis(text: str) -> int:
    """Return an RFC 3339 time in milliseconds, cut as Elasticsearch cuts it. Raises ValueError."""
    return (parse_timestamp(text) - _EPOCH) // _MILLISECOND


def as_time(millis: int) -> datetime:
    """Return the moment of so many milliseconds since 1970, in UTC."""
    return _EPOCH + millis * _MILLISECOND


def millis_now() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
