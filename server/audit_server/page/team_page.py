"""The page of a team: who handled how much, against the time before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit_query.reports import Person, StaffReport, StaffRow
from markupsafe import Markup

from audit_server.page.report_columns import Column, headings, in_order
from audit_server.page.report_view import Period, ReportView
from audit_server.page.rows import DisplayTime, display_time
from audit_server.page.spark import spark

__all__ = ["Figure", "StaffLine", "figure_of", "staff_table"]

_ACTIVITIES = {
    "opened": "chat-opened",
    "joined": "user-joined-to-chat",
    "answered": "chat-answered",
    "closed": "chat-closed",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A count, that of the time before, and what it counts."""

    count: int
    before: int
    link: str


@dataclass(frozen=True, slots=True)
class StaffLine:
    """A row of the team's table."""

    person: Person
    link: str
    chart: Markup
    figures: Sequence[Figure]
    active: float
    active_before: float
    first: DisplayTime | None
    last: DisplayTime | None


def staff_table(report: StaffReport, view: ReportView, period: Period) -> Mapping[str, Any]:
    """Return the team's table, sorted, for its template."""
    has_answers = any(row.answered for row in (*report.rows, *report.before.values()))
    columns = _staff_columns(has_answers=has_answers)
    counted = [column.name for column in columns if column.name in _counted(has_answers=has_answers)]
    most = max((max(row.chart, default=0) for row in report.rows), default=0)
    rows = in_order(report.rows, columns, view, "-joined")
    lines = [
        _line(row, report.before.get(row.person, StaffRow(row.person)), counted, most, view, period)
        for row in rows
    ]
    return {
        "headings": headings(columns, view, "-joined"),
        "lines": lines,
        "compared": bool(report.before),
        "left_out": report.left_out,
    }


def figure_of(name: str, row: StaffRow, before: StaffRow, view: ReportView, period: Period) -> Figure:
    """Return one of somebody's counts, with the link to its events, or to its chats.

    An assignment is an event of whoever made it, so chats assigned to somebody are found by the chats.
    """
    link = (
        view.to_chats(period, row.person)
        if name == "assigned"
        else view.to_events(period, user=row.person.user, activity=_ACTIVITIES.get(name))
    )
    return Figure(getattr(row, name), getattr(before, name), link)


def _counted(*, has_answers: bool) -> Sequence[str]:
    names = ("opened", "assigned", "joined", "answered", "closed")
    return [name for name in names if name != "answered" or has_answers]


def _staff_columns(*, has_answers: bool) -> Sequence[Column[StaffRow]]:
    def of(name: str) -> Callable[[StaffRow], Any]:
        return lambda row: getattr(row, name)

    return [
        Column("user", "User", lambda row: ((row.person.user or "").casefold(), row.person.id or "")),
        Column("events", "Events", of("events")),
        *(Column(name, name.capitalize(), of(name)) for name in _counted(has_answers=has_answers)),
        Column("active", "Active", of("active")),
        Column("first", "First event", of("first")),
        Column("last", "Last event", of("last")),
    ]


def _line(
    row: StaffRow,
    before: StaffRow,
    counted: Sequence[str],
    most: int,
    view: ReportView,
    period: Period,
) -> StaffLine:
    user = row.person.user or ""
    label = f"Events of {user} over time, {max(row.chart, default=0):,} at most in one bar"
    picture = Markup(spark(row.chart, most, label))  # noqa: S704 - written as XML
    figures = [figure_of(name, row, before, view, period) for name in ("events", *counted)]
    return StaffLine(
        row.person,
        view.to_user(user),
        picture,
        figures,
        row.active.total_seconds(),
        before.active.total_seconds(),
        _time(row.first, view),
        _time(row.last, view),
    )


def _time(at: datetime | None, view: ReportView) -> DisplayTime | None:
    return None if at is None else display_time(at, view.view.zone)
