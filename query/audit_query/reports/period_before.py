"""The time that a report compares with. Pure."""

from dataclasses import replace
from datetime import datetime

from audit_query.filter import Filter

__all__ = ["period_before"]


def period_before(wanted: Filter, now: datetime) -> Filter | None:
    """Return the same in the time of the same length just before; None if it has no beginning.

    A filter without an end goes up to `now`.
    """
    if wanted.start is None:
        return None
    length = (wanted.end or max(now, wanted.start)) - wanted.start
    return replace(wanted, start=wanted.start - length, end=wanted.start) if length else None
