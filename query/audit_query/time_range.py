"""Times as people give them, with errors of ours."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import audit_schemas

from audit_query.errors import TimeRangeError

__all__ = ["EARLIEST", "check_year", "parse_time", "zone"]

_FIRST_YEAR, _LAST_YEAR = 1000, 2999
EARLIEST = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
"""No event is of a time before."""

_PLACES = "UTC or Europe/Istanbul"
_PYTHONS_OWN = ("EST", "Factory", "HST", "MST", "ROC", "localtime")
"""Names that Python's database has and Java's does not."""


def zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name that Elasticsearch knows too. Raises TimeRangeError."""
    try:
        if name in _PYTHONS_OWN or name.startswith(("posix/", "right/")):
            raise ValueError(f"{name!r} is not a time zone of a place; use one such as {_PLACES}")
        return audit_schemas.zone(name)
    except ValueError as error:
        raise TimeRangeError(str(error)) from None


def parse_time(text: str, now: datetime) -> datetime:
    """Return the time that `audit_schemas.time_expressions` reads. Raises TimeRangeError."""
    try:
        at = audit_schemas.parse_time(text, now)
    except ValueError as error:
        raise TimeRangeError(str(error)) from None
    return check_year(at)


def check_year(at: datetime) -> datetime:
    """Return the time if events can have it: 1000 to 2999. Raises TimeRangeError."""
    if _FIRST_YEAR <= at.year <= _LAST_YEAR:
        return at
    raise TimeRangeError(f"no event is of the year {at.year}; give one from 1000 to 2999")
