"""How reports are printed for programs, and how far they have come."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Annotated, Any, Protocol

import typer
from audit_runtime.terminal import Json, print_json, progress_bar
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from audit_query.csv_format import CsvFormat, csv_cell
from audit_query.csv_options import CsvDelimiter, Excel
from audit_query.reports.flat_rows import flat_row
from audit_query.reports.windows import Progress
from audit_query.shared_options import with_shared_options

__all__ = ["Output", "progress_of_count", "with_output_options"]


class Row(Protocol):
    """A row of a report."""

    def to_json(self, zone: tzinfo, /) -> dict[str, Any]:
        """Return it as JSON has it, with times in a zone."""


_OPTIONS = {
    "json_output": (Json, False),
    "csv_output": (
        Annotated[bool, typer.Option("--csv", help="Print CSV, for a spreadsheet.")],
        False,
    ),
    "delimiter": (CsvDelimiter, "comma"),
    "excel": (Excel, False),
}


@dataclass(frozen=True, slots=True)
class Output:
    """How a command prints its rows: as a table, unless JSON or CSV is asked for."""

    is_json: bool
    is_csv: bool
    csv: CsvFormat

    def prints(
        self, rows: Iterable[Row], zone: tzinfo, activities: Callable[[], Iterable[str]] = tuple
    ) -> bool:
        """Print the rows for a program; False, and nothing is printed, where a table is asked for.

        JSON has times in the zone, CSV in UTC. `activities` are columns of CSV.
        """
        if self.is_json:
            for row in rows:
                print_json(row.to_json(zone))
        elif self.is_csv:
            columns = list(activities())
            self._print_csv(flat_row(row.to_json(UTC), columns) for row in rows)
        return self.is_json or self.is_csv

    def _print_csv(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows of one form, with a heading; no row, no heading."""
        for number, row in enumerate(rows):
            if not number:
                sys.stdout.buffer.write(self.csv.heading(row))
            sys.stdout.buffer.write(self.csv.rows([[csv_cell(value) for value in row.values()]]))
        sys.stdout.buffer.flush()


def with_output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --json, --csv and what belongs to it to a command, which gets an `Output`."""
    return with_shared_options(command, "output", _OPTIONS, _output)


def _output(given: Mapping[str, Any]) -> Output:
    form = CsvFormat(given["delimiter"], given["excel"])
    return Output(given["json_output"], given["csv_output"], form)


@contextmanager
def progress_of_count() -> Iterator[Progress]:
    """Give a function that advances a bar, to the sum of all totals; printed rows go above it."""
    known = 0
    with progress_bar(MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("Counting", total=None)

        def advance(done: int, total: int) -> None:
            nonlocal known
            if total:
                known += total
                bar.update(task, total=known)
            bar.advance(task, done)

        yield advance
