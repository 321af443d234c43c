"""Groups that normally have events and have none: the one rule that looks for what is missing. Pure.

It is not monotone: an event that comes late may end an absence that was seen. So it is asked about
times only up to which the log is known to be complete (`until`).
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from audit_alerts.episodes import FiringSpan
from audit_alerts.plan import Absence

__all__ = ["absences"]

_DAY = 86_400_000
_STEPS = 4
"""An absence is looked for this often in the time that makes one."""


def absences(plan: Absence, times: Sequence[int], until: int) -> Iterator[FiringSpan]:
    """Yield the absences of one group, given the sorted times of its events.

    An absence begins with the last event and ends with the next, or with `until`.
    """
    step = max(1, plan.after // _STEPS)
    for begin, following in zip(times, [*times[1:], until + 1], strict=True):
        end = min(following - 1, until)  # what comes after is not known
        moment = begin + plan.after
        while moment <= end:
            if expected := _expected(plan, times, moment):
                yield FiringSpan(begin, moment, end, expected)
                break
            moment += step


def _expected(plan: Absence, times: Sequence[int], moment: int) -> int:
    """Return how many events the same time of the days to compare had at least; 0 if too few."""
    least = min(
        _count(times, moment - day * _DAY - plan.after, moment - day * _DAY) for day in plan.compared
    )
    return least if least >= plan.least else 0


def _count(times: Sequence[int], after: int, upto: int) -> int:
    return bisect_right(times, upto) - bisect_right(times, after)
