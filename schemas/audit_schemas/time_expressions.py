"""Times as people give them: absolute with or without a zone, or relative to now. Pure."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["parse_time", "zone"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_CALENDAR = "dw"
_MIDNIGHTS = {"today": timedelta(0), "yesterday": timedelta(days=1)}
_RELATIVE = re.compile(r"-([0-9]{1,6})([smhdw])")


def zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name. Raises ValueError, whose text says what to give."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is not a time zone; use an IANA name such as UTC or Europe/Istanbul"
        ) from None


def parse_time(text: str, now: datetime) -> datetime:
    """Return a time in UTC; what has no zone is in that of `now`.

    Takes `now`, `today`, `yesterday`, `-90m` (s, m, h, d, w), `2026-11-23`, and
    `2026-11-23T09:30[:00][Z|+03:00]`. Raises ValueError, whose text says what to give.

    Seconds, minutes and hours have elapsed; days and weeks are the calendar's, to the same time of
    the clock. A time that a change of clocks repeats is the first of both; one that it skips is as
    much later as is skipped.
    """
    try:
        return _parse(text, now).astimezone(UTC)
    except (ValueError, OverflowError):  # the year 1 has no time everywhere
        raise ValueError(
            f"{text!r} is not a valid time; use one such as 2026-11-23T09:30, 2026-11-23, -24h, now, "
            "today, or yesterday"
        ) from None


def _parse(text: str, now: datetime) -> datetime:
    # Python compares and subtracts times of one zone by their clocks, so elapsed time needs UTC.
    if text == "now":
        return now
    if text in _MIDNIGHTS:
        first = now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return first - _MIDNIGHTS[text]
    if match := _RELATIVE.fullmatch(text):
        span = timedelta(**{_UNITS[match[2]]: int(match[1])})
        if match[2] in _CALENDAR:
            return (now - span).replace(fold=now.fold)
        return now.astimezone(UTC) - span
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=now.tzinfo)
