"""Quantiles of any number of durations, in memory that doesn't grow with it.

Values are counted in logarithmic buckets, as the DDSketch paper has it (Masson, Rim, Lee, VLDB
2019): each is as wide as the error allows, so a quantile is off by 1 % of its value at most. The
paper's own Python package has had no release since April 2024; this much of it is a few lines.
"""

import math
from collections import defaultdict
from functools import lru_cache

__all__ = ["RELATIVE_ERROR", "Sketch"]

RELATIVE_ERROR = 0.01

_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)
_KNOWN = 1024
"""A duration is counted in several sketches, one after the other: its bucket is computed once."""


class Sketch:
    """Counts of durations in whole milliseconds, from none to three thousand years: 1,700 at most."""

    __slots__ = ("_counts", "count")

    def __init__(self) -> None:
        self._counts: defaultdict[int, int] = defaultdict(int)
        self.count = 0

    def add(self, milliseconds: int) -> None:
        """Count a duration. Raises ValueError for one below zero."""
        self._counts[_bucket_of(milliseconds)] += 1
        self.count += 1

    def percentile(self, percent: int) -> float | None:
        """Return the smallest duration that so many percent of all are not above.

        It is off by RELATIVE_ERROR of it at most; None if nothing was counted. Raises ValueError
        unless 0 < percent <= 100.
        """
        if not 0 < percent <= 100:  # noqa: PLR2004 - that is what percent means
            raise ValueError("a percentile is above 0, and up to 100")
        rank = -(-percent * self.count // 100)
        for bucket in sorted(self._counts):
            rank -= self._counts[bucket]
            if rank <= 0:
                return 2 * _GAMMA**bucket / (_GAMMA + 1) if bucket >= 0 else 0.0
        return None


@lru_cache(_KNOWN)
def _bucket_of(milliseconds: int) -> int:
    """Return the bucket i, which holds what is above gamma^(i-1), up to gamma^i; -1 for no time."""
    if milliseconds < 0:
        raise ValueError("a duration is not below zero")
    return math.ceil(math.log(milliseconds) / _LOG_GAMMA) if milliseconds else -1
