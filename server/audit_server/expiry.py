"""When a token expires, as it is typed. Pure."""

import re
from datetime import datetime, timedelta

from audit_query import parse_time

from audit_server.errors import TokenError

__all__ = ["parse_expiry"]

_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse_expiry(text: str, now: datetime) -> datetime:
    """Return the end of a span from now on, or a date. Raises TokenError."""
    if match := _SPAN.fullmatch(text):
        return (now + int(match[1]) * _UNITS[match[2]]).replace(microsecond=0)
    if not re.match(r"[0-9]{4}-", text):
        raise TokenError(f"{text!r} is not a valid expiry; give one such as 90d, 12h or 2027-01-31")
    return parse_time(text, now)
