"""`auditlog import`."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from audit_producer import AuditProducer, PublishError, UndeliveredError
from audit_producer.publishing import PublisherSettings, file_size, opened, publishing_bar
from audit_runtime import output_file
from audit_schemas import AuditEvent, Catalogue, EventRefusedError, encode, printable, validate
from rich.console import Console

from audit_admin.importing.errors import ImportFileError, MappingError, RowError
from audit_admin.importing.explanation import print_explanation
from audit_admin.importing.findings import Findings
from audit_admin.importing.mapping import Mapping, load_mapping
from audit_admin.importing.outcome import Outcome, print_outcome
from audit_admin.importing.row import Fields, Row
from audit_admin.importing.rows import read_rows
from audit_admin.importing.translate import Translator
from audit_admin.importing.wire_fields import FEW_VALUED

__all__ = ["register"]

_SHOWN_REJECTS = 20
_EXAMPLE = (
    "Example: auditlog import admin-log.csv --mapping admin-log.toml --dry-run; then without --dry-run"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import", epilog=_EXAMPLE)(import_command)


def import_command(
    file: Annotated[
        str, typer.Argument(help="CSV or JSON file of another log; - reads standard input.")
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
    explain: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="ROW",
            help="Publish nothing; show what becomes of the row on this line of the file, or of this "
            "record of a JSON document, and why.",
        ),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Import a file of another audit log, by means of a mapping file; safe to repeat.

    Event ids are derived from the rows, so importing a file again adds nothing. Rows that can't be
    translated are reported with line number and reason, and the exit status is 1 if there are any: fix
    the mapping, and import the whole file again. At the end it says which fields were filled how often,
    and what looks wrong. Events older than 400 days need a higher AUDITLOG_MAX_PAST_DAYS, here and for
    the consumers.
    """
    if rejects is not None and rejects.exists() and rejects.resolve() == Path(file).resolve():
        raise typer.BadParameter("it would replace the file to import", param_hint="--rejects")
    mapping = load_mapping(mapping_file)
    if explain is not None:
        _explain(file, mapping, explain)
        return
    notes = Console(stderr=True, emoji=False)
    settings = PublisherSettings()
    catalogue = settings.load_catalogue()
    outcome, findings = Outcome(), Findings(mapping, catalogue)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(opened(file))
        reject = stack.enter_context(_rejecting(rejects, notes, outcome))
        shown = 0 if json_output else show
        translator = Translator(mapping)
        take, counts = _takers(
            stack, settings, catalogue, translator.written, dry_run=dry_run, show=shown
        )
        progress = stack.enter_context(publishing_bar(notes))
        task = progress.add_task("Importing", total=file_size(source), events=0)
        for row in _checked(read_rows(source, mapping.file_format), mapping):
            outcome.rows += 1
            records = translator.records_of(row)
            outcome.skipped += not records
            for record in records:
                try:
                    values = translator.values_of(record)
                    take(values)
                except RowError as error:
                    reject(record, error.path, str(error))
                except EventRefusedError as refused:
                    reject(record, refused.path, "; ".join(p.message for p in refused.problems[:3]))
                else:
                    outcome.activities[values["event.action"]] += 1
                    findings.note(record.fields, values)
            if outcome.rows % 100 == 0 and progress.tasks[task].total:
                progress.update(task, completed=source.tell(), events=outcome.rows)
    print_outcome(outcome, findings, counts(), rejects, dry_run=dry_run, json_output=json_output)
    if outcome.rejected:
        raise typer.Exit(1)


def _explain(file: str, mapping: Mapping, number: int) -> None:
    """Show what one row becomes. Raises ImportFileError if there is no such row."""
    settings = PublisherSettings()
    catalogue, bounds = settings.load_catalogue(), settings.time_bounds()

    def check(event: AuditEvent) -> None:
        catalogue.check(event)
        bounds.check(event.timestamp, datetime.now(UTC))

    translator = Translator(mapping)
    last = 0
    with opened(file) as source:
        for row in _checked(read_rows(source, mapping.file_format), mapping):
            last = row.number
            if row.number > number:
                break
            if row.number == number:
                print_explanation(row, translator, check)
                return
            translator.pass_over(row)
    raise ImportFileError(f"{file} has no row {number}; the nearest one is {last}")


def _takers(
    stack: contextlib.ExitStack,
    settings: PublisherSettings,
    catalogue: Catalogue,
    written: Callable[[Fields], dict[str, Any]],
    *,
    dry_run: bool,
    show: int,
) -> tuple[Callable[[Fields], object], Callable[[], int]]:
    """Return a function that takes an event's values, and one that counts the events that Kafka has."""
    if dry_run:
        bounds = settings.time_bounds()
        left = [show]

        def look(values: Fields) -> None:
            event = validate(written(values))
            catalogue.check(event)
            bounds.check(
                event.timestamp, datetime.now(UTC)
            )  # last: what is wrong otherwise comes first
            if left[0] > 0:
                left[0] -= 1
                whole = json.dumps(json.loads(encode(event)), indent=2, ensure_ascii=False)
                sys.stdout.write(whole + "\n")

        return look, lambda: 0
    producer = AuditProducer(settings)
    producer.check()
    stack.enter_context(_closing(producer))
    publish = producer.publisher(written, fixed=FEW_VALUED)
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
            if missing := mapping.missing_column(row.fields):
                present = printable(", ".join(row.fields))[:500]
                raise MappingError(
                    f"the file has no column {missing!r}; it has {present}. If lines stand above the "
                    "header, set skip_lines in [source]"
                )
        yield row


@contextlib.contextmanager
def _rejecting(
    target: Path | None, notes: Console, outcome: Outcome
) -> Iterator[Callable[[Row, str, str], None]]:
    """Give a function that reports a rejected row: to standard error, and to the file if given."""
    with contextlib.ExitStack() as stack:
        out: BinaryIO | None = None
        if target is not None:
            out = stack.enter_context(output_file(target))

        def reject(row: Row, path: str, why: str) -> None:
            outcome.reject(f"{path}: {why}" if path else why)
            if out is not None:
                number = {"record" if row.is_record else "line": row.number}
                entry = {} if row.entry is None else {"entry": row.entry + 1}
                fields = row.fields if row.raw is None else row.raw
                line = number | entry | {"path": path, "reason": why, "row": fields}
                out.write(json.dumps(line).encode() + b"\n")
            many = outcome.rejected
            if out is None or many <= _SHOWN_REJECTS:
                said = printable(f"{row.place}: {path + ': ' if path else ''}{why}")
                notes.print(said, markup=False, highlight=False, soft_wrap=True)
            elif many == _SHOWN_REJECTS + 1:
                notes.print(
                    f"more rejected rows in {target}", markup=False, highlight=False, soft_wrap=True
                )

        yield reject
