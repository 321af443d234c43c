"""`auditlog forward`."""

from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from audit_query import AuditLog, parse_time, zone
from audit_runtime.logs import configure_logging
from audit_runtime.terminal import Json, new_console, print_json, print_lines
from audit_schemas import format_timestamp, printable
from rich.markup import escape
from rich.table import Table

from audit_forward.checks import check_streams
from audit_forward.counting import count_stream
from audit_forward.errors import ForwardError, NotDeliveredError, RefusedError
from audit_forward.horizon import Horizon
from audit_forward.marked_item import marked_item
from audit_forward.receivers import receiver_of
from audit_forward.service import encoder_of, open_states, run_history, run_streams
from audit_forward.settings import ForwardSettings
from audit_forward.status import StreamStatus, stream_statuses, target_of
from audit_forward.stream_file import load_streams

__all__ = ["register"]

Streams = Annotated[list[str] | None, typer.Argument(help="Streams by name; all by default.")]
Stream = Annotated[str, typer.Argument(help="A stream's name.")]
From = Annotated[str | None, typer.Option("--from", help="From then on: 2026-01-01, -24h.")]
To = Annotated[str | None, typer.Option("--to", help="Up to, but not including, then; by default now.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="Send events and alerts to other systems.")
    group.command("run", epilog="Example: auditlog forward run")(run)
    group.command("test", epilog="Example: auditlog forward test siem")(test)
    group.command("check", epilog="Example: auditlog forward check")(check)
    group.command("status", epilog="Example: auditlog forward status")(status)
    example = "Example: auditlog forward verify siem --from 2026-11-01 --to 2026-11-08"
    group.command("verify", epilog=example)(verify)
    group.command("dead-letters", epilog="Example: auditlog forward dead-letters siem")(dead_letters)
    app.add_typer(group, name="forward")


def run(
    streams: Streams = None,
    start: From = None,
    to: To = None,
    again: Annotated[
        bool, typer.Option("--again", help="Send a time that was sent whole before once more.")
    ] = False,
) -> None:
    """Forward streams of AUDITLOG_STREAMS until SIGTERM or Ctrl-C.

    With --from, forward one stream's events of that time from Elasticsearch and exit. A run that was
    broken off says by which command it goes on where it was; --again begins anew.
    """
    settings = ForwardSettings()
    found = load_streams(settings.folder, streams or ())
    configure_logging(settings.log_format)
    if start is None and to is None:
        run_streams(settings, found)
        return
    if start is None or len(found) != 1:
        raise typer.BadParameter("history needs one stream and --from", param_hint="--from")
    begin, end = _span(settings, start, to)
    done = run_history(settings, found[0], begin, end, again=again)
    said = "Forwarded" if done.is_done else "Broken off"
    print_lines(f"{said}: {done.delivered:,} events delivered, {done.dead_letters:,} refused for good")
    if not done.is_done:
        print_lines(f"Go on with: {_history_command(found[0].name, begin, end)}")
        raise typer.Exit(1)


def test(stream: Stream) -> None:
    """Send one marked event to a stream's receiver, and show what it answers."""
    settings = ForwardSettings()
    (found,) = load_streams(settings.folder, [stream])
    item = marked_item(found, encoder_of(found))
    with closing(receiver_of(found, settings)) as receiver:
        try:
            answer = receiver.send([item])
        except (NotDeliveredError, RefusedError) as error:
            what = "refused" if isinstance(error, RefusedError) else "not delivered"
            raise ForwardError(f"{item.id} was {what}: {error}") from None
    print_lines(f"Sent to {target_of(found)}:", item.body.decode(), f"Answer: {answer.text}")


def check(streams: Streams = None, json_output: Json = False) -> None:
    """Check streams' files and their receivers' settings, secrets among them; send nothing.

    Exits with 1 if anything is wrong. Whether a receiver takes events, only `test` can tell.
    """
    found = list(check_streams(ForwardSettings(), streams or ()))
    if json_output:
        print_json([asdict(each) for each in found])
    else:
        table = Table("STREAM", "TO", "STATE", box=None, pad_edge=False)
        for each in found:
            table.add_row(each.stream, _safe(each.to or "-"), _safe(each.problem or "ok"))
        new_console().print(table)
    if any(each.problem for each in found):
        raise typer.Exit(1)


def status(streams: Streams = None, json_output: Json = False) -> None:
    """Show how far each stream is, and what holds it up.

    DELETED are records of LAG that Kafka no longer has: these are taken from Elasticsearch.
    """
    settings = ForwardSettings()
    wanted = load_streams(settings.folder, streams or ())
    with (
        AuditLog(settings, seconds=settings.query_seconds) as log,
        open_states(settings) as states,
        closing(Horizon(settings, log)) as horizon,
    ):
        found = stream_statuses(settings, wanted, states, horizon)
    if json_output:
        print_json([asdict(each) for each in found])
        return
    table = Table("STREAM", "TO", box=None, pad_edge=False)
    for heading in ("LAG", "DELETED", "DELIVERED", "DEAD LETTERS"):
        table.add_column(heading, justify="right")
    table.add_column("STATE")
    for each in found:
        lag = "-" if each.lag is None else f"{each.lag:,}"
        counts = (lag, *(f"{n:,}" for n in (each.deleted, each.delivered, each.dead_letters)))
        table.add_row(each.stream, _safe(each.to), *counts, _safe(_in_words(each)))
    new_console().print(table)
    for each in found:
        for start, end in each.unfinished:
            print_lines(
                f"{each.stream}: history was broken off; go on with: "
                f"auditlog forward run {each.stream} --from {start} --to {end}"
            )


def verify(stream: Stream, start: From = None, to: To = None, json_output: Json = False) -> None:
    """Tell how many events of a time were delivered, of those that match the stream's filter.

    Exits with 1 if some are missing, and says how to send them.
    """
    settings = ForwardSettings()
    (found,) = load_streams(settings.folder, [stream])
    if start is None:
        raise typer.BadParameter("say from when", param_hint="--from")
    if found.what == "alerts":
        raise ForwardError(f"{stream} is a stream of alerts: only events can be counted")
    begin, end = _span(settings, start, to)
    with AuditLog(settings, seconds=settings.query_seconds) as log, open_states(settings) as states:
        counted = count_stream(log, states, found, settings.topic, begin, end)
    if json_output:
        print_json(asdict(counted))
    else:
        print_lines(
            f"matching      {counted.matching:>12,}",
            f"delivered     {counted.delivered:>12,}",
            f"dead letters  {counted.dead_letters:>12,}",
            f"waiting       {counted.waiting:>12,}",
            f"missing       {counted.missing:>12,}",
        )
    if counted.missing:
        message = f"{counted.missing:,} events were not sent, from {counted.first_missing} to "
        fix = _history_command(stream, begin, end)
        raise ForwardError(f"{message}{counted.last_missing}. Send them: {fix}")


def dead_letters(stream: Stream, json_output: Json = False) -> None:
    """List what a stream's receiver refused for good, with its answers: the oldest 1,000."""
    settings = ForwardSettings()
    (known,) = load_streams(settings.folder, [stream])
    with open_states(settings) as states:
        found = states.dead_letters(known.name)
    if json_output:
        print_json([asdict(each) for each in found])
        return
    if not found:
        print_lines(f"The receiver of {known.name} has refused nothing for good")
        return
    table = Table("HAPPENED", "EVENT", "PARTITION", "OFFSET", "ANSWER", box=None, pad_edge=False)
    for each in found:
        place = (str(each.partition), str(each.offset))
        table.add_row(each.happened, each.item, *place, _safe(each.answer[:200]))
    new_console().print(table)


def _safe(text: str) -> str:
    """Return text for a cell: a receiver's answer may hold terminal escapes, or the table's markup."""
    return escape(printable(text))


def _in_words(found: StreamStatus) -> str:
    if found.problem:
        return f"not delivered since {found.problem_since}: {found.problem[:200]}"
    if found.lag is None:
        return "has not begun: auditlog forward run"
    return "is forwarded" if found.is_forwarded else "no process forwards it: auditlog forward run"


def _history_command(stream: str, begin: datetime, end: datetime) -> str:
    """Return what sends that time, whenever it is given: what is relative to now would be another."""
    span = f"--from {format_timestamp(begin)} --to {format_timestamp(end)}"
    return f"auditlog forward run {stream} {span}"


def _span(settings: ForwardSettings, start: str, to: str | None) -> tuple[datetime, datetime]:
    now = datetime.now(zone(settings.time_zone))
    begin, end = parse_time(start, now), now if to is None else parse_time(to, now)
    if begin >= end:
        raise ForwardError(f"--from {start} is not before --to {to or 'now'}")
    return begin.astimezone(UTC), end.astimezone(UTC)
