"""What whoever sits at a terminal sees: lines, and how far a long piece of work is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["Report", "print_lines", "progress_bar", "silent"]

Report = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def silent(_: str, __: int, ___: int) -> None:
    """Report to nobody."""


@contextmanager
def progress_bar(*, hidden: bool = False) -> Iterator[Report]:
    """Give a report that draws a bar on standard error; none where that is no terminal.

    The bar goes when the work is done.
    """
    console = Console(stderr=True, emoji=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    quiet = hidden or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("", total=None)
        shown = ""

        def report(what: str, done: int, total: int) -> None:
            nonlocal shown
            if what != shown:
                progress.reset(task, description=what, total=total)
                shown = what
            progress.update(task, completed=min(done, total), total=total)

        yield silent if quiet else report


def print_lines(*lines: str) -> None:
    """Print lines as they are: no markup, no colours, and nothing is broken where a pipe reads it."""
    console = Console(emoji=False)
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
