"""What a user did in a bucket of time: rows out of cells. Pure."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any

from audit_query.reports.cells import Cell, from_millis, iso, order

__all__ = ["SLOT", "UserRow", "rows"]

SLOT = timedelta(minutes=5)
"""What active time is counted in."""

_KEY = 3
_CHATS = {"opened": "chat-opened", "joined": "user-joined-to-chat", "closed": "chat-closed"}


@dataclass(frozen=True, slots=True)
class UserRow:
    """One user in one bucket.

    A user is a name, as the log shows it, with the id that the events had beside it. So two people
    of one name are two rows, and what somebody did who only typed a name is not counted as theirs
    who proved to be it.

    `assigned` counts the chats that were assigned to this user, whoever assigned them; all else
    counts what this user did. `active` is the number of five-minute slots of the clock in which
    the user did something, times five minutes; never longer than the interval.
    """

    start: datetime | None
    """When the bucket begins; None where the whole time is one bucket."""
    user: str | None
    id: str | None
    events: int
    activities: Mapping[str, int]
    assigned: int
    first: datetime | None
    last: datetime | None
    active: timedelta
    ips: int
    """How many different addresses, exactly."""

    @property
    def opened(self) -> int:
        """How many chats the user opened."""
        return self.activities.get(_CHATS["opened"], 0)

    @property
    def joined(self) -> int:
        """How often the user joined a chat."""
        return self.activities.get(_CHATS["joined"], 0)

    @property
    def closed(self) -> int:
        """How often the user closed a chat."""
        return self.activities.get(_CHATS["closed"], 0)

    @property
    def other(self) -> int:
        """How many of the events are none of these."""
        return self.events - self.opened - self.joined - self.closed

    def to_json(self, zone: tzinfo = UTC) -> dict[str, Any]:
        """Return the row as JSON has it: times in a zone, durations in seconds."""
        return {
            "start": iso(self.start, zone),
            "user": self.user,
            "user_id": self.id,
            "events": self.events,
            "activities": dict(self.activities),
            "chats": {
                "opened": self.opened,
                "joined": self.joined,
                "assigned": self.assigned,
                "closed": self.closed,
            },
            "first": iso(self.first, zone),
            "last": iso(self.last, zone),
            "active_seconds": self.active.total_seconds(),
            "ips": self.ips,
        }


def rows(
    actions: Iterable[Cell],
    ips: Iterable[Cell],
    slots: Iterable[Cell],
    assigned: Iterable[Cell],
    *,
    longest: timedelta | None = None,
) -> Iterator[UserRow]:
    """Yield the rows that four streams of cells add up to; memory is bounded by one row's.

    The keys are bucket, user, id, and in the first three an activity, an address, a slot; all are
    in order. `longest` is how long a bucket is, if that is fixed. Someone who did nothing and was
    assigned nothing has no row: an event that arrived between two queries gives no partial row.
    """
    streams = (_tagged(n, stream) for n, stream in enumerate((actions, ips, slots, assigned)))
    merged = heapq.merge(*streams, key=lambda tagged: (order(tagged[1].key[:_KEY]), tagged[0]))
    for key, group in groupby(merged, key=lambda tagged: tagged[1].key[:_KEY]):
        parts: tuple[list[Cell], ...] = ([], [], [], [])
        for number, cell in group:
            parts[number].append(cell)
        done, seen, busy, given = parts
        if done or given:
            yield _row(key, done, len(seen), len(busy), sum(c.count for c in given), longest)


def _tagged(number: int, stream: Iterable[Cell]) -> Iterator[tuple[int, Cell]]:
    for cell in stream:
        yield number, cell


def _row(
    key: tuple[Any, ...], done: list[Cell], ips: int, busy: int, given: int, longest: timedelta | None
) -> UserRow:
    start, user, user_id = key
    firsts = [cell.first for cell in done if cell.first is not None]
    lasts = [cell.last for cell in done if cell.last is not None]
    active = SLOT * busy
    return UserRow(
        start=None if start is None else from_millis(start),
        user=user,
        id=user_id,
        events=sum(cell.count for cell in done),
        activities={str(cell.key[_KEY]): cell.count for cell in done},
        assigned=given,
        first=from_millis(min(firsts)) if firsts else None,
        last=from_millis(max(lasts)) if lasts else None,
        active=active if longest is None else min(active, longest),
        ips=ips,
    )
