"""The widths of time buckets: fixed, calendar, or the one that suits a span. Pure."""

import re
from datetime import datetime, timedelta

from audit_query.errors import TimeRangeError

__all__ = [
    "AUTO",
    "BUCKETS_MAX",
    "LADDER",
    "check_interval",
    "fixed_width",
    "suitable_interval",
    "too_many",
]

AUTO = "auto"

BUCKETS_MAX = 10_000
"""Of one answer. Elasticsearch's own limit is 65,536, parts included."""

_FIXED = re.compile(r"([1-9][0-9]{0,4})(ms|s|m|h|d)")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_CALENDAR = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=28),
    "quarter": timedelta(days=90),
    "year": timedelta(days=365),
}
"""Calendar intervals and the least that each can last, clock changes apart."""

LADDER = (
    *("1s", "5s", "10s", "30s", "1m", "5m", "10m", "30m", "1h", "3h", "6h", "12h"),
    *("day", "week", "month", "quarter", "year"),
)
"""What `auto` chooses from: from a day on, the calendar's own, which follow the clock changes."""

_COMFORTABLE = 100


def check_interval(text: str) -> str:
    """Return which of Elasticsearch's parameters an interval is for. Raises TimeRangeError."""
    if _FIXED.fullmatch(text):
        return "fixed_interval"
    if text in _CALENDAR:
        return "calendar_interval"
    raise TimeRangeError(
        f"{text!r} is not a valid interval; give a number and s, m, h or d, such as 15m, or one of: "
        + ", ".join((*_CALENDAR, AUTO))
    )


def suitable_interval(start: datetime, end: datetime) -> str:
    """Return the narrowest step of the ladder that cuts the span into at most 100 buckets."""
    span = end - start
    return next((step for step in LADDER if span <= _least(step) * _COMFORTABLE), LADDER[-1])


def too_many(interval: str, start: datetime, end: datetime) -> bool:
    """Tell whether the span has more buckets than an answer may have."""
    return (end - start) / _least(interval) > BUCKETS_MAX


def fixed_width(interval: str) -> timedelta | None:
    """Return how long each interval is; None for those of the calendar, which differ."""
    match = _FIXED.fullmatch(interval)
    return _UNITS[match[2]] * int(match[1]) if match else None


def _least(interval: str) -> timedelta:
    return fixed_width(interval) or _CALENDAR[interval]
