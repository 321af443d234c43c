"""What the person at the terminal sees while it runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

__all__ = ["Screen"]


class Screen:
    """Progress bars, tables and sentences on one console."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, sentence: str) -> None:
        """Print a sentence of ours."""
        self.console.print(sentence, highlight=False, markup=False)

    def show(self, table: Table) -> None:
        """Print a table."""
        self.console.print(table)

    @contextmanager
    def bar(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar for the time of the block; it is given a function that takes what is done."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        still = not self.console.is_terminal
        with Progress(*columns, console=self.console, transient=True, disable=still) as progress:
            task = progress.add_task(what, total=total)
            yield lambda done: progress.update(task, completed=min(done, total))
