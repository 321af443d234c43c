"""Which times to look at again when events have come, whenever they happened. Pure.

A runner finds the events that are newly visible by event.ingested. What they change lies within the
plan's reach after their own @timestamp, and depends on events within its reach before that. For
correlations, more events only mean more that fires: so what is found around the new ones is joined
to what was known (`episodes.joined`), and any order of arrival ends in the same alerts. Marks and
absences are not so: what they said stands, and is not said again.
"""

from collections.abc import Iterable

from audit_alerts.candidates import Window, merge_windows
from audit_alerts.plan import Absence, Correlation

__all__ = ["affected", "to_read"]


def affected(root: Correlation | Absence, times: Iterable[int]) -> list[Window]:
    """Return the windows in which events at these times, in milliseconds, may make a rule fire."""
    return merge_windows(((at, at + root.reach) for at in times), gap=root.reach)


def to_read(root: Correlation | Absence, window: Window) -> Window:
    """Return the time whose events decide about all moments of a window."""
    return window[0] - root.reach, window[1]
