"""The page of one user's sessions: from login to logout, with what they did in each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit_query.reports import Session, StaffRow, UserReport

from audit_server.page.palette import colours_of
from audit_server.page.report_view import Period, ReportView
from audit_server.page.rows import DisplayTime, Row, display_time, rows_of
from audit_server.page.team_page import figure_of

__all__ = ["SessionPart", "sessions_context"]

_COUNTS = ("events", "opened", "assigned", "joined", "answered", "closed")


@dataclass(frozen=True, slots=True)
class SessionPart:
    """A session: when it began and ended, and those of its events that are shown."""

    id: str | None
    begin: DisplayTime
    end: DisplayTime
    has_login: bool
    has_logout: bool
    length: float
    failed: int | None
    events: int
    activities: Sequence[tuple[str, int]]
    ips: Sequence[str]
    rows: Sequence[Row]
    link: str


def sessions_context(
    report: UserReport, figures: tuple[StaffRow, StaffRow], view: ReportView, period: Period
) -> Mapping[str, Any]:
    """Return what the template shows."""
    colours = colours_of(report.facts.activities if report.facts else ())
    now, before = figures
    return {
        "user": report.user,
        "facts": report.facts,
        "shown": report.shown,
        "figures": [
            (name.capitalize(), figure_of(name, now, before, view, period))
            for name in _COUNTS
            if name != "answered" or now.answered or before.answered
        ],
        "now": now,
        "before": before,
        "events_link": view.to_events(period, user=report.user),
        "chats_link": view.to_chats(period, now.person),
        "sessions": [_part(one, view, period, report.user, colours) for one in report.sessions],
    }


def _part(
    session: Session, view: ReportView, period: Period, user: str, colours: Mapping[str, int]
) -> SessionPart:
    facts, zone = session.facts, view.view.zone
    begin, end = facts.login or facts.first, facts.logout or facts.last
    return SessionPart(
        session.id,
        display_time(begin, zone),
        display_time(end, zone),
        facts.login is not None,
        facts.logout is not None,
        max(0.0, (end - begin).total_seconds()),
        session.failed,
        facts.events,
        list(facts.activities.items())[:8],
        list(facts.ips)[:5],
        rows_of(session.events, zone, colours),
        view.to_events(period, user=user, session=session.id),
    )
