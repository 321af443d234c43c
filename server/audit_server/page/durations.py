"""Lengths of time as people read them. Pure."""

from datetime import timedelta
from itertools import pairwise

__all__ = ["duration"]

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def duration(length: timedelta | float | None) -> str:
    """Return a length: 450 ms, 8.2 s, 45 s, 3 m 20 s, 2 h 5 m, 3 d 4 h; blank for None."""
    if length is None:
        return ""
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if seconds < 1:
        return f"{sign}{seconds * 1000:.0f} ms" if seconds else "0 s"
    if seconds < 10:  # noqa: PLR2004 - below, a tenth matters
        return f"{sign}{round(seconds, 1):g} s"
    whole = round(seconds)
    for (unit, size), (smaller, part) in pairwise(_UNITS):
        if whole >= size:
            rest = whole % size // part
            return f"{sign}{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{sign}{whole} s"
