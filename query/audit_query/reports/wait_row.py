"""How long chats wait for each user, in each bucket of time: medians and 95th percentiles."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from audit_query.filter import Filter
from audit_query.log import AuditLog
from audit_query.reports.case import Kind, Wait
from audit_query.reports.cells import from_millis, iso, order
from audit_query.reports.chat_cases import cases, life_of
from audit_query.reports.people import Person
from audit_query.reports.sketch import Sketch
from audit_query.reports.windows import Progress, buckets_with_events, chosen_interval, interval_source

__all__ = ["KINDS", "Spread", "WaitRow", "summed", "waits"]

KINDS: tuple[Kind, ...] = ("assigned", "joined", "answered", "closed")


@dataclass(frozen=True, slots=True)
class Spread:
    """How many waits there were, and their median and 95th percentile in seconds.

    The percentiles are the nearest ranks, and off by 1 % of their value at most; None for no waits
    whose length is known. `unknown` counts the others.
    """

    count: int
    unknown: int
    median: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class WaitRow:
    """The waits since a chat's opening that one user ended in one bucket of time.

    A wait counts in the bucket in which it ended, for the user who ended it: to whom the chat was
    assigned first, who joined it first, who closed it. No person: all of them together.
    """

    start: datetime | None
    """When the bucket begins; None where the whole time is one bucket."""
    person: Person | None
    assigned: Spread
    joined: Spread
    answered: Spread
    """Counts nothing where `chat-answered` is not published."""
    closed: Spread

    def to_json(self, zone: tzinfo = UTC) -> dict[str, Any]:
        """Return the row as JSON has it: times in a zone, durations in seconds."""
        return {
            "start": iso(self.start, zone),
            "user": self.person and self.person.user,
            "user_id": self.person and self.person.id,
            "all_users": self.person is None,
            **{kind: _json(getattr(self, kind)) for kind in KINDS},
        }


def waits(
    log: AuditLog,
    wanted: Filter,
    *,
    interval: str = "day",
    time_zone: str = "UTC",
    progress: Progress | None = None,
) -> Iterator[WaitRow]:
    """Yield rows by bucket: all users together first, then each by name.

    One pass over the log; memory is bounded by the users of one bucket, whatever the number of
    chats. See `cases` for what counts. Raises TimeRangeError and ParameterError.
    """
    life = life_of(wanted)
    source = interval_source(chosen_interval(log, life, interval), time_zone)
    ended = (wait for wait in cases(log, wanted, progress=progress) if isinstance(wait, Wait))

    def starts() -> list[int] | None:
        if source is None:
            return None
        return [cell.key[0] for cell in buckets_with_events(log, life, source)]

    return summed(ended, starts)


def summed(ended: Iterable[Wait], starts: Callable[[], Sequence[int] | None]) -> Iterator[WaitRow]:
    """Yield the rows that waits, in order of time, add up to. Pure.

    `starts` returns the beginnings of the buckets, in order, in milliseconds; None for one bucket.
    It is called once the first wait is there: so no wait is of a later bucket than all of them.
    """
    known: Sequence[int] | None = None
    current, sums = -1, dict[Person | None, _Sums]()
    for wait in ended:
        if not sums:
            known = starts()
        bucket = 0 if known is None else bisect_right(known, wait.at) - 1
        if bucket != current and sums:
            yield from _rows(known, current, sums)
            sums = {}
        current = bucket
        for person in (None, wait.person):
            sums.setdefault(person, _Sums()).add(wait)
    yield from _rows(known, current, sums)


class _Sums:
    """The waits of one user in one bucket."""

    def __init__(self) -> None:
        self._known = {kind: Sketch() for kind in KINDS}
        self._unknown = dict.fromkeys(KINDS, 0)

    def add(self, wait: Wait) -> None:
        if wait.length is None:
            self._unknown[wait.kind] += 1
        else:
            self._known[wait.kind].add(wait.length)

    def spread(self, kind: Kind) -> Spread:
        sketch, unknown = self._known[kind], self._unknown[kind]
        return Spread(sketch.count + unknown, unknown, *(_seconds(sketch, p) for p in (50, 95)))


def _rows(
    starts: Sequence[int] | None, bucket: int, sums: Mapping[Person | None, _Sums]
) -> Iterator[WaitRow]:
    start = None if starts is None or not sums else from_millis(starts[bucket])
    for person in sorted(sums, key=lambda key: order((key and order(key),))):
        yield WaitRow(start, person, *(sums[person].spread(kind) for kind in KINDS))


def _seconds(sketch: Sketch, percent: int) -> float | None:
    milliseconds = sketch.percentile(percent)
    return None if milliseconds is None else milliseconds / 1000


def _json(spread: Spread) -> dict[str, Any]:
    return {
        "count": spread.count,
        "unknown": spread.unknown,
        "median_seconds": spread.median,
        "p95_seconds": spread.p95,
    }
