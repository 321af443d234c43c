"""`auditlog report users`, `chats` and `user`."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer
from audit_runtime.terminal import Json, new_console, print_json
from rich.console import Console

from audit_query.commands import explain_no_events, resolve_filter
from audit_query.errors import ParameterError
from audit_query.filter import Filter
from audit_query.filter_options import with_filter_options
from audit_query.log import PAGE_MAX, AuditLog
from audit_query.query_spec import QuerySpec
from audit_query.reports import event_tables, report_tables, team_commands, timeline_commands
from audit_query.reports.chat_cases import CHAT_FILTERS, chats
from audit_query.reports.printing import Output, progress_of_count, with_output_options
from audit_query.reports.sessions import user_report
from audit_query.reports.user_activity import users
from audit_query.reports.wait_row import waits
from audit_query.settings import QuerySettings
from audit_query.time_range import zone

__all__ = ["register"]

Interval = Annotated[
    str,
    typer.Option(
        help="15m, 1h, 1d; minute, hour, day, week, month, quarter, year; auto; or whole, for one "
        "row a user."
    ),
]


def register(app: typer.Typer) -> None:
    """Add `report` and `timeline`."""
    report = typer.Typer(
        name="report", no_args_is_help=True, help="Who did what, and how long chats waited."
    )
    report.command("users", epilog="Example: auditlog report users --interval day --from -7d")(
        with_filter_options(with_output_options(report_users))
    )
    report.command("chats", epilog="Example: auditlog report chats --interval week --from -30d")(
        with_filter_options(with_output_options(report_chats), CHAT_FILTERS)
    )
    report.command("user", epilog="Example: auditlog report user 'Carla Evans' --from -24h")(
        with_filter_options(report_user)
    )
    team_commands.register(report)
    app.add_typer(report)
    timeline_commands.register(app)


def report_users(spec: QuerySpec, output: Output, interval: Interval = "day") -> None:
    """Count what each user did in each bucket of time.

    Events by activity; chats opened, joined, assigned to the user, closed; first and last event;
    active time (five-minute slots of the clock with an event of theirs); different addresses.
    """
    settings = QuerySettings()
    wanted, tz = resolve_filter(spec, settings), zone(settings.time_zone)
    with AuditLog(settings, seconds=settings.query_seconds) as log, progress_of_count() as counted:
        rows = users(log, wanted, interval=interval, time_zone=settings.time_zone, progress=counted)
        if output.prints(
            rows, tz, lambda: [one.value for one in log.top(wanted, "activity", size=1000)]
        ):
            return
        console, empty = new_console(), True
        for some in report_tables.by_bucket(rows):
            empty = False
            console.print(report_tables.title_of(some[0].start, tz, settings.time_zone))
            console.print(report_tables.users_table(some, tz, width=console.width))
        _explain_if(empty, console, log, wanted)


def report_chats(
    spec: QuerySpec,
    output: Output,
    interval: Interval = "day",
    each: Annotated[bool, typer.Option("--each", help="Show each chat, in place of users.")] = False,
) -> None:
    """Tell how long chats waited, from their opening, to be assigned, joined and closed.

    Medians and 95th percentiles by user and bucket of time: a wait counts for who ended it, when it
    ended.
    """
    settings = QuerySettings()
    wanted, tz = resolve_filter(spec, settings), zone(settings.time_zone)
    with AuditLog(settings, seconds=settings.query_seconds) as log, progress_of_count() as counted:
        rows: Iterator[Any] = (
            chats(log, wanted, progress=counted)
            if each
            else waits(log, wanted, interval=interval, time_zone=settings.time_zone, progress=counted)
        )
        if output.prints(rows, tz):
            return
        if each:
            _print_chats(rows, log, wanted, settings)
            return
        console, empty = new_console(), True
        for some in report_tables.by_bucket(rows):
            empty = False
            console.print(report_tables.title_of(some[0].start, tz, settings.time_zone))
            console.print(report_tables.waits_table(some))
        _explain_if(empty, console, log, wanted)


def report_user(
    spec: QuerySpec,
    who: Annotated[str, typer.Argument(metavar="USER", help="The user's whole id or name.")],
    limit: Annotated[
        int, typer.Option(min=1, max=PAGE_MAX, help="How many events to show, at most.")
    ] = 200,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Else newest first.")] = False,
    json_output: Json = False,
) -> None:
    """Show what one user did, session by session: from login to logout, from where, after what."""
    if spec.values("user"):
        raise ParameterError("user", "is given as USER already; leave --user out")
    settings = QuerySettings()
    wanted, tz = resolve_filter(spec, settings), zone(settings.time_zone)
    with AuditLog(settings, seconds=settings.query_seconds) as log:
        report = user_report(log, wanted, who, newest_first=not oldest_first, limit=limit)
        if json_output:
            print_json(report.to_json(tz))
            return
        console = new_console()
        if report.facts is None:
            explain_no_events(console, log, Filter(users=(who,)))
            return
    for line in event_tables.summary_lines(report, tz, settings.time_zone):
        console.print(line, highlight=False)
    for session in report.sessions:
        console.print()
        for line in event_tables.session_lines(session, tz):
            console.print(line, highlight=False)
        console.print(event_tables.session_table(session.events, tz))
    if report.facts.events > report.shown:
        more = f"{report.shown:,} of {report.facts.events:,} events; more with --limit"
        console.print(more, highlight=False)


def _print_chats(rows: Iterable[Any], log: AuditLog, wanted: Filter, settings: QuerySettings) -> None:
    console, held, empty = new_console(), [], True
    tz = zone(settings.time_zone)
    for row in rows:
        held.append(row)
        if len(held) == report_tables.ROWS:
            console.print(report_tables.chats_table(held, tz, settings.time_zone))
            held, empty = [], False
    if held:
        console.print(report_tables.chats_table(held, tz, settings.time_zone))
    _explain_if(empty and not held, console, log, wanted)


def _explain_if(empty: bool, console: Console, log: AuditLog, wanted: Filter) -> None:
    if empty:
        explain_no_events(console, log, wanted)
