"""Index names, taken from the event's own time.

A replay of an event, next week or next year, must meet the same index, since Elasticsearch holds
an id unique inside one index only (elastic/elasticsearch#44794).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

from audit_schemas.timestamps import parse_timestamp

__all__ = ["Granularity", "IndexNaming", "Period"]

Granularity = Literal["month", "day"]


@dataclass(frozen=True, slots=True)
class Period:
    """From this day on, in UTC, an index holds the events of one month or of one day."""

    since: date
    by: Granularity


@dataclass(frozen=True, slots=True)
class IndexNaming:
    """What the index of an event is called. `periods` are in order of time; the first is open."""

    prefix: str
    periods: Sequence[Period] = (Period(date.min, "month"),)

    def index_of(self, timestamp: str) -> str:
        """Return the index that an event of this time belongs to, now and for ever."""
        day = parse_timestamp(timestamp).date()
        by = next(p.by for p in reversed(self.periods) if p.since <= day)
        return f"{self.prefix}-{day:%Y.%m}" if by == "month" else f"{self.prefix}-{day:%Y.%m.%d}"

    @property
    def pattern(self) -> str:
        """Match all its indices."""
        return f"{self.prefix}-*"

    @property
    def copies(self) -> str:
        """Match what `copy_of` returns, and nothing that readers of the alias or the pattern see."""
        return f"{self.prefix}.v*-*"

    def copy_of(self, name: str, version: int) -> str:
        """Return the name of the index that holds the events of `name` after a reindex."""
        return f"{self.prefix}.v{version}{name.removeprefix(self.prefix)}"

    def version_of(self, index: str) -> tuple[str, int]:
        """Return the name that events are written under, and the version; 1 for an index so called."""
        copy = re.fullmatch(rf"{self.prefix}\.v([0-9]{{1,9}})(-.*)", index)
        return (index, 1) if copy is None else (self.prefix + copy[2], int(copy[1]))

    def span_of(self, name: str) -> tuple[date, date] | None:
        """Return the first day that an index of this name holds, and the day after its last.

        None if events are never written under such a name.
        """
        found = re.fullmatch(rf"{self.prefix}-([0-9]{{4}})\.([0-9]{{2}})(?:\.([0-9]{{2}}))?", name)
        if found is None:
            return None
        year, month, day = (int(part) if part else 0 for part in found.groups())
        try:
            begin = date(year, month, day or 1)
            if day:
                return begin, begin + timedelta(days=1)
            return begin, date(year + month // 12, month % 12 + 1, 1)
        except (OverflowError, ValueError):
            return None

    def changed_to(self, by: Granularity, now: datetime) -> "IndexNaming":
        """Return the naming with a new granularity from the month after next on.

        Events that exist keep their index, and running consumers have a month to learn of it. So an
        earlier change stays as it is, even where it is still to come: consumers may go by it.
        """
        today = now.astimezone(UTC)
        month = today.year * 12 + today.month + 1  # zero-based: the month after next
        since = date(month // 12, month % 12 + 1, 1)
        kept = tuple(p for p in self.periods if p.since < since)
        if kept[-1].by == by:
            return IndexNaming(self.prefix, kept)
        return IndexNaming(self.prefix, (*kept, Period(since, by)))

    def to_meta(self) -> list[dict[str, str]]:
        """Return the form that is kept in the index template's `_meta`."""
        return [{"since": p.since.isoformat(), "by": p.by} for p in self.periods]

    @classmethod
    def from_meta(cls, prefix: str, periods: Sequence[Mapping[str, Any]]) -> "IndexNaming":
        """Read what `to_meta` wrote. Raises ValueError if it is something else."""
        found = []
        for period in periods:
            by = period.get("by")
            if by not in ("month", "day"):
                raise ValueError(f"index granularity {by!r} is neither month nor day")
            found.append(Period(date.fromisoformat(str(period.get("since"))), by))
        if not found or found[0].since != date.min:
            raise ValueError("the index granularity has no beginning")
        if any(later.since <= earlier.since for earlier, later in pairwise(found)):
            raise ValueError("the index granularity's periods are not in order of time")
        return cls(prefix, tuple(found))

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,99}", self.prefix):
            raise ValueError("an index prefix has lower-case letters, digits, - and _ only")
