"""Groups that normally have events and have none: the one rule that looks for what is missing. Pure.

It is not monotone: an event that comes late may end a silence that was seen. So it is asked about
times only up to which the log is known to be complete (`until`).
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from audit_alerts.episodes import Span
from audit_alerts.plan import Silence

__all__ = ["silences"]

_DAY = 86_400_000
_STEPS = 4
"""A silence is looked for this often in the time that makes one."""


def silences(plan: Silence, times: Sequence[int], until: int) -> Iterator[Span]:
    """Yield the silences of one group, given the sorted times of its events.

    A silence begins with the last event and ends with the next, or with `until`.
    """
    step = max(1, plan.after // _STEPS)
    for begin, following in zip(times, [*times[1:], until + 1], strict=True):
        end = min(following - 1, until)  # what comes after is not known
        moment = begin + plan.after
        while moment <= end:
            if expected := _expected(plan, times, moment):
                yield Span(begin, moment, end, expected)
                break
            moment += step


def _expected(plan: Silence, times: Sequence[int], moment: int) -> int:
    """Return how many events the same time of the days to compare had at least; 0 if too few."""
    least = min(
        _count(times, moment - day * _DAY - plan.after, moment - day * _DAY) for day in plan.compared
    )
    return least if least >= plan.least else 0


def _count(times: Sequence[int], after: int, upto: int) -> int:
    return bisect_right(times, upto) - bisect_right(times, after)
