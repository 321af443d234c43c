"""`auditlog timeline`."""

import json
import sys
from typing import Annotated

import typer
from audit_runtime.terminal import new_console

from audit_query.commands import asked_filter, explain_nothing
from audit_query.errors import ParameterError, QueryError
from audit_query.log import PAGE_MAX, AuditLog
from audit_query.options import asks
from audit_query.question import Question
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
    )(asks(timeline))


def timeline(
    question: Question,
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
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Show what happened in a chat, or just before and after an event; oldest first."""
    settings = QuerySettings()
    wanted = asked_filter(question, settings)
    with AuditLog(settings, seconds=settings.query_seconds) as log:
        if event_id is None:
            found = chat_timeline(log, wanted, _chat(question), limit=limit)
        else:
            span = parse_window(window)
            found = _around(
                around(log, wanted, event_id, window=span, same=same or (), limit=limit), event_id
            )
        if not found.moments and not json_output:
            explain_nothing(new_console(), log, wanted)
            return
    if json_output:
        sys.stdout.write(json.dumps(found.to_json()) + "\n")
        return
    console, tz = new_console(), zone(settings.time_zone)
    console.print(timeline_table(found, tz, settings.time_zone, of_event=event_id is not None))
    if found.total > len(found.moments):
        more = f"{len(found.moments):,} of {found.total:,} events; more with --limit"
        console.print(more, highlight=False)


def _chat(question: Question) -> str:
    chats = question.values("chat")
    if len(chats) != 1:
        raise ParameterError("chat", "give one chat, or an event's id by --around")
    return chats[0]


def _around(found: Timeline | None, event_id: str) -> Timeline:
    if found is None:
        raise QueryError(f"no event has the id {event_id!r}; ids are shown by: auditlog search --json")
    return found
