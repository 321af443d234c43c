"""What happened in a chat, and what happened around an event: for troubleshooting."""

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice, pairwise, takewhile
from typing import Any

from audit_schemas import parse_timestamp, shown_person

from audit_query.claims import warning_of
from audit_query.errors import ParameterError
from audit_query.filter import Filter
from audit_query.log import PAGE_MAX, AuditLog
from audit_query.reports.cells import from_millis, to_millis

__all__ = ["SAME", "WINDOW_MAX", "Timeline", "TimelineEntry", "around", "chat_timeline", "parse_window"]

WINDOW_MAX = timedelta(days=7)

SAME: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "user": ("users", ("user.id", "audit.user")),
    "chat": ("chats", ("audit.chat.id",)),
    "session": ("sessions", ("audit.session.id",)),
    "ip": ("ips", ("source.ip",)),
    "service": ("services", ("service.name",)),
}
"""What events around another may have in common with it: the filter's field, the event's."""

_WINDOW = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """An event in its place: how long after the one before it, and after the one that matters.

    That is the first of a chat's, or the event that was asked about, which is `marked`; what came
    before it has a negative time.
    """

    event: Mapping[str, Any]
    at: datetime
    since_previous: timedelta | None
    since_origin: timedelta
    marked: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it; the event is whole."""
        previous = self.since_previous
        return {
            "seconds_since_previous": None if previous is None else previous.total_seconds(),
            "seconds_since_origin": self.since_origin.total_seconds(),
            "marked": self.marked,
            "event": self.event,
        }


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events, oldest first, and how many there are in all."""

    entries: Sequence[TimelineEntry]
    total: int
    warning: str | None = None
    """That the id which was asked about is claimed by several events; they are not among these."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        events = [entry.to_json() for entry in self.entries]
        warning = {"warning": self.warning} if self.warning else {}
        return {"total": self.total, "events": events, **warning}


def chat_timeline(log: AuditLog, wanted: Filter, chat: str, *, limit: int = 1000) -> Timeline:
    """Return what happened in a chat, oldest first: of more than `limit` (at most 10,000) the oldest.

    Large events make it fewer (see `AuditLog.search`); the total counts all.
    """
    theirs = replace(wanted, chats=(chat,))
    page = log.search(theirs, size=limit, newest_first=False)
    events = page.events
    total = len(events) if page.cursor is None else log.count(theirs)
    return Timeline(_entries(events, events[0] if events else None), total)


def around(
    log: AuditLog,
    wanted: Filter,
    event_id: str,
    *,
    window: timedelta = timedelta(minutes=10),
    same: Sequence[str] = (),
    limit: int = 100,
) -> Timeline | None:
    """Return what happened up to `window` before and after an event; None if there is no such.

    Of more than `limit` events (at most 10,000) those nearest to it in time are kept; large events
    make it fewer (see `AuditLog.search`). `same`, of
    SAME, narrows them to what has that in common with it. The event itself is always there. Raises
    ParameterError, also if it lacks what should be the same.
    """
    for name in same:
        if name not in SAME:
            raise ParameterError("same", f"must be one of {', '.join(SAME)}, not {name[:64]!r}")
    claims = log.claims(event_id)
    if not claims:
        return None
    event, warning = claims[0], warning_of(claims)
    if not timedelta(0) < window <= WINDOW_MAX:
        raise ParameterError("window", f"give more than none, and at most {WINDOW_MAX.days} days")
    limit = max(1, min(limit, PAGE_MAX))
    at = to_millis(parse_timestamp(event["@timestamp"]))
    near = _within(_alike(wanted, event, same), at, window)
    if near is None:
        return Timeline(_entries([event], event, marked=event), 1, warning)
    cursor = (at, *(event["audit"]["kafka"][name] for name in ("partition", "offset")))
    sides = [
        log.search(near, size=limit, newest_first=newest_first, after=cursor)
        for newest_first in (True, False)
    ]

    def distance(other: Mapping[str, Any]) -> timedelta:
        return abs(_at(other) - _at(event))

    cut = [side for side in sides if side.cursor is not None]
    known = min((distance(side.events[-1]) for side in cut), default=timedelta.max)
    nearest = heapq.merge(*(side.events for side in sides), key=distance)
    near_enough = takewhile(lambda other: distance(other) <= known, nearest)
    kept = sorted([event, *islice(near_enough, limit - 1)], key=_place)
    total = sum(len(side.events) for side in sides) + 1
    if cut:
        total = max(total, log.count(near))
    return Timeline(_entries(kept, event, marked=event), total, warning)


def parse_window(text: str) -> timedelta:
    """Return a length of time such as 10m. Raises ParameterError."""
    match = _WINDOW.fullmatch(text)
    if match is not None:
        window = timedelta(**{_UNITS[match[2]]: int(match[1])})
        if window <= WINDOW_MAX:
            return window
    raise ParameterError(
        "window",
        f"{text[:64]!r} is not a valid window; give a number and s, m, h or d, such as 10m, up to "
        f"{WINDOW_MAX.days}d",
    )


def _entries(
    events: Sequence[Mapping[str, Any]],
    origin: Mapping[str, Any] | None,
    *,
    marked: Mapping[str, Any] | None = None,
) -> list[TimelineEntry]:
    if origin is None:
        return []
    since = [None, *(_at(later) - _at(earlier) for earlier, later in pairwise(events))]
    return [
        TimelineEntry(event, _at(event), previous, _at(event) - _at(origin), event is marked)
        for event, previous in zip(events, since, strict=True)
    ]


def _alike(wanted: Filter, event: Mapping[str, Any], same: Sequence[str]) -> Filter:
    alike: dict[str, Any] = {}
    for name in same:
        field, paths = SAME[name]
        values = ((path, _value(event, path)) for path in paths)
        path, value = next((found for found in values if found[1]), ("", None))
        if value is None:
            raise ParameterError("same", f"the event has no {name}; leave out same={name}")
        alike[field] = (shown_person(value) if path == "user.id" else value,)
    return replace(wanted, **alike) if alike else wanted


def _within(wanted: Filter, at: int, window: timedelta) -> Filter | None:
    """Return the filter of the window, its ends included; None if the filter's time misses it."""
    start, end = from_millis(at) - window, from_millis(at + 1) + window
    start = start if wanted.start is None else max(start, wanted.start)
    end = end if wanted.end is None else min(end, wanted.end)
    return replace(wanted, start=start, end=end) if start < end else None


def _value(event: Mapping[str, Any], path: str) -> str | None:
    value: Any = event
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None


def _at(event: Mapping[str, Any]) -> datetime:
    return parse_timestamp(event["@timestamp"])


def _place(event: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return what the log sorts by."""
    kafka = event["audit"]["kafka"]
    return to_millis(_at(event)), kafka["partition"], kafka["offset"]
