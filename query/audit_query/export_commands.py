"""`auditlog export`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from audit_query.commands import asked_filter
from audit_query.errors import ParameterError
from audit_query.export import MEDIA_TYPES, Format, export
from audit_query.log import AuditLog
from audit_query.options import asks
from audit_query.question import Question
from audit_query.settings import QuerySettings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export", epilog="Example: auditlog export failed.csv --activity login-failed")(
        asks(export_command)
    )


def export_command(
    question: Question,
    file: Annotated[Path, typer.Argument(help="Where to write, by its ending: .csv or .ndjson; or -.")],
    form: Annotated[
        Format | None, typer.Option("--format", help="csv or ndjson, whatever the file is called.")
    ] = None,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="Else oldest first.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
) -> None:
    """Write all events that match to a file, however many: whole (ndjson) or as a table (csv)."""
    form = form or _format_of(file)
    if file.exists() and str(file) != "-" and not force:
        raise ParameterError("FILE", f"{file} exists; add --force to write over it")
    settings = QuerySettings()
    wanted = asked_filter(question, settings)
    with (
        AuditLog(settings, seconds=settings.query_seconds) as log,
        _written(file) as out,
        _progress() as progress,
    ):
        task = progress.add_task("Exporting", total=log.count(wanted))
        for events, rows in export(log, wanted, form, newest_first=newest_first):
            out.write(rows)
            progress.advance(task, events)


def _format_of(file: Path) -> Format:
    for form in MEDIA_TYPES:
        if file.suffix == f".{form}":
            return form
    raise ParameterError("--format", "give csv or ndjson, or a FILE that ends in .csv or .ndjson")


@contextmanager
def _written(file: Path) -> Iterator[BinaryIO]:
    """Give a file that appears under its name when it is whole; else what there was stays."""
    if str(file) == "-":
        yield sys.stdout.buffer
        return
    part = file.with_name(f"{file.name}.part")
    try:
        with part.open("wb") as out:
            yield out
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _progress() -> Progress:
    console = Console(stderr=True, emoji=False)
    name = TextColumn("{task.description}")
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(name, *columns, console=console, disable=not console.is_terminal)
