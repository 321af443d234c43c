"""Suggestions for names that were mistyped."""

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known name that is closest; None if none is close. `cutoff`: 0 any, 1 equal."""
    return next(iter(difflib.get_close_matches(name, sorted(known), 1, cutoff)), None)
