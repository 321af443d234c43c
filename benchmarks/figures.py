"""The figures of several rounds, and the tables that show them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.screen import Screen

Way = TypeVar("Way")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures and their range, formatted as `median (low to high)`."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> "Spread":
        """Summarise at least one figure."""
        ordered = sorted(figures)
        return cls(median(ordered), ordered[0], ordered[-1])

    def __format__(self, form: str) -> str:
        middle, low, high = (format(x, form) for x in (self.median, self.low, self.high))
        return middle if low == high else f"{middle} ({low} to {high})"


def ratio(figures: Iterable[float], base: Iterable[float]) -> Spread:
    """Compare figures with the base's figures of the same round: a slow machine slows both."""
    return Spread.of(one / other for one, other in zip(figures, base, strict=True))


def quantile(figures: Sequence[float], share: float) -> float:
    """Return the figure that this share of all does not exceed; the next higher one between two."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def interleaved(
    screen: Screen,
    rounds: int,
    ways: Mapping[Way, Callable[[str], Result]],
    tell: Callable[[Result], str],
) -> dict[Way, list[Result]]:
    """Run every way in turn, `rounds` times; each is given the sentence that says which it is."""
    results: dict[Way, list[Result]] = {way: [] for way in ways}
    for number in range(1, rounds + 1):
        for way, run in ways.items():
            what = f"Round {number} of {rounds}: {way}"
            results[way].append(run(what))
            screen.say(f"{what}: {tell(results[way][-1])}")
    return results


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], note: str = "") -> Group:
    """Return a Markdown table under its title, for the terminal and for a document alike."""
    shown = Table(box=box.MARKDOWN)
    for number, heading in enumerate(headings):
        shown.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        shown.add_row(*map(Text, row))
    return Group(Text(f"\n### {title}\n"), shown, *([Text(f"\n{note}")] if note else []))
