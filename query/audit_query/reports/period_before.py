"""The time that a report compares with. Pure."""

from dataclasses import replace
from datetime import datetime

from audit_query.errors import TimeRangeError
from audit_query.filter import Filter
from audit_query.time_range import EARLIEST

__all__ = ["period_before"]


def period_before(wanted: Filter, now: datetime) -> Filter | None:
    """Return the same in the time of the same length just before; None if it has no beginning.

    A filter without an end goes up to `now`. It goes back to the first time that events can have at
    most; raises TimeRangeError where there is none before.
    """
    if wanted.start is None:
        return None
    length = (wanted.end or max(now, wanted.start)) - wanted.start
    if not length:
        return None
    if wanted.start <= EARLIEST:
        raise TimeRangeError(f"no event is of the time before {EARLIEST:%Y-%m-%d}; give a later from")
    start = wanted.start - min(length, wanted.start - EARLIEST)
    return replace(wanted, start=start, end=wanted.start)
