"""Events of a chat platform for the tests of reports, and what reports should make of them.

Everything here is counted event by event, with no aggregation of anybody's.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from audit_producer import new_event
from audit_query.reports import UserRow
from audit_schemas import AuditEvent
from support.log_index import log_index
from support.servers import Deployment, Servers
from support.stored_events import store

__all__ = ["Done", "Identity", "bucket_of", "holding", "many", "meant", "stored_form", "user_rows"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ASSIGNED = "chat-assigned-to-user"


class Identity(NamedTuple):
    """A person, as an event names them."""

    id: str | None
    name: str | None

    @property
    def shown(self) -> str | None:
        """What the log shows."""
        return self.name or self.id

    def given(self) -> dict[str, str]:
        """Return it as a publisher gives it."""
        return {key: value for key, value in self._asdict().items() if value}


@dataclass(frozen=True)
class Done:
    """An event, in short; nobody is the system."""

    at: datetime
    action: str
    who: Identity | None
    to: Identity | None = None
    ip: str | None = None
    chat: str | None = None
    organization: str | None = None
    session: str | None = None
    event_id: str | None = None

    @property
    def user(self) -> tuple[str | None, str | None]:
        """Return the user of the event's row."""
        return (self.who.shown, self.who.id) if self.who else ("system", None)


def stored_form(done: Done) -> AuditEvent:
    """Return the event as a publisher makes it."""
    fields: dict[str, Any] = {
        "user": done.who.given() if done.who else None,
        "target_user": done.to.given() if done.to else None,
        "ip": done.ip,
        "chat": done.chat,
        "organization": done.organization,
        "session": done.session,
        "at": done.at,
        "event_id": done.event_id,
    }
    return new_event(done.action, **fields)


@contextmanager
def holding(servers: Servers, events: Iterable[Done]) -> Iterator[Deployment]:
    """Give a deployment whose log holds these events; it has no topics."""
    with log_index(servers) as deployment:
        store(deployment, *map(stored_form, events))
        yield deployment


PEOPLE = (
    Identity("u-1", "Ada"),
    Identity("u-1", None),
    Identity("u-2", None),
    Identity("u-3", "Ali Kaya"),
    Identity("u-4", "Ali Kaya"),
    Identity("u-5", "Çiğdem 😀"),
    Identity("u-6", '=cmd|"x"!A1, [red]'),
    Identity(None, "root"),
    Identity(None, "Ada"),
)
TARGETS = (
    *PEOPLE,
    Identity(None, "Ali Kaya"),
    Identity(None, "Çiğdem 😀"),
    Identity("u-2", "Ben"),
    Identity("u-9", "Nobody"),
    Identity("u-8", "Ada"),
)
ACTIONS = ("chat-opened", "user-joined-to-chat", "chat-closed", "login", "logout", ASSIGNED, ASSIGNED)


def many(count: int, start: datetime, end: datetime, seed: int = 1) -> list[Done]:
    """Return events at random times; some share a millisecond, some stand on the hour."""
    rng = random.Random(seed)
    span = (end - start) // timedelta(milliseconds=1)
    events: list[Done] = []
    for number in range(count):
        at = start + timedelta(milliseconds=rng.randrange(span))
        if number % 7 == 0:
            at = at.replace(minute=rng.choice((0, 5, 55)), second=0, microsecond=0)
        if number % 11 == 0 and events:
            at = events[-1].at
        action = rng.choice(ACTIONS)
        events.append(
            Done(
                at,
                action,
                rng.choice((None, *PEOPLE)),
                to=rng.choice(TARGETS) if action == ASSIGNED else None,
                ip=rng.choice((None, "192.0.2.1", "192.0.2.2", "2001:db8::1")),
                chat=f"c-{rng.randrange(50)}",
            )
        )
    return events


def bucket_of(interval: str, zone: ZoneInfo) -> Callable[[datetime], datetime | None]:
    """Return what finds the beginning of a bucket, by the calendar on the wall."""

    def find(at: datetime) -> datetime | None:
        local = at.astimezone(zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if interval == "whole":
            return None
        if interval == "day":
            return midnight.astimezone(UTC)
        if interval == "week":
            monday = midnight.date() - timedelta(days=local.weekday())
            return datetime(monday.year, monday.month, monday.day, tzinfo=zone).astimezone(UTC)
        if interval == "month":
            return midnight.replace(day=1).astimezone(UTC)
        minutes = {"1h": 60, "30m": 30, "minute": 1}[interval]
        width = timedelta(minutes=minutes)
        return EPOCH + (at - EPOCH) // width * width

    return find


def meant(to: Identity, events: Iterable[Done]) -> tuple[str | None, str | None]:
    """Return the row that an assignment counts in: who has that id, else who bears that name."""
    by_id = [done for done in events if to.id and done.who and done.who.id == to.id]
    if by_id:
        names = {done.who.shown for done in by_id if done.who}
        last = max(by_id, key=lambda done: (done.at, done.who.shown if done.who else ""))
        return (to.name if to.name in names else last.user[0]), to.id
    bearers = {done.who.id for done in events if done.who and done.who.shown == to.shown}
    if bearers == {None}:
        return to.shown, None
    known = bearers - {None}
    if to.id is None and len(known) == 1:
        return to.shown, known.pop()
    return to.shown, to.id


def user_rows(
    events: Sequence[Done],
    find: Callable[[datetime], datetime | None],
    *,
    longest: timedelta | None = None,
    users: frozenset[str] = frozenset(),
) -> list[UserRow]:
    """Return the rows of a report on users, counted one event at a time."""
    slot = timedelta(minutes=5)
    kept = [d for d in events if not users or users & {*d.user}]
    assigned: Counter[tuple[Any, ...]] = Counter()
    for done in events:
        if done.to is not None:
            person = meant(done.to, events)
            if not users or users & {*person}:
                assigned[find(done.at), *person] += 1
    rows = []
    by_key: dict[tuple[Any, ...], list[Done]] = {key: [] for key in assigned}
    for done in kept:
        by_key.setdefault((find(done.at), *done.user), []).append(done)
    for key, theirs in by_key.items():
        active = slot * len({(d.at - EPOCH) // slot for d in theirs})
        rows.append(
            UserRow(
                start=key[0],
                user=key[1],
                id=key[2],
                events=len(theirs),
                activities=Counter(d.action for d in theirs),
                assigned=assigned[key],
                first=min((d.at for d in theirs), default=None),
                last=max((d.at for d in theirs), default=None),
                active=min(active, longest) if longest else active,
                ips=len({d.ip for d in theirs if d.ip}),
            )
        )
    return sorted(rows, key=lambda row: [(v is not None, v) for v in (row.start, row.user, row.id)])
