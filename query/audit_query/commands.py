"""`auditlog search`, `show`, `buckets`, `top`, `seen` and `tail`."""

import sys
import time
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated

import typer
from audit_runtime import did_you_mean
from audit_runtime.terminal import Json, new_console, print_json
from rich.console import Console

from audit_query.aggregations import Dimension
from audit_query.claims import warning_of
from audit_query.filter import Filter
from audit_query.filter_options import with_filter_options
from audit_query.intervals import AUTO
from audit_query.log import AuditLog
from audit_query.query_spec import QuerySpec
from audit_query.settings import QuerySettings
from audit_query.tables import (
    ROW_FIELDS,
    buckets_table,
    event_table,
    events_table,
    ranking_table,
    row_of,
    seen_table,
)
from audit_query.tail import follow
from audit_query.time_range import zone

__all__ = ["explain_no_events", "register", "resolve_filter"]

JsonLines = Annotated[bool, typer.Option("--json", help="Print whole events, one JSON object a line.")]


def register(app: typer.Typer) -> None:
    """Add this component's commands."""
    app.command(epilog="Example: auditlog search --user u-007 --activity login --from -24h")(
        with_filter_options(search)
    )
    app.command(epilog="Example: auditlog show 019ab3f0-7a51-7cc3-98a2-6b1e2f3a4c5d")(show)
    app.command(epilog="Example: auditlog buckets --interval 1h --by activity --from today")(
        with_filter_options(buckets)
    )
    app.command(epilog="Example: auditlog top ip --activity login-failed --from -7d")(
        with_filter_options(top)
    )
    app.command(epilog="Example: auditlog seen --ip 203.0.113.0/24")(with_filter_options(seen))
    app.command(epilog="Example: auditlog tail --activity login-failed")(with_filter_options(tail))


def search(
    spec: QuerySpec,
    limit: Annotated[int, typer.Option(min=1, help="How many events, at most.")] = 50,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Else newest first.")] = False,
    json_output: JsonLines = False,
) -> None:
    """Show events: Date and Time, User, IP Address, Activity."""
    settings = QuerySettings()
    wanted = resolve_filter(spec, settings)
    with AuditLog(settings, seconds=settings.query_seconds) as log:
        fields = None if json_output else ROW_FIELDS
        events = log.iter_events(wanted, limit=limit, newest_first=not oldest_first, fields=fields)
        if json_output:
            for event in events:
                print_json(event)
            return
        shown = list(events)
        total = log.count(wanted)
        console = new_console()
        if not shown:
            explain_no_events(console, log, wanted)
            return
    console.print(events_table(shown, zone(settings.time_zone), settings.time_zone))
    if total > len(shown):
        console.print(f"{len(shown):,} of {total:,} events; more with --limit", highlight=False)


def show(
    event_id: Annotated[str, typer.Argument(help="The event's id.")], json_output: Json = False
) -> None:
    """Show one event, whole: every field, and changes as before and after.

    The text as it was published (event.original), if it is kept, is only printed with --json.
    """
    settings = QuerySettings()
    with AuditLog(settings, seconds=settings.query_seconds) as log:
        claims = log.claims(event_id)
    if not claims:
        raise typer.BadParameter(f"no event has the id {event_id!r}", param_hint="EVENT_ID")
    if json_output:
        print_json(claims[0])
    else:
        new_console().print(event_table(claims[0]))
    if warning := warning_of(claims):
        typer.echo(f"Warning: {warning}.", err=True)


def buckets(
    spec: QuerySpec,
    interval: Annotated[
        str,
        typer.Option(help="15m, 1h, 1d; minute, hour, day, week, month, quarter, year; or auto."),
    ] = AUTO,
    by: Annotated[Dimension | None, typer.Option(help="Split each interval by this.")] = None,
    json_output: Json = False,
) -> None:
    """Count events over time, split by activity, user, address or another field."""
    settings = QuerySettings()
    wanted = resolve_filter(spec, settings)
    tz = zone(settings.time_zone)
    with AuditLog(settings, seconds=settings.query_seconds) as log:
        histogram = log.buckets(wanted, interval=interval, by=by, time_zone=settings.time_zone)
        console = new_console()
        if not any(bucket.count for bucket in histogram.buckets) and not json_output:
            explain_no_events(console, log, wanted)
            return
    if json_output:
        print_json(
            [
                {
                    "start": bucket.start.astimezone(tz).isoformat(),
                    "count": bucket.count,
                    **({"parts": dict(bucket.parts), "other": bucket.other} if by else {}),
                }
                for bucket in histogram.buckets
            ]
        )
    else:
        console.print(buckets_table(histogram.buckets, tz, settings.time_zone, width=console.width))


