"""What commands show at a terminal: lines, tables, JSON, and the progress of long work."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

__all__ = [
    "Json",
    "Report",
    "new_console",
    "print_json",
    "print_lines",
    "progress_bar",
    "report_progress",
    "silent",
]

_PIPE_WIDTH = 300

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
"""The flag of every command that prints a table."""

Report = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def silent(_: str, __: int, ___: int) -> None:
    """Report nothing."""


def new_console() -> Console:
    """Return a console as wide as the terminal; a pipe has no width, so nothing is cut there."""
    console = Console(emoji=False)
    return console if console.is_terminal else Console(width=_PIPE_WIDTH, emoji=False)


def progress_bar(
    *columns: "ProgressColumn",
    console: Console | None = None,
    hidden: bool = False,
    transient: bool = True,
) -> "Progress":
    """Return a bar on standard error, not drawn where that is no terminal.

    `columns` stand between the bar and the time elapsed; by default, how much of how much.
    """
    from rich.progress import (  # noqa: PLC0415 - takes a while, and most commands draw none
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    console = console or Console(stderr=True, emoji=False)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *(columns or (MofNCompleteColumn(),)),
        TimeElapsedColumn(),
        console=console,
        transient=transient,
        redirect_stdout=sys.stdout.isatty(),  # rows that are printed meanwhile go above the bar
        disable=hidden or not console.is_terminal,
    )


@contextmanager
def report_progress(*, hidden: bool = False) -> Iterator[Report]:
    """Give a callback that moves a bar; the bar goes when the work is done."""
    with progress_bar(hidden=hidden) as progress:
        task = progress.add_task("", total=None)
        shown = ""

        def report(what: str, done: int, total: int) -> None:
            nonlocal shown
            if what != shown:
                progress.reset(task, description=what, total=total)
                shown = what
            progress.update(task, completed=min(done, total), total=total)

        yield silent if progress.disable else report


def print_lines(*lines: str) -> None:
    """Print lines as they are: no markup, no colours, no line breaks where a pipe reads them."""
    console = Console(emoji=False)
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_json(data: object) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(data) + "\n")
    sys.stdout.flush()  # a pipe behind a command that goes on gets each line at once
