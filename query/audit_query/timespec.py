"""Times as people give them: absolute with or without a zone, or relative to now."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from audit_query.errors import TimeRangeError

__all__ = ["check_interval", "parse_time", "zone"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_RELATIVE = re.compile(r"-(\d{1,6})([smhdw])")
_FIXED = re.compile(r"[1-9]\d{0,4}(ms|s|m|h|d)")
_CALENDAR = ("minute", "hour", "day", "week", "month", "quarter", "year")


def zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name. Raises TimeRangeError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise TimeRangeError(
            f"{name!r} is no time zone; give an IANA name such as UTC or Europe/Istanbul"
        ) from None


def parse_time(text: str, now: datetime) -> datetime:
    """Return an aware time; what has no zone is in that of `now`.

    Takes `now`, `today`, `yesterday`, `-90m` (s, m, h, d, w), `2026-11-23`, and
    `2026-11-23T09:30[:00][Z|+03:00]`. Raises TimeRangeError.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"now": now, "today": midnight, "yesterday": midnight - timedelta(days=1)}
    if text in named:
        return named[text]
    try:
        if match := _RELATIVE.fullmatch(text):
            return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=now.tzinfo)
        moment.astimezone(UTC)  # the year 1 has no time everywhere
    except (ValueError, OverflowError):
        raise TimeRangeError(
            f"{text!r} is no time; give one such as 2026-11-23T09:30, 2026-11-23, -24h, now, today, "
            "or yesterday"
        ) from None
    return moment


def check_interval(text: str) -> str:
    """Return which of Elasticsearch's parameters an interval is for. Raises TimeRangeError."""
    if _FIXED.fullmatch(text):
        return "fixed_interval"
    if text in _CALENDAR:
        return "calendar_interval"
    raise TimeRangeError(
        f"{text!r} is no interval; give a number and s, m, h or d, such as 15m, or one of: "
        + ", ".join(_CALENDAR)
    )