def top(
    spec: QuerySpec,
    by: Annotated[Dimension, typer.Argument(help="What to rank.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many values, at most.")] = 10,
    json_output: Json = False,
) -> None:
    """Rank activities, users, addresses or another field's values by their number of events."""
    settings = QuerySettings()
    wanted = resolve_filter(spec, settings)
    with AuditLog(settings, seconds=settings.query_seconds) as log:
        ranked = log.top(wanted, by, size=limit)
        if not ranked and not json_output:
            explain_no_events(new_console(), log, wanted)
            return
    if json_output:
        print_json([{"value": row.value, "count": row.count} for row in ranked])
    else:
        heading = by.capitalize() if by != "ip" else "IP Address"
        new_console().print(ranking_table(ranked, heading))


def seen(spec: QuerySpec, json_output: Json = False) -> None:
    """Show how many events match, and when the first and the last happened."""
    settings = QuerySettings()
    wanted = resolve_filter(spec, settings)
    tz = zone(settings.time_zone)
    with AuditLog(settings, seconds=settings.query_seconds) as log:
        summary = log.seen(wanted)
        if not summary.count and not json_output:
            explain_no_events(new_console(), log, wanted)
            return
    if json_output:
        times = {"first": summary.first, "last": summary.last}
        shown = {name: at and at.astimezone(tz).isoformat() for name, at in times.items()}
        print_json({"count": summary.count, **shown})
    else:
        new_console().print(seen_table(summary, tz, settings.time_zone))


def tail(
    spec: QuerySpec,
    lines: Annotated[int, typer.Option(min=0, max=1000, help="Start with so many.")] = 10,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two polls.")] = 1.0,
    json_output: JsonLines = False,
) -> None:
    """Show events as they arrive, until Ctrl-C; also those that happened long ago."""
    settings = QuerySettings()
    wanted = resolve_filter(spec, settings)
    tz = zone(settings.time_zone)
    console = new_console()
    with AuditLog(settings, seconds=settings.query_seconds) as log, suppress(KeyboardInterrupt):
        fields = None if json_output else ROW_FIELDS
        wait = partial(time.sleep, every)
        for events in follow(log, wanted, first=lines, wait=wait, fields=fields):
            for event in events:
                if json_output:
                    print_json(event)
                else:
                    console.print("  ".join(row_of(event, tz)), markup=False, highlight=False)
            sys.stdout.flush()


def resolve_filter(spec: QuerySpec, settings: QuerySettings) -> Filter:
    """Return the filter that was asked for, at this time and in the set zone. Raises ParameterError."""
    return spec.filter(datetime.now(zone(settings.time_zone)))


def explain_no_events(console: Console, log: AuditLog, wanted: Filter) -> None:
    """Print why no event matches: an empty log, a name that no event has, or the time."""
    known = {row.value for row in log.top(Filter(), "activity", size=1000)}
    unknown = [user for user in wanted.users if not log.count(Filter(users=(user,)))]
    if not known:
        console.print("The log is empty. To find out why: auditlog doctor")
        return
    for activity in wanted.activities:
        if activity not in known:
            near = did_you_mean(activity, known, cutoff=0.5)
            hint = f"; did you mean {near}?" if near else f"; there are {', '.join(sorted(known))}"
            console.print(f"No event has activity {activity!r}{hint}", markup=False, highlight=False)
    for user in unknown:
        console.print(
            f"No event is by {user!r}: give a whole id or name; capitals and small letters matter",
            markup=False,
            highlight=False,
        )
    if not unknown and known.issuperset(wanted.activities):
        console.print("No events match. Widen --from and --to, or leave a filter out")
