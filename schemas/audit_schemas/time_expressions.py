"""Times as people give them: absolute with or without a zone, or relative to now. Pure."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["parse_time", "zone"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
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
    """Return an aware time; what has no zone is in that of `now`.

    Takes `now`, `today`, `yesterday`, `-90m` (s, m, h, d, w), `2026-11-23`, and
    `2026-11-23T09:30[:00][Z|+03:00]`. Raises ValueError, whose text says what to give.
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
        raise ValueError(
            f"{text!r} is not a valid time; use one such as 2026-11-23T09:30, 2026-11-23, -24h, now, "
            "today, or yesterday"
        ) from None
    return moment
