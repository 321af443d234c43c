"""`auditlog dead-letters list | show | replay`."""

import sys
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from audit_consumer import ConsumerSettings
from audit_runtime import stop_requests
from audit_runtime.terminal import Json, print_json, print_lines, report_progress
from audit_schemas import parse_time, zone
from pydantic import Field

from audit_admin.dead_letters.dead_letter import Selection
from audit_admin.dead_letters.reader import DeadLetterReader
from audit_admin.dead_letters.replay import replay
from audit_admin.dead_letters.replay_text import (
    count_of_records,
    no_match,
    other_records,
    problems,
    result_json,
    result_lines,
)
from audit_admin.dead_letters.summary import summarize
from audit_admin.dead_letters.text import (
    dead_letter_json,
    dead_letter_lines,
    reason_json,
    reason_lines,
    shown,
)
from audit_admin.errors import SelectionError
from audit_admin.topic_reader import TopicReader

__all__ = ["DeadLetterSettings", "register"]

_INTERRUPTED = 130

Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", help="Only this reason, such as unknown-activity; may be repeated."),
]
Activities = Annotated[
    list[str] | None, typer.Option("--activity", help="Only events of this activity; may be repeated.")
]
Ids = Annotated[
    list[str] | None, typer.Option("--id", help="Only the event with this id; may be repeated.")
]
From = Annotated[
    str | None,
    typer.Option("--from", help="Refused at or after: 2026-11-23, 2026-11-23T09:30Z, -24h, today."),
]
To = Annotated[str | None, typer.Option("--to", help="Refused before; same formats as --from.")]
Partition = Annotated[
    int | None, typer.Option("--partition", min=0, help="Partition of the refused record.")
]
Offset = Annotated[int | None, typer.Option("--offset", min=0, help="Offset of the refused record.")]


class DeadLetterSettings(ConsumerSettings):
    """The consumer's settings, and the time zone in which times are read and shown."""

    time_zone: str = Field("UTC", description="As for queries.")

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone. Raises SelectionError."""
        try:
            return zone(self.time_zone)
        except ValueError as error:
            raise SelectionError(f"AUDITLOG_TIME_ZONE: {error}") from None


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = typer.Typer(
        name="dead-letters",
        no_args_is_help=True,
        help="List, show and replay records that consumers refused.",
    )
    commands.command("list", epilog="Example: auditlog dead-letters list --from -24h")(list_command)
    commands.command("show", epilog="Example: auditlog dead-letters show --reason malformed --limit 3")(
        show_command
    )
    commands.command(
        "replay", epilog="Example: auditlog dead-letters replay --reason unknown-activity --dry-run"
    )(replay_command)
    app.add_typer(commands)


def list_command(
    reason: Reasons = None,
    activity: Activities = None,
    event_id: Ids = None,
    start: From = None,
    end: To = None,
    partition: Partition = None,
    offset: Offset = None,
    json_output: Json = False,
) -> None:
    """Count dead letters by reason: how many, since when, whether replayed, with an example.

    A record that was dead-lettered more than once because of a crash counts once.
    """
    settings = DeadLetterSettings()
    tz = settings.zone
    selection = _selection(settings, reason, activity, event_id, start, end, partition, offset)
    with TopicReader(settings) as reader, report_progress(hidden=json_output) as report:
        summary = summarize(DeadLetterReader(reader, settings.dead_letter_topic), selection, report)
    reasons = sorted(summary.by_reason.values(), key=lambda reason: -reason.records)
    if json_output:
        print_json([reason_json(reason) for reason in reasons])
        return
    for reason_summary in reasons:
        print_lines(*reason_lines(reason_summary, tz))
    if not reasons:
        print_lines(no_match(summary))
    else:
        print_lines(
            f"{count_of_records(summary.records)} in total; times are in {settings.time_zone}. "
            "To see each of them: auditlog dead-letters show"
        )
    print_lines(*other_records(summary.other_topics, summary.unrecognized))


def show_command(
    reason: Reasons = None,
    activity: Activities = None,
    event_id: Ids = None,
    start: From = None,
    end: To = None,
    partition: Partition = None,
    offset: Offset = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of records.")] = 10,
    full: Annotated[bool, typer.Option("--full", help="Do not shorten anything.")] = False,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print complete dead letters, one JSON object per line.")
    ] = False,
) -> None:
    r"""Show each dead letter, oldest first: where, when, why, and the original bytes.

    The output is safe for a terminal: control characters are shown as \uXXXX, bytes that are not UTF-8
    as \xNN.
    """
    settings = DeadLetterSettings()
    tz = settings.zone
    selection = _selection(settings, reason, activity, event_id, start, end, partition, offset)
    with TopicReader(settings) as topic_reader:
        reader = DeadLetterReader(topic_reader, settings.dead_letter_topic)
        with report_progress(hidden=json_output) as report:
            summary = summarize(reader, selection, report)
        for dead_letter in islice(reader.dead_letters(selection), min(limit, summary.records)):
            if json_output:
                print_json(dead_letter_json(dead_letter, summary.journal))
            else:
                print_lines(*dead_letter_lines(dead_letter, summary.journal, tz, full=full), "")
    if not json_output and not summary.records:
        print_lines(no_match(summary))
    elif not json_output and summary.records > limit:
        print_lines(f"{limit:,} of {count_of_records(summary.records)}; more with --limit")


def replay_command(
    reason: Reasons = None,
    activity: Activities = None,
    event_id: Ids = None,
    start: From = None,
    end: To = None,
    partition: Partition = None,
    offset: Offset = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be published.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also replay what was replayed before, even successfully.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Publish dead letters again, with their original bytes, key, headers and event ids.

    Do this once the cause is fixed, for example after adding an activity to the catalogue. Records that
    were replayed before are skipped. Without a filter, all dead letters are replayed. Exits with status
    1 if any could not be published or was not acknowledged.
    """
    settings = DeadLetterSettings()
    selection = _selection(settings, reason, activity, event_id, start, end, partition, offset)
    with stop_requests() as stop, report_progress(hidden=json_output) as report:
        summary, result = replay(
            settings, selection, again=again, dry_run=dry_run, report=report, is_stopped=stop.is_set
        )
    if json_output:
        print_json(result_json(result, dry_run=dry_run))
    else:
        print_lines(*result_lines(result, summary, settings.topic, dry_run=dry_run))
    for problem in problems(result):
        sys.stderr.write(f"auditlog: {shown(problem)}\n")
    if stop.is_set():
        raise typer.Exit(_INTERRUPTED)
    if not result.is_complete:
        raise typer.Exit(1)


def _selection(
    settings: DeadLetterSettings,
    reasons: list[str] | None,
    activities: list[str] | None,
    ids: list[str] | None,
    start: str | None,
    end: str | None,
    partition: int | None,
    offset: int | None,
) -> Selection:
    now = datetime.now(settings.zone)
    try:
        first = parse_time(start, now).astimezone(UTC) if start else None
        last = parse_time(end, now).astimezone(UTC) if end else None
    except ValueError as error:
        raise SelectionError(str(error)) from None
    if first is not None and last is not None and first >= last:
        raise SelectionError(f"--from {start} must be before --to {end}")
    return Selection(
        settings.topic,
        tuple(reasons or ()),
        tuple(activities or ()),
        tuple(ids or ()),
        first,
        last,
        partition,
        offset,
    )
