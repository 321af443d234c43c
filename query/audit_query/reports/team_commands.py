"""`auditlog report team`, `transfers`, `unanswered` and `objective`."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from audit_runtime.terminal import new_console
from rich.table import Table

from audit_query.commands import explain_no_events, resolve_filter
from audit_query.errors import ParameterError
from audit_query.filter_options import with_filter_options
from audit_query.log import AuditLog
from audit_query.query_spec import QuerySpec
from audit_query.reports import team_tables
from audit_query.reports.chat_cases import CHAT_FILTERS
from audit_query.reports.decisions import AskedDecisions, Decision
from audit_query.reports.period_before import period_before
from audit_query.reports.printing import Output, progress_of_count, with_output_options
from audit_query.reports.staff_report import staff
from audit_query.reports.tallied import Tallying, decided, ratios, unanswered
from audit_query.reports.team_rows import team_rows
from audit_query.reports.windows import WHOLE
from audit_query.settings import QuerySettings
from audit_query.teams import Teams
from audit_query.time_range import zone

__all__ = ["register"]

Interval = Annotated[str, typer.Option(help=f"hour, day, or {WHOLE}: only all of it.")]
Team = Annotated[
    str | None, typer.Option("--team", help="Only users of this team of AUDITLOG_TEAMS_FILE.")
]

Compare = Annotated[
    bool,
    typer.Option(
        "--compare",
        help="Show the time before on a second line; its waits, too, which takes as long again.",
    ),
]


def register(report: typer.Typer) -> None:
    """Add the commands to `report`."""
    for command, name, example in (
        (report_team, "team", "--from -7d --team Support"),
        (report_transfers, "transfers", "--from -7d"),
        (report_unanswered, "unanswered", "--from today"),
        (report_objective, "objective", "--from -7d --interval day"),
    ):
        report.command(name, epilog=f"Example: auditlog report {name} {example}")(
            with_filter_options(with_output_options(command), CHAT_FILTERS)
        )


def report_team(spec: QuerySpec, output: Output, team: Team = None, compare: Compare = False) -> None:
    """Show who handled how many chats, and how long customers waited for each of them.

    Of users who joined or answered chats, or were assigned some. JSON and CSV have the counts of the
    time before, if there is --from.
    """
    asked = _Asked(spec, team)
    before = period_before(asked.wanted, asked.now)
    if compare and before is None:
        raise ParameterError("--compare", "needs --from: the time before has no beginning without it")
    with asked.log as log, progress_of_count() as counted:
        report = staff(log, asked.wanted, before=before)
        tallying = asked.tallying()
        tally = tallying.count(log, asked.wanted, progress=counted)
        earlier = tallying.count(log, before, progress=counted) if compare and before else None
    rows = list(team_rows(report, tally, asked.teams, earlier))
    table = team_tables.team_table(rows, tally.objectives)
    asked.show(rows, table, output)


def report_transfers(spec: QuerySpec, output: Output, team: Team = None) -> None:
    """Show who gave how many chats to whom: chats assigned to one, and then to the other."""
    asked = _Asked(spec, team)
    with asked.log as log, progress_of_count() as counted:
        rows = asked.tallying().count(log, asked.wanted, progress=counted).transfers
    table = team_tables.transfers_table(rows)
    asked.show(rows, table, output)


def report_unanswered(spec: QuerySpec, output: Output, team: Team = None) -> None:
    """List the chats that nobody was assigned to, or nobody answered; open ones last.

    Where first answers (chat-answered) are not published, those that nobody joined.
    """
    asked = _Asked(spec, team)
    with asked.log as log, progress_of_count() as counted:
        rows = unanswered(log, asked.wanted, progress=counted)
        if not output.prints(rows, asked.zone):
            asked.show_chats(rows)


def report_objective(
    spec: QuerySpec,
    output: Output,
    team: Team = None,
    interval: Interval = "day",
    each: Annotated[
        bool, typer.Option("--each", help="Show each chat that met or missed one, in place of shares.")
    ] = False,
    missed: Annotated[
        bool, typer.Option("--missed", help="Show each chat that missed one, and no other.")
    ] = False,
) -> None:
    """Show which share of the chats met each objective of AUDITLOG_CHAT_OBJECTIVES.

    With --each or --missed the chats behind the shares, one by one.
    """
    asked = _Asked(spec, team)
    tallying = asked.tallying(interval)
    with asked.log as log, progress_of_count() as counted:
        if each or missed:
            chosen = AskedDecisions(is_met=False if missed else None)
            asked.show_decided(decided(log, asked.wanted, tallying, chosen, progress=counted), output)
            return
        rows = list(ratios(tallying.count(log, asked.wanted, progress=counted)))
    table = team_tables.ratios_table(rows, asked.zone, asked.settings.time_zone)
    asked.show(rows, table, output)


class _Asked:
    """What a command is asked, and the log it asks."""

    def __init__(self, spec: QuerySpec, team: str | None) -> None:
        self.settings = QuerySettings()
        self.teams = Teams.load(self.settings.teams_file)
        self.now = datetime.now(UTC)
        self._typed = resolve_filter(spec, self.settings)
        users = self.teams.users(team) if team is not None else ()
        self.wanted = replace(self._typed, users=(*self._typed.users, *users))
        self.zone = zone(self.settings.time_zone)
        self.log = AuditLog(self.settings, seconds=self.settings.query_seconds)

    def tallying(self, interval: str = WHOLE) -> Tallying:
        return Tallying(
            self.now, self.settings.objectives, self.teams, interval, self.settings.time_zone
        )

    def show(self, rows: Sequence[Any], table: Table, output: Output) -> None:
        if output.prints(rows, self.zone):
            return
        if rows:
            new_console().print(table)
        else:
            self._explain()

    def show_decided(self, rows: Iterable[Decision], output: Output) -> None:
        if output.prints(rows, self.zone):
            return
        console, empty = new_console(), True
        for table in team_tables.decided_tables(rows, self.zone, self.settings.time_zone):
            console.print(table)
            empty = False
        if empty:
            console.print("No such chat: none was opened in this time, or nothing is decided yet.")

    def show_chats(self, rows: Iterable[Any]) -> None:
        console, empty = new_console(), True
        for table in team_tables.chats_tables(rows, self.zone, self.settings.time_zone):
            console.print(table)
            empty = False
        if empty:
            console.print("No chat waits, or was closed without an answer.")

    def _explain(self) -> None:
        with AuditLog(self.settings, seconds=self.settings.query_seconds) as log:
            explain_no_events(new_console(), log, self._typed)  # not a line for each of a team
