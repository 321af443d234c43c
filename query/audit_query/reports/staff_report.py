"""Who handles chats, and how much each of them did: figures by user, from aggregations alone."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from audit_query.filter import Filter
from audit_query.log import AuditLog
from audit_query.reports.case import ANSWERED, ASSIGNED, CLOSED, JOINED, OPENED
from audit_query.reports.cells import (
    FIRST_AND_LAST,
    Cell,
    by_field,
    by_time,
    cells,
    from_millis,
    iso,
    to_millis,
)
from audit_query.reports.people import Assignees, Person, WantedPeople
from audit_query.reports.user_row import SLOT
from audit_query.reports.windows import buckets_with_events, cut, interval_source

__all__ = ["BARS", "STAFF_MAX", "StaffReport", "StaffRow", "staff", "summed_staff"]

STAFF_MAX = 1000
"""People of one report; of more, those who joined most chats."""
BARS = 28
"""Of the small chart of each."""

_PERSON = (by_field("audit.user"), by_field("user.id", optional=True))
_SLOTS = by_time("fixed_interval", f"{SLOT // timedelta(minutes=1)}m")


@dataclass(frozen=True, slots=True)
class StaffRow:
    """What one user did in the time asked for, exactly; `assigned` counts what was given to them.

    `chart` has the events of even parts of the time. `first` and `last` are None for somebody whom
    chats were assigned to and who did nothing.
    """

    person: Person
    events: int = 0
    opened: int = 0
    joined: int = 0
    assigned: int = 0
    answered: int = 0
    closed: int = 0
    first: datetime | None = None
    last: datetime | None = None
    active: timedelta = timedelta()
    chart: Sequence[int] = ()

    def to_json(self, zone: tzinfo = UTC) -> dict[str, Any]:
        """Return the row as JSON has it, without the chart."""
        return {
            "user": self.person.user,
            "user_id": self.person.id,
            "events": self.events,
            "opened": self.opened,
            "assigned": self.assigned,
            "joined": self.joined,
            "answered": self.answered,
            "closed": self.closed,
            "active_seconds": self.active.total_seconds(),
            "first": iso(self.first, zone),
            "last": iso(self.last, zone),
        }


@dataclass(frozen=True, slots=True)
class StaffReport:
    """The rows of the time asked for, by name, and of the same people in the time before it."""

    rows: Sequence[StaffRow]
    before: Mapping[Person, StaffRow]
    left_out: int = 0
    """How many people more there are than a report has."""


@dataclass(slots=True)
class _Sums:
    activities: Counter[str] = field(default_factory=Counter)
    assigned: int = 0
    first: int | None = None
    last: int | None = None
    slots: int = 0
    chart: list[int] = field(default_factory=lambda: [0] * BARS)


def staff(
    log: AuditLog,
    wanted: Filter,
    *,
    before: Filter | None = None,
    check: Callable[[], None] = lambda: None,
) -> StaffReport:
    """Return what the users did who joined or answered chats, or were assigned some.

    With a user filter, what those users did, whether they handle chats or not. `before` is the time
    to compare with. `check` is called between requests, and may raise to end the report.
    """
    with ThreadPoolExecutor(4, "staff") as pool:
        given = pool.submit(_assigned, log, wanted)
        found = Counter[Person]()
        if not wanted.users:
            found.update(_joined(log, wanted))
        assigned = given.result()
        check()
        people = None if wanted.users else _busiest(found, assigned)
        reader = _Reader(log, people, check)
        later = pool.submit(reader.rows, before, None) if before is not None else None
        rows = reader.rows(wanted, assigned)
        earlier = later.result() if later is not None else {}
    left_out = len(found.keys() | assigned.keys()) - len(people) if people is not None else 0
    order = sorted(rows, key=lambda person: (person.user or "", person.id or ""))
    return StaffReport([rows[person] for person in order][:STAFF_MAX], earlier, left_out)


class _Reader:
    """Reads what some people did, or all that a filter has."""

    def __init__(
        self, log: AuditLog, people: Iterable[Person] | None, check: Callable[[], None]
    ) -> None:
        self._log = log
        self._people = None if people is None else frozenset(people)
        self._check = check

    def rows(self, wanted: Filter, assigned: Mapping[Person, int] | None) -> dict[Person, StaffRow]:
        """Return a row for each person who did something, or was assigned a chat."""
        if self._people is not None and not self._people:
            return {}
        if assigned is None:
            assigned = _assigned(self._log, wanted)
        sums: dict[Person, _Sums] = {}
        for person, count in assigned.items():
            if self._people is None or person in self._people:
                sums.setdefault(person, _Sums()).assigned = count
        theirs = wanted
        if self._people is not None:
            names = sorted({person.user for person in self._people if person.user is not None})
            theirs = replace(wanted, users=tuple(names))
        days = buckets_with_events(self._log, theirs, interval_source("day", "UTC"))
        windows = [window.wanted for window in cut(days, theirs)]
        seen = self._log.seen(theirs) if wanted.start is None or wanted.end is None else None
        start = wanted.start or (seen and seen.first) or datetime.now(UTC)
        end = wanted.end or (seen and seen.last) or datetime.now(UTC)
        for window in windows:
            self._count(window, sums)
            self._draw(window, sums, (to_millis(start), to_millis(end)))
        return {person: _row(person, total) for person, total in sums.items()}

    def _count(self, window: Filter, sums: dict[Person, _Sums]) -> None:
        sources = [*_PERSON, by_field("event.action")]
        for cell in self._cells(window, sources, FIRST_AND_LAST):
            total = sums.setdefault(Person(*cell.key[:2]), _Sums())
            total.activities[cell.key[2]] += cell.count
            if cell.first is not None and cell.last is not None:
                total.first = min(cell.first, cell.first if total.first is None else total.first)
                total.last = max(cell.last, cell.last if total.last is None else total.last)

    def _draw(self, window: Filter, sums: dict[Person, _Sums], span: tuple[int, int]) -> None:
        start, width = span[0], max(1, span[1] - span[0])
        for cell in self._cells(window, [*_PERSON, _SLOTS], None):
            total = sums.setdefault(Person(*cell.key[:2]), _Sums())
            total.slots += 1
            bar = (cell.key[2] - start) * BARS // width
            total.chart[min(max(bar, 0), BARS - 1)] += cell.count

    def _cells(self, window: Filter, sources: Sequence[dict[str, Any]], facts: Any) -> Iterable[Cell]:
        for number, cell in enumerate(cells(self._log, window, sources, facts=facts)):
            if number % 1000 == 0:
                self._check()
            if self._people is None or Person(*cell.key[:2]) in self._people:
                yield cell


def _joined(log: AuditLog, wanted: Filter) -> Counter[Person]:
    handling = replace(wanted, activities=(JOINED, ANSWERED))
    counts: Counter[Person] = Counter()
    for cell in cells(log, handling, list(_PERSON)):
        counts[Person(*cell.key)] += cell.count
    return counts


def _assigned(log: AuditLog, wanted: Filter) -> Counter[Person]:
    """Return how many chats were assigned to whom, whoever did it."""
    assignments = replace(
        wanted, users=(), activities=(ASSIGNED,), exclude=replace(wanted.exclude, users=())
    )
    target = [by_field(f"user.target.{name}", optional=True) for name in ("id", "name")]
    given = list(cells(log, assignments, target))
    assignees = Assignees(log, wanted)
    assignees.look_up((user_id, name or None) for user_id, name in (cell.key for cell in given))
    counts: Counter[Person] = Counter()
    people = WantedPeople(wanted)
    for cell in given:
        user_id, name = cell.key
        person = assignees.find((user_id, name or None))
        if people.has(person):
            counts[person] += cell.count
    return counts


def _busiest(joined: Counter[Person], assigned: Counter[Person]) -> list[Person]:
    people = joined + assigned
    return [person for person, _ in people.most_common(STAFF_MAX) if person.user is not None]


def _row(person: Person, total: _Sums) -> StaffRow:
    counts = total.activities
    return StaffRow(
        person=person,
        events=counts.total(),
        opened=counts[OPENED],
        joined=counts[JOINED],
        assigned=total.assigned,
        answered=counts[ANSWERED],
        closed=counts[CLOSED],
        first=None if total.first is None else from_millis(total.first),
        last=None if total.last is None else from_millis(total.last),
        active=SLOT * total.slots,
        chart=tuple(total.chart),
    )


def summed_staff(person: Person, rows: Sequence[StaffRow]) -> StaffRow:
    """Return several rows as one: of a name that has several ids, say. The chart is left out."""
    firsts = [row.first for row in rows if row.first is not None]
    lasts = [row.last for row in rows if row.last is not None]
    counts = ("events", "opened", "joined", "assigned", "answered", "closed")
    return StaffRow(
        person,
        **{name: sum(getattr(row, name) for row in rows) for name in counts},
        first=min(firsts, default=None),
        last=max(lasts, default=None),
        active=sum((row.active for row in rows), timedelta()),
    )
