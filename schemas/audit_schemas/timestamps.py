"""Times on the wire: RFC 3339 strings with a zone, kept as they were given."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from audit_schemas.errors import EventRefusedError, Problem, Reason

__all__ = [
    "TIMESTAMP_PATTERN",
    "TimeBounds",
    "format_timestamp",
    "parse_timestamp",
    "present_timestamp",
]

TIMESTAMP_PATTERN = (
    r"^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"(Z|[+-](0[0-9]|1[0-7]):[0-5][0-9]|[+-]18:00)$"
)
"""RFC 3339 within what Elasticsearch's `date` takes: years 1970 to 2999, no leap second, at most
nanoseconds, offsets up to 18 hours (java.time.ZoneOffset). Not \\d, which takes any script's digits."""

_SECONDS = len("2026-11-23T09:30:00")
_MARGIN = timedelta(seconds=2)
"""The second within which a record was received, and the one that the text of a bound leaves out."""
_LATEST = "9"
"""Sorts behind every time of the contract."""


def parse_timestamp(text: str) -> datetime:
    """Return the time in UTC, cut to microseconds. Raises ValueError on a day that does not exist."""
    return datetime.fromisoformat(text).astimezone(UTC)


def format_timestamp(moment: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC, with milliseconds. Raises ValueError without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone: give datetime.now(UTC), not datetime.now()")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def present_timestamp() -> str:
    """Write the present as `format_timestamp` does, in a fraction of its time."""
    return _millisecond(time.time_ns() // 1_000_000)


@lru_cache(maxsize=1)
def _millisecond(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """How far `@timestamp` may lie from the moment the broker took the record.

    The broker's time, not the reader's: a verdict must not depend on how late a consumer runs.
    """

    past: timedelta = timedelta(days=400)
    future: timedelta = timedelta(minutes=5)

    @classmethod
    def unlimited(cls) -> "TimeBounds":
        """Return bounds that every time is within."""
        return cls(timedelta.max, timedelta.max)

    def hold(self, moment: datetime, received: datetime) -> bool:
        """Tell whether an event's time is within bounds."""
        return received - moment <= self.past and moment - received <= self.future

    def around(self, second: datetime) -> tuple[str, str]:
        """Return two texts: a time in UTC, ending in Z, that sorts between them is within bounds.

        That holds for every record that was received within this second; `second` is when it began.
        A time that does not sort between them may be within bounds, too: two seconds from one or less.
        """
        try:
            begin = (second - self.past + _MARGIN).isoformat()[:_SECONDS]
        except OverflowError:
            begin = ""
        try:
            end = (second + self.future).isoformat()[:_SECONDS]
        except OverflowError:
            end = _LATEST
        return begin, end

    def check(self, timestamp: str, received: datetime) -> None:
        """Raise EventRefusedError if the event's time is out of bounds."""
        distance = received - parse_timestamp(timestamp)
        if distance > self.past:
            raise EventRefusedError(
                Reason.TOO_OLD,
                Problem(
                    "@timestamp",
                    f"is {distance.days} days before the event was received; the limit is "
                    f"{self.past.days} (AUDITLOG_MAX_PAST_DAYS, for an import)",
                ),
            )
        if -distance > self.future:
            raise EventRefusedError(
                Reason.TOO_NEW,
                Problem(
                    "@timestamp",
                    f"is {int(-distance.total_seconds())} seconds after the event was received; the "
                    f"limit is {int(self.future.total_seconds())}: check the publisher's clock",
                ),
            )
