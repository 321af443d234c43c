"""Several rounds' figures as one: the median, and the range beside it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Spread", "quantile"]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures, and the lowest and the highest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        """Summarise at least one figure."""
        return cls(median(figures), min(figures), max(figures))


def quantile(figures: Sequence[float], share: float) -> float:
    """Return the figure that this share of all does not exceed; the next higher one between two."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
