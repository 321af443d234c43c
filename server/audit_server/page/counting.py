"""A pass over chats for a page: it tells how far it has come, and ends in time, with a sentence."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Generic, Protocol, TypeVar, cast

from audit_query import AuditLog, Filter
from audit_query.reports import ChatRow, ChatTally, Transfer, Wait, cases, life_of

from audit_server.errors import ProblemError
from audit_server.problems import Problem, problem_of

__all__ = ["COMPARED_UNASKED", "Collects", "Computed", "Counting", "Deadline", "Earlier", "Tallies"]

T = TypeVar("T")

_TOO_LONG = (
    "The report takes too long: give a shorter time, or run `auditlog report` on the command line, "
    "which has no limit"
)
_REMEMBERED = 16
_SECONDS = 30.0
COMPARED_UNASKED = 20_000
"""Events of chats in the time before that are counted unasked: about a second's."""
_STEP = 5
"""Percent, from one sign of progress to the next."""


class Deadline:
    """Ends a report once its request has lasted too long."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def check(self) -> None:
        """Raise ProblemError (503) if it is over."""
        if self._clock() > self._end:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, _TOO_LONG, headers={"Retry-After": "30"})


@dataclass(frozen=True, slots=True)
class Computed(Generic[T]):
    """What a page computes once it has begun: a value, or the problem that is shown in its place."""

    value: T | None = None
    problem: Problem | None = None

    @classmethod
    def by(cls, compute: Callable[[], T]) -> "Computed[T]":
        """Compute it. Never raises."""
        try:
            return cls(compute())
        except Exception as error:  # noqa: BLE001 - the page has begun: it is shown in its place
            return cls(problem=problem_of(error))


@dataclass(slots=True)
class _Done:
    seen: int = 0
    total: int = 0

    @property
    def percent(self) -> int:
        return min(99, self.seen * 100 // self.total) if self.total else 0


class Collects(Protocol):
    """What takes in the waits, transfers and chats that a pass finds."""

    def add(self, item: Wait | Transfer | ChatRow, /) -> None:
        """Take in one of them."""


C = TypeVar("C", bound=Collects)


class Counting(Generic[C]):
    """Iterate over it for percentages, to the end; then there is a tally, or a problem."""

    def __init__(
        self,
        log: AuditLog,
        wanted: Filter,
        tally: C,
        deadline: Deadline,
        *,
        done: Callable[[C], None] = lambda _: None,
    ) -> None:
        self.tally: C | None = None
        self.problem: Problem | None = None
        self._log = log
        self._wanted = wanted
        self._building = tally
        self._deadline = deadline
        self._when_done = done

    def __iter__(self) -> Iterator[int]:
        """Yield how many percent are counted, from time to time. What goes wrong is the problem."""
        if self.tally is not None:
            return
        progress = _Done()

        def advance(seen: int, total: int) -> None:
            self._deadline.check()
            progress.seen += seen
            progress.total = total or progress.total

        try:
            found = cases(self._log, self._wanted, progress=advance)
            with closing(cast("Generator[Wait | Transfer | ChatRow]", found)) as items:
                shown = 0
                yield 0
                for item in items:
                    self._building.add(item)
                    if progress.percent >= shown + _STEP:
                        shown = progress.percent
                        yield shown
        except GeneratorExit:
            raise
        except Exception as error:  # noqa: BLE001 - the page has begun: it is shown in its place
            self.problem = problem_of(error)
            return
        self.tally = self._building
        self._when_done(self._building)


class Earlier(Counting[ChatTally]):
    """Counts the time before: where it is asked for, or where that takes a second or so.

    It costs as much as the time itself, so a report of a long time does without it unless it is asked.
    """

    is_asked = False
    left_out = 0
    """How many events it would have to read, where it does without."""

    @property
    def found(self) -> ChatTally | None:
        """The tally; None where nothing was counted, or there was nothing to compare with."""
        return None if self.tally is None or self.tally.is_empty else self.tally

    def __iter__(self) -> Iterator[int]:
        """Yield how many percent are counted, from time to time; nothing where it is left out."""
        if self.tally is None and not self.is_asked:
            try:
                events = self._log.count(life_of(self._wanted))
            except Exception as error:  # noqa: BLE001 - the page has begun: it is shown in its place
                self.problem = problem_of(error)
                return
            if events > COMPARED_UNASKED:
                self.left_out = events
                return
        yield from super().__iter__()


class Tallies:
    """The last tallies, for half a minute: sorting a table another way counts nothing again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str | None, str], tuple[float, ChatTally]] = OrderedDict()

    def get(self, organization: str | None, key: str) -> ChatTally | None:
        """Return what was counted of an organization's log, or of all, if that isn't long ago."""
        with self._lock:
            found = self._known.get((organization, key))
            return found[1] if found is not None and found[0] > self._clock() else None

    def keep(self, organization: str | None, key: str, tally: ChatTally) -> None:
        """Remember a tally that is complete, and forget those that are old or too many."""
        with self._lock:
            self._known[organization, key] = (self._clock() + _SECONDS, tally)
            self._known.move_to_end((organization, key))
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
