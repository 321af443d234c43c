"""`auditlog search`, `buckets` and `top`."""

import difflib
import json
import sys
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from audit_query.filter import Filter
from audit_query.log import AuditLog, Dimension
from audit_query.settings import QuerySettings
from audit_query.tables import buckets_table, events_table, ranking_table
from audit_query.timespec import parse_time, zone

__all__ = ["register"]

_PIPE_WIDTH = 300

Users = Annotated[
    list[str] | None, typer.Option("--user", help="A user's whole id or name; may be repeated.")
]
Activities = Annotated[
    list[str] | None,
    typer.Option("--activity", help="An activity, such as chat-opened; may be repeated."),
]
From = Annotated[
    str | None,
    typer.Option("--from", help="From then on: 2026-11-23, 2026-11-23T09:30Z, -24h, today."),
]
To = Annotated[str | None, typer.Option("--to", help="Up to, but not with, then; forms as --from.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def register(app: typer.Typer) -> None:
    """Add this component's commands."""
    app.command(epilog="Example: auditlog search --user u-007 --activity login --from -24h")(search)
    app.command(epilog="Example: auditlog buckets --interval 1h --by activity --from today")(buckets)
    app.command(epilog="Example: auditlog top ip --activity login-failed --from -7d")(top)


def search(
    user: Users = None,
    activity: Activities = None,
    start: From = None,
    end: To = None,
    limit: Annotated[int, typer.Option(min=1, help="How many events, at most.")] = 50,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Else newest first.")] = False,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print whole events, one JSON object a line.")
    ] = False,
) -> None:
    """Show events: Date and Time, User, IP Address, Activity."""
    settings = QuerySettings()
    wanted = _filter(settings, user, activity, start, end)
    with _log(settings) as log:
        events = log.walk(wanted, limit=limit, newest_first=not oldest_first)
        if json_output:
            for event in events:
                sys.stdout.write(json.dumps(event) + "\n")
            return
        found = list(events)
        total = log.count(wanted)
    console = _console()
    if not found:
        _explain_nothing(console, settings, wanted)
        return
    console.print(events_table(found, zone(settings.time_zone), settings.time_zone))
    if total > len(found):
        console.print(f"{len(found):,} of {total:,} events; more with --limit", highlight=False)


def buckets(
    interval: Annotated[
        str, typer.Option(help="15m, 1h, 1d, or minute, hour, day, week, month, quarter, year.")
    ] = "1h",
    by: Annotated[Dimension | None, typer.Option(help="Split each interval by this.")] = None,
    user: Users = None,
    activity: Activities = None,
    start: From = None,
    end: To = None,
    json_output: Json = False,
) -> None:
    """Count events over time, split by activity, user, address or outcome."""
    settings = QuerySettings()
    wanted = _filter(settings, user, activity, start, end)
    tz = zone(settings.time_zone)
    with _log(settings) as log:
        found = log.buckets(wanted, interval=interval, by=by, time_zone=settings.time_zone)
    console = _console()
    if json_output:
        rows = [
            {
                "start": bucket.start.astimezone(tz).isoformat(),
                "count": bucket.count,
                **({"parts": dict(bucket.parts), "other": bucket.other} if by else {}),
            }
            for bucket in found
        ]
        sys.stdout.write(json.dumps(rows) + "\n")
    elif not found:
        _explain_nothing(console, settings, wanted)
    else:
        console.print(buckets_table(found, tz, settings.time_zone, width=console.width))


def top(
    by: Annotated[Dimension, typer.Argument(help="What to rank.")],
    user: Users = None,
    activity: Activities = None,
    start: From = None,
    end: To = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many values, at most.")] = 10,
    json_output: Json = False,
) -> None:
    """Rank activities, users, addresses or outcomes by their number of events."""
    settings = QuerySettings()
    wanted = _filter(settings, user, activity, start, end)
    with _log(settings) as log:
        ranked = log.top(wanted, by, size=limit)
    if json_output:
        rows = [{"value": row.value, "count": row.count} for row in ranked]
        sys.stdout.write(json.dumps(rows) + "\n")
    elif not ranked:
        _explain_nothing(_console(), settings, wanted)
    else:
        heading = by.capitalize() if by != "ip" else "IP Address"
        _console().print(ranking_table(ranked, heading))


def _filter(
    settings: QuerySettings,
    users: list[str] | None,
    activities: list[str] | None,
    start: str | None,
    end: str | None,
) -> Filter:
    now = datetime.now(zone(settings.time_zone))
    return Filter(
        users=tuple(users or ()),
        activities=tuple(activities or ()),
        start=parse_time(start, now) if start else None,
        end=parse_time(end, now) if end else None,
    )


def _console() -> Console:
    """Return a console as wide as the terminal; a pipe has no width, so nothing is cut there."""
    console = Console(emoji=False)
    return console if console.is_terminal else Console(width=_PIPE_WIDTH, emoji=False)


def _explain_nothing(console: Console, settings: QuerySettings, wanted: Filter) -> None:
    """Say what kept all events out: an empty log, a name that no event has, or the time."""
    with _log(settings) as log:
        known = {row.value for row in log.top(Filter(), "activity", size=1000)}
        strange = [user for user in wanted.users if not log.count(Filter(users=(user,)))]
    if not known:
        console.print("The log is empty. What may be missing, says: auditlog doctor")
        return
    for activity in wanted.activities:
        if activity not in known:
            near = difflib.get_close_matches(activity, sorted(known), 1, 0.5)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(known))}"
            console.print(f"No event has activity {activity!r}{hint}", markup=False, highlight=False)
    for user in strange:
        console.print(
            f"No event is by {user!r}: give a whole id or name, in capitals and small letters as it is",
            markup=False,
            highlight=False,
        )
    if not strange and known.issuperset(wanted.activities):
        console.print("No events match. Widen --from and --to, or leave a filter out")


def _log(settings: QuerySettings) -> AuditLog:
    return AuditLog(settings, seconds=settings.query_seconds)
