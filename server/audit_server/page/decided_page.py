"""The page of the chats behind the share of an objective: those that missed it, those that met it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit_query import Objective
from audit_query.reports import AskedDecisions, DecidedChats, Decision
from audit_schemas import printable

from audit_server.page.report_view import Period, ReportView
from audit_server.page.rows import DisplayTime, display_time
from audit_server.page.view import chat_path

__all__ = ["DECIDED_OWN", "DecidedLine", "decided_context"]

DECIDED_OWN = ("objective", "met", "by", "by_id", "by_team", "opened_from", "opened_to")
"""Parameters of this page alone."""


@dataclass(frozen=True, slots=True)
class DecidedLine:
    """A chat in the list."""

    chat: str
    link: str
    opened: DisplayTime | None
    is_met: bool
    seconds: float | None
    """How long it waited; None: it never came to that."""
    who: str


def decided_context(
    asked: AskedDecisions,
    objective: Objective,
    given: Mapping[str, str],
    view: ReportView,
    period: Period,
) -> Mapping[str, Any]:
    """Return the page's links and words, and a function of what is counted once it has begun."""
    own = {name: value for name, value in given.items() if name in DECIDED_OWN}
    others = {name: value for name, value in own.items() if name not in ("objective", "met")}
    return {
        "objective": objective,
        "whose": _whose(asked, view),
        "met": own.get("met"),
        "choices": [
            (name, view.to_decided(period, objective.kind, **others, **more), own.get("met") == met)
            for name, met, more in (
                ("All", None, {}),
                ("Missed", "no", {"met": "no"}),
                ("Met", "yes", {"met": "yes"}),
            )
        ],
        "chats_link": view.to_chats(period),
        "csv": view.to_api("objective/chats", period, **own, format="csv", size="10000"),
        "sections": lambda found: _sections(found, objective, view),
    }


def _whose(asked: AskedDecisions, view: ReportView) -> Sequence[str]:
    """Return what narrows the list, in words."""
    words = []
    if asked.user is not None:
        has_id = asked.user_id and asked.user_id != asked.user
        words.append(f"by {asked.user}" + (f" ({asked.user_id})" if has_id else ""))
    if asked.team is not None:
        words.append(f"by the team {asked.team}")
    if asked.opened_from is not None and asked.opened_to is not None:
        begin, end = (_clock(one, view) for one in (asked.opened_from, asked.opened_to))
        words.append(f"opened from {begin} to {end}")
    return [printable(word) for word in words]


def _clock(moment: datetime, view: ReportView) -> str:
    return f"{moment.astimezone(view.view.zone):%Y-%m-%d %H:%M}"


def _sections(found: DecidedChats, objective: Objective, view: ReportView) -> Mapping[str, Any]:
    lines = [_line(one, view) for one in found.rows]
    return {
        "ratio": found.ratio(objective),
        "missed": found.missed,
        "lines": lines,
        "left": found.met + found.missed - len(lines),
    }


def _line(one: Decision, view: ReportView) -> DecidedLine:
    return DecidedLine(
        one.row.chat,
        chat_path(one.row.chat, one.row.organization),
        display_time(one.row.opened, view.view.zone) if one.row.opened else None,
        one.is_met,
        one.seconds,
        printable(one.person.user or "") if one.person else "",
    )
