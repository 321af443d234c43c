"""The page of a team: who handled how much, against the time before, and the waits they ended."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit_query import Objective, Ratio
from audit_query.reports import (
    ChatTally,
    GroupTally,
    Person,
    Spread,
    StaffReport,
    StaffRow,
)
from markupsafe import Markup

from audit_server.page.report_columns import Column, headings, in_order
from audit_server.page.report_view import Period, ReportView
from audit_server.page.rows import DisplayTime, display_time
from audit_server.page.spark import spark

__all__ = ["Figure", "StaffLine", "WaitLine", "staff_table", "wait_table"]

_ACTIVITIES = {
    "opened": "chat-opened",
    "joined": "user-joined-to-chat",
    "answered": "chat-answered",
    "closed": "chat-closed",
}
_SPREADS = (
    ("assigned", "Until assigned"),
    ("joined", "Until joined"),
    ("answered", "Until answered"),
    ("handled", "Handling"),
)


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


@dataclass(frozen=True, slots=True)
class WaitLine:
    """A row of the waits' table: somebody, or a team."""

    name: str
    id: str | None
    link: str
    tally: GroupTally
    spreads: Sequence[Spread]
    ratios: Sequence[Ratio]
    chats: str
    most: int
    """Chats at the same time."""


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


def wait_table(tally: ChatTally, view: ReportView, period: Period) -> Mapping[str, Any]:
    """Return the table of waits that each ended, sorted, and those of the teams, for its template."""
    spreads = [one for one in _SPREADS if one[0] != "answered" or tally.has_answers]
    objectives = [one for one in tally.objectives if one.kind != "closed"]
    columns = _wait_columns(spreads, objectives)
    people = [_wait_line(person, group, spreads, objectives, view, period)
              for person, group in tally.people.items() if person.user is not None]  # fmt: skip
    teams = [_team_line(name, group, spreads, objectives, view) for name, group in tally.teams.items()]
    return {
        "spreads": spreads,
        "objectives": objectives,
        "headings": headings(columns, view, "-joined_n"),
        "lines": in_order(people, columns, view, "-joined_n"),
        "teams": in_order(teams, columns, view, "-joined_n"),
    }


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
    figures = [
        Figure(
            getattr(row, name),
            getattr(before, name),
            view.to_chats(period, row.person)
            if name == "assigned"
            else view.to_events(period, user=user, activity=_ACTIVITIES[name]),
        )
        for name in counted
    ]
    events = Figure(row.events, before.events, view.to_events(period, user=user))
    return StaffLine(
        row.person,
        view.to_user(user),
        picture,
        [events, *figures],
        row.active.total_seconds(),
        before.active.total_seconds(),
        _time(row.first, view),
        _time(row.last, view),
    )


def _time(at: datetime | None, view: ReportView) -> DisplayTime | None:
    return None if at is None else display_time(at, view.view.zone)


def _wait_columns(
    spreads: Sequence[tuple[str, str]], objectives: Sequence[Objective]
) -> Sequence[Column[WaitLine]]:
    columns: list[Column[WaitLine]] = [Column("user", "User", lambda line: line.name.casefold())]
    for place, (name, title) in enumerate(spreads):
        columns += [
            Column(f"{name}_n", "Chats", _spread(place, "count"), title),
            Column(f"{name}_median", "Median", _spread(place, "median"), title),
            Column(f"{name}_p95", "95 %", _spread(place, "p95"), title),
        ]
    for place, objective in enumerate(objectives):
        title = f"{objective.kind} in {objective.text}".capitalize()
        columns.append(Column(f"{objective.kind}_in_time", title, _ratio(place), "Objective"))
    return [*columns, Column("most", "Most at once", lambda line: line.most, "Chats")]


def _spread(place: int, name: str) -> Callable[[WaitLine], Any]:
    return lambda line: getattr(line.spreads[place], name)


def _ratio(place: int) -> Callable[[WaitLine], Any]:
    return lambda line: line.ratios[place].percent


def _wait_line(
    person: Person,
    group: GroupTally,
    spreads: Sequence[tuple[str, str]],
    objectives: Sequence[Objective],
    view: ReportView,
    period: Period,
) -> WaitLine:
    user = person.user or ""
    chats = view.to_chats(period, person)
    return _any_line(user, person.id, view.to_user(user), chats, group, spreads, objectives)


def _team_line(
    name: str,
    group: GroupTally,
    spreads: Sequence[tuple[str, str]],
    objectives: Sequence[Objective],
    view: ReportView,
) -> WaitLine:
    chats = view.of_team(name)
    return _any_line(name, None, chats, chats, group, spreads, objectives)


def _any_line(
    name: str,
    its_id: str | None,
    link: str,
    chats: str,
    group: GroupTally,
    spreads: Sequence[tuple[str, str]],
    objectives: Sequence[Objective],
) -> WaitLine:
    return WaitLine(
        name,
        its_id,
        link,
        group,
        [_spread_of(group, kind) for kind, _ in spreads],
        [group.ratio(objective) for objective in objectives],
        chats,
        group.at_once.most,
    )


def _spread_of(group: GroupTally, kind: str) -> Spread:
    return group.handled if kind == "handled" else group.spread(kind)  # type: ignore[arg-type]
