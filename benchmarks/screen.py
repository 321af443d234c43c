"""What the terminal shows: progress and sentences on stderr, results on stdout."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

_FILE_WIDTH = 200


class Screen:
    """Progress bars, sentences and tables."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, emoji=False)
        self._results = Console(emoji=False)
        if not self._results.is_terminal:
            self._results.width = _FILE_WIDTH

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        self.console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    def show(self, result: Group) -> None:
        """Print a table of results."""
        self._results.print(result)

    @contextmanager
    def bar(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar during the block, which gets a function that takes how much is done."""
        columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
        still = not self.console.is_terminal
        with Progress(*columns, console=self.console, transient=True, disable=still) as progress:
            task = progress.add_task(what, total=total)
            yield lambda done: progress.update(task, completed=min(done, total))
