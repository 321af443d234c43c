"""`report users`: what each user did in each bucket of time."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from audit_query.filter import Filter
from audit_query.intervals import fixed_width
from audit_query.log import AuditLog
from audit_query.reports.cells import FIRST_AND_LAST, Cell, by_field, by_time, cells, order
from audit_query.reports.people import Assignees, WantedPeople
from audit_query.reports.user_row import SLOT, UserRow, rows
from audit_query.reports.windows import (
    Progress,
    Window,
    buckets_with_events,
    chosen_interval,
    cut,
    interval_source,
)

__all__ = ["ASSIGNED", "users"]

ASSIGNED = "chat-assigned-to-user"

_SLOTS = by_time("fixed_interval", f"{SLOT // timedelta(minutes=1)}m")


def users(
    log: AuditLog,
    wanted: Filter,
    *,
    interval: str = "day",
    time_zone: str = "UTC",
    progress: Progress | None = None,
) -> Iterator[UserRow]:
    """Yield a row for each user and bucket, by bucket and then by name, as they are counted.

    All figures are exact, however many events and users there are; memory is bounded by a page of
    an answer and by the number of those whom chats were assigned to. `interval` may be AUTO or WHOLE.
    A user filter holds for whom a chat was assigned to, too. Raises TimeRangeError.
    """
    everyone = _everyone(wanted)
    interval = chosen_interval(log, everyone, interval)
    source = interval_source(interval, time_zone)
    if progress:
        progress(0, log.count(everyone))
    report = _Report(log, wanted, source, _longest(interval))
    for window in cut(buckets_with_events(log, everyone, source), everyone):
        yield from report.rows_of(window)
        if progress:
            progress(window.events, 0)


class _Report:
    def __init__(
        self, log: AuditLog, wanted: Filter, source: dict[str, Any] | None, longest: timedelta | None
    ) -> None:
        self._log = log
        self._wanted, self._people = wanted, WantedPeople(wanted)
        self._bucket = source
        self._longest = longest
        self._assignees = Assignees(log, wanted)

    def rows_of(self, window: Window) -> Iterator[UserRow]:
        """Yield the rows of a window's buckets."""
        wanted = replace(self._wanted, start=window.wanted.start, end=window.wanted.end)
        user = [by_field("audit.user", optional=True), by_field("user.id", optional=True)]
        return rows(
            self._cells(wanted, [*user, by_field("event.action")], facts=FIRST_AND_LAST),
            self._cells(wanted, [*user, by_field("source.ip")]),
            self._cells(wanted, [*user, _SLOTS]),
            self._assigned(wanted),
            longest=self._longest,
        )

    def _cells(
        self, wanted: Filter, sources: Sequence[dict[str, Any]], *, facts: Any = None
    ) -> Iterator[Cell]:
        """Yield cells whose keys begin with the bucket, or with None where there is but one."""
        if self._bucket is not None:
            yield from cells(self._log, wanted, [self._bucket, *sources], facts=facts)
            return
        for cell in cells(self._log, wanted, sources, facts=facts):
            yield replace(cell, key=(None, *cell.key))

    def _assigned(self, wanted: Filter) -> list[Cell]:
        """Return how many chats were assigned to whom, by bucket, user and id, in order."""
        if wanted.activities and ASSIGNED not in wanted.activities:
            return []
        assignments = replace(_everyone(wanted), activities=(ASSIGNED,))
        target = [by_field(f"user.target.{name}", optional=True) for name in ("id", "name")]
        given = list(self._cells(assignments, target))
        self._assignees.look_up((user_id, name or None) for _, user_id, name in (c.key for c in given))
        counts: Counter[tuple[Any, ...]] = Counter()
        for cell in given:
            start, user_id, name = cell.key
            person = self._assignees.find((user_id, name or None))
            if self._people.has(person):
                counts[(start, *person)] += cell.count
        return [Cell(key, counts[key]) for key in sorted(counts, key=order)]


def _everyone(wanted: Filter) -> Filter:
    """Return the filter without its users: an assignment is seldom done by whom it is done to."""
    return replace(wanted, users=(), exclude=replace(wanted.exclude, users=()))


def _longest(interval: str) -> timedelta | None:
    """Return how long a bucket is, where that is the same for all and may be less than a slot."""
    return timedelta(minutes=1) if interval == "minute" else fixed_width(interval)
