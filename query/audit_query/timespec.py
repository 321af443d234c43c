"""Times as people give them, with errors of ours."""

from datetime import datetime
from zoneinfo import ZoneInfo

from audit_schemas import timespec

from audit_query.errors import TimeRangeError

__all__ = ["parse_time", "zone"]


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
