"""`auditlog dead-letters list | show | replay`."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from audit_consumer import ConsumerSettings
from audit_runtime.terminal import Json, print_lines, report_progress
from audit_schemas import parse_time, zone
from pydantic import Field

from audit_admin.dead_letters.dead_letter import Letter, LetterBox, Selection
from audit_admin.dead_letters.replay import replay
from audit_admin.dead_letters.replay_text import (
    beside,
    counted,
    nothing,
    problems,
    result_json,
    result_lines,
)
from audit_admin.dead_letters.survey import survey
from audit_admin.dead_letters.text import (
    group_json,
    group_lines,
    letter_json,
    letter_lines,
    shown,
)
from audit_admin.errors import SelectionError
from audit_admin.reader import Reader

__all__ = ["LetterSettings", "register"]

_INTERRUPTED = 130

Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", help="A reason, such as unknown-activity; may be repeated."),
]
Activities = Annotated[
    list[str] | None, typer.Option("--activity", help="An event's activity; may be repeated.")
]
Ids = Annotated[list[str] | None, typer.Option("--id", help="An event's id; may be repeated.")]
From = Annotated[
    str | None,
    typer.Option("--from", help="Refused from then on: 2026-11-23, 2026-11-23T09:30Z, -24h, today."),
]
To = Annotated[
    str | None, typer.Option("--to", help="Refused before, but not at, then; forms as --from.")
]
Partition = Annotated[
    int | None, typer.Option("--partition", min=0, help="Where the refused record stood.")
]
Offset = Annotated[int | None, typer.Option("--offset", min=0, help="Where the refused record stood.")]


class LetterSettings(ConsumerSettings):
    """What the commands need besides: the zone that times are read and shown in."""

    time_zone: str = Field("UTC", description="As of the queries.")

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone. Raises SelectionError."""
        try:
            return zone(self.time_zone)
        except ValueError as error:
            raise SelectionError(f"AUDITLOG_TIME_ZONE: {error}") from None


def register(app: typer.Typer) -> None:
    """Add the commands."""
    letters = typer.Typer(
        name="dead-letters",
        no_args_is_help=True,
        help="Refused records: what they are, why, and how to publish them again.",
    )
    letters.command("list", epilog="Example: auditlog dead-letters list --from -24h")(list_command)
    letters.command("show", epilog="Example: auditlog dead-letters show --reason malformed --limit 3")(
        show_command
    )
    letters.command(
        "replay", epilog="Example: auditlog dead-letters replay --reason unknown-activity --dry-run"
    )(replay_command)
    app.add_typer(letters)


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
    """Count dead letters by reason: how many, since when, what became of them, and an example.

    A record that was refused more than once by a crash counts once, its copies besides.
    """
    settings = LetterSettings()
    tz = settings.zone
    wanted = _selection(settings, reason, activity, event_id, start, end, partition, offset)
    with Reader(settings) as reader, report_progress(hidden=json_output) as report:
        found = survey(LetterBox(reader, settings.dead_letter_topic), wanted, report)
    groups = sorted(found.groups.values(), key=lambda group: -group.records)
    if json_output:
        _print_json([group_json(group) for group in groups])
        return
    for group in groups:
        print_lines(*group_lines(group, tz))
    if not groups:
        print_lines(nothing(found))
    else:
        print_lines(
            f"{counted(found.records)} in all; times are {settings.time_zone}. "
            "One by one: auditlog dead-letters show"
        )
    print_lines(*beside(found.elsewhere, found.strange))


def show_command(
    reason: Reasons = None,
    activity: Activities = None,
    event_id: Ids = None,
    start: From = None,
    end: To = None,
    partition: Partition = None,
    offset: Offset = None,
    limit: Annotated[int, typer.Option(min=1, help="How many records, at most.")] = 10,
    full: Annotated[bool, typer.Option("--full", help="Cut nothing.")] = False,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print whole dead letters, one JSON object a line.")
    ] = False,
) -> None:
    r"""Show dead letters one by one, oldest first: where, when, why, and the bytes themselves.

    Whatever they hold, it does nothing to the terminal: control characters are shown as \uXXXX,
    bytes that are not UTF-8 as \xNN.
    """
    settings = LetterSettings()
    tz = settings.zone
    wanted = _selection(settings, reason, activity, event_id, start, end, partition, offset)
    with Reader(settings) as reader:
        box = LetterBox(reader, settings.dead_letter_topic)
        with report_progress(hidden=json_output) as report:
            found = survey(box, wanted, report)
        for letter in _first(box, wanted, min(limit, found.records)):
            if json_output:
                _print_json(letter_json(letter, found.ledger))
            else:
                print_lines(*letter_lines(letter, found.ledger, tz, full=full), "")
    if not json_output and not found.records:
        print_lines(nothing(found))
    elif not json_output and found.records > limit:
        print_lines(f"{limit:,} of {counted(found.records)}; more with --limit")


def replay_command(
    reason: Reasons = None,
    activity: Activities = None,
    event_id: Ids = None,
    start: From = None,
    end: To = None,
    partition: Partition = None,
    offset: Offset = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be published.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also what was replayed before, even if it got through.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Publish dead letters again: the original bytes, key and headers, so under the original id.

    Do it after what refused them was mended: an activity was added to the catalogue, say. What was
    replayed once is left alone from then on. Without a filter it is all of them. Exit status 1 if
    any could not be published, or was not acknowledged.
    """
    settings = LetterSettings()
    wanted = _selection(settings, reason, activity, event_id, start, end, partition, offset)
    with _stoppable() as stopped, report_progress(hidden=json_output) as report:
        found, result = replay(
            settings, wanted, again=again, dry_run=dry_run, report=report, stopped=stopped
        )
        was_stopped = stopped()
    if json_output:
        _print_json(result_json(result, dry_run=dry_run))
    else:
        print_lines(*result_lines(result, found, settings.topic, dry_run=dry_run))
    for problem in problems(result):
        sys.stderr.write(f"auditlog: {shown(problem)}\n")
    if was_stopped:
        raise typer.Exit(_INTERRUPTED)
    if not result.is_whole:
        raise typer.Exit(1)


def _selection(
    settings: LetterSettings,
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
        raise SelectionError(f"--from {start} is not before --to {end}")
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


def _first(box: LetterBox, wanted: Selection, limit: int) -> Iterator[Letter]:
    """Yield the first letter of each record, until there are enough."""
    seen: set[bytes] = set()
    for entry in box.entries() if limit else ():
        if isinstance(entry, Letter) and wanted.takes(entry) and entry.identity not in seen:
            seen.add(entry.identity)
            yield entry
            if len(seen) == limit:
                return


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C and SIGTERM end the work between two handfuls, and a second one at once."""
    requested = False

    def note(number: int, _: FrameType | None) -> None:
        nonlocal requested
        requested = True
        signal.signal(number, before[signal.Signals(number)])

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, note)
    try:
        yield lambda: requested
    finally:
        for number in numbers:
            signal.signal(number, before[number])


def _print_json(data: object) -> None:
    sys.stdout.write(json.dumps(data) + "\n")
