"""Reports of chats that take one pass over the log: `report transfers`, `objective`, `unanswered`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from audit_query.errors import ParameterError
from audit_query.filter import Filter
from audit_query.log import AuditLog
from audit_query.objectives import Objective, Ratio
from audit_query.reports.bucket_clock import BucketClock
from audit_query.reports.case import ANSWERED, ChatRow
from audit_query.reports.cells import iso
from audit_query.reports.chat_cases import cases, chats
from audit_query.reports.chat_tally import ChatTally
from audit_query.reports.decisions import AskedDecisions, Decision, decisions
from audit_query.reports.people import Person
from audit_query.reports.windows import WHOLE, Progress
from audit_query.teams import Teams
from audit_query.time_range import zone

__all__ = ["RatioRow", "Tallying", "decided", "ratios", "unanswered"]


@dataclass(frozen=True, slots=True)
class Tallying:
    """How chats are added up: at which time, against which objectives, by which teams and buckets."""

    now: datetime
    objectives: Sequence[Objective] = ()
    teams: Teams = Teams()  # noqa: RUF009 - it is frozen
    interval: str = WHOLE
    """hour, day, or the whole."""
    time_zone: str = "UTC"

    def tally(self, wanted: Filter) -> ChatTally:
        """Return a tally that nothing is added to yet. Raises ParameterError."""
        return ChatTally(
            start=wanted.start,
            until=self._until(wanted),
            objectives=self.objectives,
            clock=self._clock(),
            teams_of=self._teams_of,
        )

    def decided(self, wanted: Filter, asked: AskedDecisions) -> Callable[[ChatRow], Iterator[Decision]]:
        """Return what yields those decisions about a chat that are asked for."""
        until = self._until(wanted)

        def decided(row: ChatRow) -> Iterator[Decision]:
            for decision in decisions(row, self.objectives, wanted.start, until):
                if asked.has(decision, self._teams_of):
                    yield decision

        return decided

    def count(self, log: AuditLog, wanted: Filter, *, progress: Progress | None = None) -> ChatTally:
        """Return what the chats add up to, after one pass over the log. Raises ParameterError."""
        tally = self.tally(wanted)
        for item in cases(log, wanted, progress=progress):
            tally.add(item)
        return tally

    def objective(self, kind: str) -> Objective:
        """Return the objective of a kind. Raises ParameterError where none is set."""
        for objective in self.objectives:
            if objective.kind == kind:
                return objective
        known = ", ".join(one.kind for one in self.objectives) or "nothing"
        raise ParameterError(
            "objective", f"there is none for {kind[:64]}; AUDITLOG_CHAT_OBJECTIVES has {known}"
        )

    def _until(self, wanted: Filter) -> datetime:
        return min(self.now, wanted.end or self.now)

    def _clock(self) -> BucketClock | None:
        if self.interval == WHOLE:
            return None
        intervals: dict[str, Literal["hour", "day"]] = {"hour": "hour", "day": "day"}
        if self.interval not in intervals:
            raise ParameterError("interval", f"must be hour, day or {WHOLE}, not {self.interval[:64]}")
        return BucketClock(zone(self.time_zone), intervals[self.interval])

    def _teams_of(self, person: Person) -> tuple[str, ...]:
        return self.teams.of(person.user, person.id)


@dataclass(frozen=True, slots=True)
class RatioRow:
    """How many of the chats opened in a bucket, or in all, met an objective."""

    start: datetime | None
    """When the bucket begins; None for all."""
    ratio: Ratio

    def to_json(self, zone: tzinfo = UTC) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return {
            "start": iso(self.start, zone),
            "objective": self.ratio.objective.kind,
            "within_seconds": self.ratio.objective.within.total_seconds(),
            "met": self.ratio.met,
            "of": self.ratio.of,
            "percent": self.ratio.percent,
        }


def ratios(tally: ChatTally) -> Iterator[RatioRow]:
    """Yield the objectives of all, then of each bucket in order of time. Pure."""
    groups = [(None, tally.all), *sorted(tally.buckets.items())]
    for start, group in groups:
        for objective in tally.objectives:
            yield RatioRow(start, group.ratio(objective))


def decided(
    log: AuditLog,
    wanted: Filter,
    tallying: Tallying,
    asked: AskedDecisions,
    *,
    progress: Progress | None = None,
) -> Iterator[Decision]:
    """Yield the chats behind the shares of `ratios`: those that met an objective, or missed it."""
    decide = tallying.decided(wanted, asked)
    for row in chats(log, wanted, progress=progress):
        yield from decide(row)


def unanswered(log: AuditLog, wanted: Filter, *, progress: Progress | None = None) -> Iterator[ChatRow]:
    """Yield the chats opened in the time asked for that nobody was assigned to, or nobody answered.

    First those that were closed so, then those that are open. Where the log has no first answers in
    that time, those count that nobody joined.
    """
    answers = Filter(
        organizations=wanted.organizations,
        activities=(ANSWERED,),
        start=wanted.start,
        end=wanted.end,
    )
    has_answers = bool(log.count(answers))
    for row in chats(log, wanted, progress=progress):
        if row.opened is None or (wanted.start is not None and row.opened < wanted.start):
            continue
        if row.assigned is None or (row.answered if has_answers else row.joined) is None:
            yield row
