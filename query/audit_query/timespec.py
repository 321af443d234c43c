"""Times and intervals as people give them, with errors of ours."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from audit_schemas import timespec

from audit_query.errors import TimeRangeError

__all__ = ["check_interval", "parse_time", "zone"]

_FIXED = re.compile(r"[1-9]\d{0,4}(ms|s|m|h|d)")
_CALENDAR = ("minute", "hour", "day", "week", "month", "quarter", "year")


def zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name. Raises TimeRangeError."""
    try:
        return timespec.zone(name)
    except ValueError as error:
        raise TimeRangeError(str(error)) from None


def parse_time(text: str, now: datetime) -> datetime:
    """Return the time that `audit_schemas.timespec` reads. Raises TimeRangeError."""
    try:
        return timespec.parse_time(text, now)
    except ValueError as error:
        raise TimeRangeError(str(error)) from None


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
