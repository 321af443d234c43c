"""`auditlog timeline`."""

from typing import Annotated

import typer
from audit_runtime.terminal import Json, new_console, print_json

from audit_query.commands import explain_no_events, resolve_filter
from audit_query.errors import ParameterError, QueryError
from audit_query.filter_options import with_filter_options
from audit_query.log import PAGE_MAX, AuditLog
from audit_query.query_spec import QuerySpec
from audit_query.reports.event_tables import timeline_table
from audit_query.reports.timeline import SAME, Timeline, around, chat_timeline, parse_window
from audit_query.settings import QuerySettings
from audit_query.time_range import zone

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: auditlog timeline --chat chat-42, or: auditlog timeline --around "
        "019ab3f0-7a51-7cc3-98a2-6b1e2f3a4c5d --window 10m --same user"
    )(with_filter_options(timeline))


def timeline(
    spec: QuerySpec,
    event_id: Annotated[
        str | None, typer.Option("--around", help="An event's id; without it, give one --chat.")
    ] = None,
    window: Annotated[
        str, typer.Option(help="How long before and after that event: 30s, 10m, 2h, up to 7d.")
    ] = "10m",
    same: Annotated[
        list[str] | None,
        typer.Option(help=f"Only what has the same {', '.join(SAME)} as that event; may be repeated."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_MAX, help="How many events, at most.")] = 100,
    json_output: Json = False,
) -> None:
    """Show what happened in a chat, or just before and after an event; oldest first."""
    settings = QuerySettings()
    wanted = resolve_filter(spec, settings)
    with AuditLog(settings, seconds=settings.query_seconds) as log:
        if event_id is None:
            events = chat_timeline(log, wanted, _chat(spec), limit=limit)
        else:
            span = parse_window(window)
            events = _around(
                around(log, wanted, event_id, window=span, same=same or (), limit=limit), event_id
            )
        if not events.entries and not json_output:
            explain_no_events(new_console(), log, wanted)
            return
    if json_output:
        print_json(events.to_json())
        return
    console, tz = new_console(), zone(settings.time_zone)
    console.print(timeline_table(events, tz, settings.time_zone, of_event=event_id is not None))
    if events.total > len(events.entries):
        more = f"{len(events.entries):,} of {events.total:,} events; more with --limit"
        console.print(more, highlight=False)
    if events.warning:
        typer.echo(f"Warning: {events.warning}.", err=True)


def _chat(spec: QuerySpec) -> str:
    chats = spec.values("chat")
    if len(chats) != 1:
        raise ParameterError("chat", "give one chat, or an event's id by --around")
    return chats[0]


def _around(events: Timeline | None, event_id: str) -> Timeline:
    if events is None:
        raise QueryError(f"no event has the id {event_id!r}; ids are shown by: auditlog search --json")
    return events
