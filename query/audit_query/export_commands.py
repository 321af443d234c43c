"""`auditlog export`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from audit_runtime import output_file
from audit_runtime.terminal import progress_bar
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from audit_query.commands import resolve_filter
from audit_query.csv_format import CsvFormat
from audit_query.csv_options import CsvDelimiter, Excel
from audit_query.errors import ParameterError
from audit_query.export import MEDIA_TYPES, Format, export
from audit_query.filter_options import with_filter_options
from audit_query.log import AuditLog
from audit_query.query_spec import QuerySpec
from audit_query.settings import QuerySettings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export", epilog="Example: auditlog export failed.csv --activity login-failed")(
        with_filter_options(export_command)
    )


def export_command(
    spec: QuerySpec,
    file: Annotated[Path, typer.Argument(help="Where to write, by its ending: .csv or .ndjson; or -.")],
    kind: Annotated[
        Format | None, typer.Option("--format", help="csv or ndjson, whatever the file is called.")
    ] = None,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="Else oldest first.")] = False,
    delimiter: CsvDelimiter = "comma",
    excel: Excel = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
) -> None:
    """Write all events that match to a file, however many: whole (ndjson) or as a table (csv).

    The file is yours alone to read, and there only if it is complete.
    """
    kind = kind or _format_of(file)
    if file.exists() and str(file) != "-" and not force:
        raise ParameterError("FILE", f"{file} exists; add --force to write over it")
    settings = QuerySettings()
    wanted = resolve_filter(spec, settings)
    with (
        AuditLog(settings, seconds=settings.query_seconds) as log,
        _written(file) as out,
        progress_bar(MofNCompleteColumn(), TimeRemainingColumn()) as progress,
    ):
        task = progress.add_task("Exporting", total=log.count(wanted))
        for events, rows in export(
            log, wanted, kind, newest_first=newest_first, csv_format=CsvFormat(delimiter, excel)
        ):
            out.write(rows)
            progress.advance(task, events)


def _format_of(file: Path) -> Format:
    for kind in MEDIA_TYPES:
        if file.suffix == f".{kind}":
            return kind
    raise ParameterError("--format", "give csv or ndjson, or a FILE that ends in .csv or .ndjson")


@contextmanager
def _written(file: Path) -> Iterator[BinaryIO]:
    """Give a file that appears under its name when it is whole; else what there was stays."""
    if str(file) == "-":
        yield sys.stdout.buffer
        return
    with output_file(file) as out:
        yield out
