"""How reports are printed for programs, and how far they have come."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from audit_runtime.terminal import print_json, progress_bar
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from audit_query.csv_format import CsvFormat, csv_cell
from audit_query.reports.windows import Progress

__all__ = ["Csv", "print_csv", "print_lines", "progress_of_count"]

Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, for a spreadsheet.")]


def print_lines(rows: Iterable[dict[str, Any]]) -> None:
    """Print JSON, a row a line."""
    for row in rows:
        print_json(row)


def print_csv(rows: Iterable[dict[str, Any]], form: CsvFormat) -> None:
    """Write rows of one form, with a heading; no row, no heading."""
    for number, row in enumerate(rows):
        if not number:
            sys.stdout.buffer.write(form.heading(row))
        sys.stdout.buffer.write(form.rows([[csv_cell(value) for value in row.values()]]))
    sys.stdout.buffer.flush()


@contextmanager
def progress_of_count() -> Iterator[Progress]:
    """Give a function that advances a bar; printed rows go above it."""
    with progress_bar(MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("Counting", total=None)

        def advance(done: int, total: int) -> None:
            if total:
                bar.update(task, total=total)
            bar.advance(task, done)

        yield advance
