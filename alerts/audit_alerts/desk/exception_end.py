"""When an exception ends, as people say it. Pure."""

import re
from datetime import datetime, timedelta

from audit_query import TimeRangeError, parse_time

from audit_alerts.attributes import milliseconds
from audit_alerts.errors import TriageError

__all__ = ["parse_end"]


def parse_end(text: str, now: datetime) -> datetime:
    """Return a time such as 2027-01-31, or so long from now: 7d, +12h. Raises TriageError."""
    span = text.strip().removeprefix("+")
    try:
        if re.fullmatch("[0-9smhdw]+", span) and not span.isdigit():
            return now + timedelta(milliseconds=milliseconds(span))
        return parse_time(text.strip(), now)
    except (TimeRangeError, ValueError) as error:
        raise TriageError(f"until: give a time, or a duration such as 7d: {error}") from None
