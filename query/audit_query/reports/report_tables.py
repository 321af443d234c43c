"""Reports as tables that fit a terminal. What came from outside is shown, never obeyed."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from audit_schemas import printable
from rich.markup import escape
from rich.table import Table

from audit_query.reports.case import ChatRow
from audit_query.reports.people import Person
from audit_query.reports.user_row import UserRow
from audit_query.reports.wait_row import KINDS, WaitRow

__all__ = [
    "ROWS",
    "by_bucket",
    "chats_table",
    "short",
    "text_of",
    "title_of",
    "users_table",
    "waits_table",
]

_WIDE = 120
"""Columns from which on activities are shown, too."""

_DAY, _HOUR, _MINUTE = 86400, 3600, 60
_TO = {"assigned": "To\nassign", "joined": "To\njoin", "answered": "To\nanswer", "closed": "To\nclose"}
ROWS = 1000
"""Of one table; more make another."""


def by_bucket(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield the rows of each bucket, a thousand at a time."""
    held: list[Any] = []
    for row in rows:
        if held and (row.start != held[0].start or len(held) == ROWS):
            yield held
            held = []
        held.append(row)
    if held:
        yield held


def title_of(start: datetime | None, zone: tzinfo, zone_name: str) -> str:
    """Return what stands above a bucket's table."""
    return f"From {start.astimezone(zone):%Y-%m-%d %H:%M} ({zone_name})" if start else "In all"


def users_table(rows: Sequence[UserRow], zone: tzinfo, *, width: int = 80) -> Table:
    """Return a row a user of one bucket; first and last are dates where the bucket has several days."""
    table = _table()
    table.add_column("User", no_wrap=True, overflow="ellipsis")
    for heading in ("Events", "Opened", "Joined", "Assigned", "Closed"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("First", "Last"):
        table.add_column(heading, no_wrap=True)
    for heading in ("Active", "IPs"):
        table.add_column(heading, justify="right", no_wrap=True)
    if width >= _WIDE:
        table.add_column("Activities", overflow="fold")
    form = _time_form(rows)
    names = Counter(row.user for row in rows)
    for row in rows:
        table.add_row(
            _told_apart(row.user, row.id, names),
            *(_count(n) for n in (row.events, row.opened, row.joined, row.assigned, row.closed)),
            *(f"{at.astimezone(zone):{form}}" if at else "" for at in (row.first, row.last)),
            short(row.active) if row.active else "",
            _count(row.ips),
            *([_activities(row.activities)] if width >= _WIDE else []),
        )
    return table


def waits_table(rows: Sequence[WaitRow]) -> Table:
    """Return a row a user of one bucket: how many waits, the median and the 95th percentile."""
    table = _table()
    table.add_column("User", no_wrap=True, overflow="ellipsis")
    kinds = [kind for kind in KINDS if kind != "answered" or any(row.answered.count for row in rows)]
    for kind in kinds:
        for part in (_TO[kind], "\nmedian", "\n95 %"):
            table.add_column(part, justify="right", no_wrap=True)
    names = Counter(row.person.user for row in rows if row.person)
    for row in rows:
        spreads = [getattr(row, kind) for kind in kinds]
        table.add_row(
            _told_apart(row.person.user, row.person.id, names) if row.person else "(all)",
            *(
                cell
                for spread in spreads
                for cell in (_count(spread.count), _seconds(spread.median), _seconds(spread.p95))
            ),
        )
    return table


def chats_table(rows: Iterable[ChatRow], zone: tzinfo, zone_name: str) -> Table:
    """Return a row a chat: when it was opened, and how long until each step, by whom."""
    table = _table()
    table.add_column("Chat", no_wrap=True, overflow="ellipsis", min_width=8)
    table.add_column(f"Opened\n({zone_name})", no_wrap=True, width=11, overflow="ellipsis")
    for heading, who in (("To\nassign", "to"), ("To\njoin", "by"), ("To\nclose", "by")):
        table.add_column(heading, justify="right", no_wrap=True)
        table.add_column(f"\n{who}", no_wrap=True, overflow="ellipsis")
    for row in rows:
        steps = ((row.assigned, row.assignee), (row.joined, row.joiner), (row.closed, row.closer))
        table.add_row(
            text_of(row.chat),
            f"{row.opened.astimezone(zone):%m-%d %H:%M}" if row.opened else "?",
            *(cell for at, who in steps for cell in (_length(row, at), _person(who) if who else "")),
        )
    return table


def short(span: timedelta) -> str:
    """Return a length of time: 0.120s, 45.0s, 3m20s, 2h05m, 3d04h. Six characters, up to 99 days."""
    seconds = abs(span.total_seconds())
    if seconds < _MINUTE:
        return f"{seconds:.3f}s" if seconds < 10 else f"{int(seconds * 10) / 10:.1f}s"  # noqa: PLR2004
    for unit, smaller, letters in ((_DAY, _HOUR, "dh"), (_HOUR, _MINUTE, "hm"), (_MINUTE, 1, "ms")):
        if seconds >= unit:
            rest = int(seconds % unit // smaller)
            return f"{int(seconds // unit)}{letters[0]}{rest:02}{letters[1]}"
    return ""


def text_of(value: str) -> str:
    """Return what came from outside, so that neither the terminal nor the markup obeys it."""
    return escape(printable(value))


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))


def _time_form(rows: Sequence[UserRow]) -> str:
    firsts = [row.first for row in rows if row.first]
    lasts = [row.last for row in rows if row.last]
    long = firsts and max(lasts) - min(firsts) > timedelta(hours=25)  # the longest of days
    return "%m-%d" if long else "%H:%M"


def _activities(activities: Mapping[str, int]) -> str:
    most: Callable[[tuple[str, int]], Any] = lambda pair: (-pair[1], pair[0])  # noqa: E731
    return text_of(", ".join(f"{name} {n:,}" for name, n in sorted(activities.items(), key=most)))


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _told_apart(user: str | None, user_id: str | None, names: Counter[str | None]) -> str:
    """Return a name, with the id where others of the same table have it too."""
    return text_of(f"{user} ({user_id})" if names[user] > 1 and user_id else user or "")


def _person(person: Person) -> str:
    return text_of(person.user or "")


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else short(timedelta(seconds=seconds))


def _length(row: ChatRow, at: datetime | None) -> str:
    if at is None:
        return ""
    seconds = row.seconds_to(at)
    return "?" if seconds is None else _seconds(seconds)
