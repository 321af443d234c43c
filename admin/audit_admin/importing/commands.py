"""`auditlog import`."""

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from audit_producer import AuditProducer, PublishError, UndeliveredError
from audit_producer.publishing import PublisherSettings, file_size, opened, publishing_bar
from audit_runtime import output_file
from audit_runtime.terminal import print_json, print_lines
from audit_schemas import AuditEvent, EventRefusedError, encode, printable
from rich.console import Console

from audit_admin.importing.errors import MappingError
from audit_admin.importing.mapping import Mapping, load_mapping
from audit_admin.importing.rows import Row, read_rows
from audit_admin.importing.rules import RowError
from audit_admin.importing.translate import Translator

__all__ = ["register"]

_SHOWN_REJECTS = 20
_EXAMPLE = (
    "Example: auditlog import admin-log.csv --mapping admin-log.toml --dry-run; then without --dry-run"
)


@dataclass(slots=True)
class _Counts:
    """What became of the rows."""

    rows: int = 0
    activities: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import", epilog=_EXAMPLE)(import_command)


def import_command(
    file: Annotated[
        str, typer.Argument(help="CSV or NDJSON file of another log; - reads standard input.")
    ],
    mapping_file: Annotated[
        Path, typer.Option("--mapping", help="TOML file that says how a row becomes an event.")
    ],
    rejects: Annotated[
        Path | None,
        typer.Option(help="Write rejected rows to this NDJSON file, with the reasons."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Publish nothing; show the first events, and counts.")
    ] = False,
    show: Annotated[int, typer.Option(min=0, help="Number of events that --dry-run shows.")] = 3,
    json_output: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Import a file of another audit log, by means of a mapping file; safe to repeat.

    Event ids are derived from the rows, so importing a file again adds nothing. Rows that can't be
    translated are reported with line number and reason, and the exit status is 1 if there are any: fix
    the mapping, and import the whole file again. Events older than 400 days need a higher
    AUDITLOG_MAX_PAST_DAYS, here and for the consumers.
    """
    mapping = load_mapping(mapping_file)
    notes = Console(stderr=True, emoji=False)
    result = _Counts()
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(opened(file))
        reject = stack.enter_context(_rejecting(rejects, notes, result))
        take, counts = _takers(stack, dry_run=dry_run, show=0 if json_output else show)
        progress = stack.enter_context(publishing_bar(notes))
        task = progress.add_task("Importing", total=file_size(source), events=0)
        translator = Translator(mapping)
        for row in _checked(read_rows(source, mapping.file_format), mapping):
            result.rows += 1
            try:
                event = translator.event_of(row)
                take(event)
            except RowError as error:
                reject(row, error.path, str(error))
            except EventRefusedError as refused:
                reject(row, refused.path, "; ".join(p.message for p in refused.problems[:3]))
            else:
                result.activities[event.event.action] += 1
            if result.rows % 100 == 0 and progress.tasks[task].total:
                progress.update(task, completed=source.tell(), events=result.rows)
    _report(result, counts(), rejects, dry_run=dry_run, json_output=json_output)
    if result.rejected:
        raise typer.Exit(1)


def _takers(
    stack: contextlib.ExitStack, *, dry_run: bool, show: int
) -> tuple[Callable[[AuditEvent], None], Callable[[], int]]:
    """Return a function that takes an event, and one that counts the events that Kafka has."""
    settings = PublisherSettings()
    if dry_run:
        catalogue, bounds = settings.load_catalogue(), settings.time_bounds()
        left = [show]

        def look(event: AuditEvent) -> None:
            bounds.check(event.timestamp, datetime.now(UTC))
            catalogue.check(event)
            if left[0] > 0:
                left[0] -= 1
                whole = json.dumps(json.loads(encode(event)), indent=2, ensure_ascii=False)
                sys.stdout.write(whole + "\n")

        return look, lambda: 0
    producer = AuditProducer(settings)
    producer.check()
    stack.enter_context(_closing(producer))

    def publish(event: AuditEvent) -> None:
        producer.publish(event)

    return publish, lambda: producer.counts.delivered


@contextlib.contextmanager
def _closing(producer: AuditProducer) -> Iterator[None]:
    try:
        with producer:
            yield
        if producer.counts.undelivered:
            raise UndeliveredError(producer.counts.undelivered)
    except UndeliveredError as error:
        raise PublishError(
            f"{error}. Import the file again: events that did arrive will not be duplicated"
        ) from error


def _checked(rows: Iterator[Row], mapping: Mapping) -> Iterator[Row]:
    """Pass rows on. Raises MappingError if a CSV file lacks a column that the mapping names."""
    is_checked = mapping.file_format.kind != "csv"
    for row in rows:
        if not is_checked and row.problem is None:
            is_checked = True
            if missing := sorted(mapping.sources() - set(row.fields)):
                present = printable(", ".join(row.fields))[:500]
                raise MappingError(f"the file has no column {missing[0]!r}; it has {present}")
        yield row


@contextlib.contextmanager
def _rejecting(
    target: Path | None, notes: Console, result: _Counts
) -> Iterator[Callable[[Row, str, str], None]]:
    """Give a function that reports a rejected row: to standard error, and to the file if given."""
    with contextlib.ExitStack() as stack:
        out: BinaryIO | None = None
        if target is not None:
            out = stack.enter_context(output_file(target))

        def reject(row: Row, path: str, why: str) -> None:
            result.rejected[f"{path}: {why}" if path else why] += 1
            if out is not None:
                line = {"line": row.number, "path": path, "reason": why, "row": row.fields}
                out.write(json.dumps(line).encode() + b"\n")
            many = result.rejected.total()
            if out is None or many <= _SHOWN_REJECTS:
                said = printable(f"line {row.number}: {path + ': ' if path else ''}{why}")
                notes.print(said, markup=False, highlight=False, soft_wrap=True)
            elif many == _SHOWN_REJECTS + 1:
                notes.print(
                    f"more rejected rows in {target}", markup=False, highlight=False, soft_wrap=True
                )

        yield reject


def _report(
    result: _Counts, delivered: int, rejects: Path | None, *, dry_run: bool, json_output: bool
) -> None:
    rejected = result.rejected.total()
    if json_output:
        data = {
            "rows": result.rows,
            "published": delivered,
            "rejected": rejected,
            "activities": dict(result.activities),
            "rejected_because": dict(result.rejected.most_common(100)),
            "dry_run": dry_run,
        }
        print_json(data)
        return
    good = result.activities.total()
    lines = [f"{good:,} rows would be published" if dry_run else f"{delivered:,} rows published"]
    lines += [f"  {count:,} {activity}" for activity, count in result.activities.most_common()]
    if rejected:
        lines.append(f"{rejected:,} rows rejected" + (f", see {rejects}" if rejects else ""))
        lines += [f"  {count:,} {printable(why)}" for why, count in result.rejected.most_common(10)]
    print_lines(*lines)
