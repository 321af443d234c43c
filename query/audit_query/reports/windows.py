"""A long time, cut into windows that are asked for one after the other.

Every page of a composite aggregation looks at all events that match. A window holds only so many
of them that this costs little, and whole buckets, so that no row of a report is in two windows.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from audit_query.filter import Filter
from audit_query.intervals import AUTO, LADDER, check_interval, suitable_interval
from audit_query.log import AuditLog
from audit_query.reports.cells import Cell, by_time, cells, from_millis
from audit_query.time_range import zone

__all__ = [
    "WHOLE",
    "Progress",
    "Window",
    "buckets_with_events",
    "chosen_interval",
    "cut",
    "interval_source",
]

WHOLE = "whole"
"""In place of an interval: one bucket for the whole time."""

Progress = Callable[[int, int], None]
"""Called with how many events have been counted, of how many."""

_EVENTS = 100_000


@dataclass(frozen=True, slots=True)
class Window:
    """The events of one or more buckets that follow each other."""

    wanted: Filter
    events: int


def chosen_interval(log: AuditLog, wanted: Filter, interval: str) -> str:
    """Return the interval; for `auto`, the one that suits the time from the first event to the last."""
    if interval != AUTO:
        return interval
    seen = log.seen(wanted)
    if seen.first is None or seen.last is None:
        return LADDER[-1]
    return suitable_interval(wanted.start or seen.first, wanted.end or seen.last)


def interval_source(interval: str, time_zone: str) -> dict[str, object] | None:
    """Return the source that groups by an interval; None for the whole. Raises TimeRangeError."""
    zone(time_zone)
    return None if interval == WHOLE else by_time(check_interval(interval), interval, time_zone)


def buckets_with_events(
    log: AuditLog, wanted: Filter, source: dict[str, object] | None
) -> Iterator[Cell]:
    """Yield the buckets that have events, in order, as Elasticsearch cuts them."""
    if source is not None:
        yield from cells(log, wanted, [source])
    elif count := log.count(wanted):
        yield Cell((None,), count)


def cut(buckets: Iterable[Cell], wanted: Filter, *, events: int = _EVENTS) -> Iterator[Window]:
    """Yield windows of whole buckets, each as long as it has no more than so many events.

    A bucket with more is a window of its own. Windows begin and end where buckets begin, the first
    and the last where `wanted` does.
    """
    held, start = 0, wanted.start
    for bucket in buckets:
        if held and held + bucket.count > events:
            begin = from_millis(bucket.key[0])
            yield Window(replace(wanted, start=start, end=begin), held)
            held, start = 0, begin
        held += bucket.count
    if held:
        yield Window(replace(wanted, start=start), held)
