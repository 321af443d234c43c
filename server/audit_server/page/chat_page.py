"""A chat's page: its events as a conversation of who opened, was assigned, joined, answered, closed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit_query import AuditLog, Filter
from audit_query.reports import ChatRow, TimelineEntry, chat_timeline, chats
from audit_schemas import printable

from audit_server.page.counting import Deadline
from audit_server.page.durations import duration
from audit_server.page.expanded_event import event_path
from audit_server.page.palette import colours_of
from audit_server.page.rows import DisplayTime, Row, display_time, rows_of
from audit_server.page.view import View, chat_path

__all__ = ["ChatFacts", "Turn", "chat_page"]

_EVENTS = 1000
_CASES = 100
"""So often at most the page tells that the chat was opened."""
_VERBS = {
    "chat-opened": "opened the chat",
    "chat-assigned-to-user": "assigned the chat to",
    "user-joined-to-chat": "joined",
    "chat-answered": "gave the first answer",
    "chat-closed": "closed the chat",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """An event of the conversation: what the sentence says, and how long after the one before."""

    row: Row
    link: str
    who: str
    verb: str
    whom: str
    gap: str
    """The time since the event before; blank for the first."""
    since_start: str
    is_customer: bool
    """By whoever opened the chat: it stands on the other side."""


@dataclass(frozen=True, slots=True)
class ChatFacts:
    """A chat from an opening to its closing, with how long each step took."""

    row: ChatRow
    opened: DisplayTime | None
    closed: DisplayTime | None
    waits: Sequence[tuple[str, float | None, str | None]]


def chat_page(
    log: AuditLog, chat: str, organization: str | None, view: View, deadline: Deadline
) -> Mapping[str, Any]:
    """Query what happened in a chat, at most its first 1,000 events, and how long it waited.

    Raises ProblemError once the deadline is over: an id that is used for everything has no end.
    """
    organizations = (organization,) if organization is not None else ()
    wanted = Filter(organizations=organizations)
    timeline = chat_timeline(log, wanted, chat, limit=_EVENTS)
    events = [entry.event for entry in timeline.entries]
    colours = colours_of(event["event"]["action"] for event in events)
    rows = rows_of(events, view.zone, colours)
    found = chats(
        log,
        Filter(chats=(chat,), organizations=organizations),
        progress=lambda *_: deadline.check(),
    )
    cases, last, count = _first_and_last(found)
    openers = {case.opener.user for case in cases if case.opener is not None}
    owners = {(event.get("organization") or {}).get("id") for event in events}
    return {
        "chat": chat,
        "total": timeline.total,
        "turns": [
            _turn(entry, row, openers, view) for entry, row in zip(timeline.entries, rows, strict=True)
        ],
        "state": last and ("closed" if last.closed else "open"),
        "cases": [_facts(case, view) for case in cases[:_CASES]],
        "more_cases": max(0, count - _CASES),
        "organizations": [
            (printable(one), chat_path(chat, one)) for one in sorted(filter(None, owners))
        ]
        if len(owners) > 1
        else (),
    }


def _first_and_last(found: Iterable[ChatRow]) -> tuple[Sequence[ChatRow], ChatRow | None, int]:
    """Return as many rows as events are shown, in order, the row that begins last, and how many are."""
    kept: list[ChatRow] = []
    last, count = None, 0
    for row in found:
        count += 1
        if len(kept) < _EVENTS:
            kept.append(row)
        if last is None or _begin(row) >= _begin(last):
            last = row
    return sorted(kept, key=_begin), last, count


def _begin(row: ChatRow) -> str:
    first = row.opened or row.assigned or row.joined or row.answered or row.closed
    return first.isoformat() if first else ""


def _turn(entry: TimelineEntry, row: Row, openers: set[str | None], view: View) -> Turn:
    event, action = entry.event, entry.event["event"]["action"]
    user = event["audit"].get("user")
    target = (event.get("user") or {}).get("target") or {}
    return Turn(
        row,
        view.other_page(event_path(row.id)),
        row.user,
        _VERBS.get(action, printable(action)),
        printable(target.get("name") or target.get("id") or ""),
        duration(entry.since_previous),
        duration(entry.since_origin),
        user in openers and action != "chat-assigned-to-user",
    )


def _facts(row: ChatRow, view: View) -> ChatFacts:
    steps = (
        ("Until assigned", row.assigned, row.assignee),
        ("Until joined", row.joined, row.joiner),
        ("Until answered", row.answered, row.answerer),
        ("Until closed", row.closed, row.closer),
    )
    waits = [
        (name, row.seconds_to(at), person and printable(person.user or ""))
        for name, at, person in steps
        if at is not None
    ]
    if row.handling_seconds is not None:
        waits.append(("Handling", row.handling_seconds, None))
    return ChatFacts(
        row,
        display_time(row.opened, view.zone) if row.opened else None,
        display_time(row.closed, view.zone) if row.closed else None,
        waits,
    )
