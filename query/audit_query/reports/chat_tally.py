"""What many chats add up to: waits, objectives, transfers, handling, how many at a time. Pure."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from audit_query.objectives import Objective, Ratio
from audit_query.reports.bucket_clock import BucketClock
from audit_query.reports.case import ChatRow, Kind, Transfer, Wait
from audit_query.reports.cells import from_millis, to_millis
from audit_query.reports.decisions import Decision, decisions
from audit_query.reports.missed_chats import MissedChats
from audit_query.reports.people import Person
from audit_query.reports.sketch import Sketch
from audit_query.reports.wait_row import KINDS, Spread

__all__ = ["AtOnce", "ChatTally", "GroupTally", "TransferRow", "spread_of"]

_PAIRS_MAX = 10_000
_LATEST = 200
_PEOPLE_MAX = 5_000
"""People of whom figures are kept; whoever comes later counts in the sums alone."""
_HANDLERS: tuple[Kind, ...] = ("assigned", "joined", "answered")
"""Waits that staff end; visitors close chats, too, and each of them is somebody else."""


@dataclass(frozen=True, slots=True)
class TransferRow:
    """How many chats somebody had that were assigned to somebody else."""

    giver: Person
    taker: Person
    count: int

    def to_json(self, _: tzinfo = UTC) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return {
            "from_user": self.giver.user,
            "from_user_id": self.giver.id,
            "to_user": self.taker.user,
            "to_user_id": self.taker.id,
            "chats": self.count,
        }


@dataclass(slots=True)
class AtOnce:
    """How many chats are handled at the same moment: joined, and not closed yet."""

    now: int = 0
    most: int = 0
    _at: int | None = None

    @property
    def at(self) -> datetime | None:
        """When it was the most for the first time."""
        return None if self._at is None else from_millis(self._at)

    def begin(self, milliseconds: int) -> None:
        """Count one more from then on."""
        self.now += 1
        if self.now > self.most:
            self.most, self._at = self.now, milliseconds

    def end(self) -> None:
        """Count one less."""
        self.now = max(0, self.now - 1)


@dataclass(slots=True)
class GroupTally:
    """Waits and handling of some chats: all, those of a bucket, a person or a team."""

    waits: dict[Kind, Sketch] = field(default_factory=lambda: {kind: Sketch() for kind in KINDS})
    unknown: Counter[Kind] = field(default_factory=Counter)
    handling: Sketch = field(default_factory=Sketch)
    at_once: AtOnce = field(default_factory=AtOnce)
    within: dict[str, list[int]] = field(default_factory=dict)
    """By an objective's kind: how many met it, and of how many."""
    opened: int = 0

    def wait(self, wait: Wait) -> None:
        """Count the end of a wait; where clocks disagree, its length is unknown."""
        if wait.length is None or wait.length < 0:
            self.unknown[wait.kind] += 1
        else:
            self.waits[wait.kind].add(wait.length)

    def decide(self, decision: Decision) -> None:
        """Count whether an objective was met."""
        counts = self.within.setdefault(decision.objective.kind, [0, 0])
        counts[0] += decision.is_met
        counts[1] += 1

    def ratio(self, objective: Objective) -> Ratio:
        """Return how many met an objective."""
        return Ratio(objective, *self.within.get(objective.kind, (0, 0)))

    def spread(self, kind: Kind) -> Spread:
        """Return the waits of a kind."""
        return spread_of(self.waits[kind], self.unknown[kind])

    @property
    def handled(self) -> Spread:
        """How long chats were handled, from their first join to their closing."""
        return spread_of(self.handling)


class ChatTally:
    """Adds up what `cases` yields, in its order.

    With a `clock`, also by its buckets, and the waits for a join by the hour of the week. `start` and
    `until` are those of the time that is asked for; a chat that was opened before it counts for the
    waits that ended in it, and not among the chats opened. Memory is bounded by the
    number of buckets, staff and teams.
    """

    def __init__(
        self,
        *,
        start: datetime | None,
        until: datetime,
        objectives: Sequence[Objective] = (),
        clock: BucketClock | None = None,
        teams_of: Callable[[Person], Sequence[str]] = lambda _: (),
    ) -> None:
        self.objectives = objectives
        self.all = GroupTally()
        self.buckets: defaultdict[datetime, GroupTally] = defaultdict(GroupTally)
        self.hours: defaultdict[tuple[int, int], Sketch] = defaultdict(Sketch)
        self.people: defaultdict[Person, GroupTally] = defaultdict(GroupTally)
        self.teams: defaultdict[str, GroupTally] = defaultdict(GroupTally)
        self.unassigned, self.unjoined, self.unanswered = (MissedChats() for _ in range(3))
        self.other_transfers = 0
        self.latest: deque[ChatRow] = deque(maxlen=_LATEST)
        """The chats that were closed last, and some of those that are open, in no order."""
        self._start = start
        self._until = until
        self._clock = clock
        self._teams_of = teams_of
        self._groups: dict[Person, Sequence[GroupTally]] = {}
        self._others = GroupTally()
        """Of the people beyond those that are kept."""
        self._transfers: Counter[tuple[Person, Person]] = Counter()

    @property
    def has_answers(self) -> bool:
        """Whether first answers are published at all."""
        return bool(self.all.spread("answered").count)

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened to a chat."""
        return not self.all.opened and not any(self.all.spread(kind).count for kind in KINDS)

    @property
    def missed(self) -> MissedChats:
        """The chats without an answer; where none is published, those that nobody joined."""
        return self.unanswered if self.has_answers else self.unjoined

    @property
    def transfers(self) -> list[TransferRow]:
        """Who gave how many chats to whom, most first."""
        pairs = sorted(self._transfers.items(), key=lambda pair: (-pair[1], repr(pair[0])))
        return [TransferRow(*people, count) for people, count in pairs]

    def add(self, item: Wait | Transfer | ChatRow) -> None:
        """Count one of them."""
        if isinstance(item, Wait):
            self._add_wait(item)
        elif isinstance(item, Transfer):
            self._add_transfer(item)
        else:
            self._add_chat(item)

    def _add_wait(self, wait: Wait) -> None:
        groups = [self.all]
        if wait.kind in _HANDLERS:
            groups += self._groups_of(wait.person)
        for group in groups:
            group.wait(wait)
            if wait.kind == "joined":
                group.at_once.begin(wait.at)
        if self._clock is not None:
            at = from_millis(wait.at)
            bucket = self.buckets[self._clock.start_of(at)]
            bucket.wait(wait)
            bucket.at_once.most = max(bucket.at_once.most, self.all.at_once.now)
            if wait.kind == "joined" and wait.length is not None and wait.length >= 0:
                self.hours[self._clock.hour_of_week(at)].add(wait.length)

    def _groups_of(self, person: Person) -> Sequence[GroupTally]:
        """Return the tallies of a person's teams, and of the person."""
        known = self._groups.get(person)
        if known is not None:
            return known
        groups = [self.teams[team] for team in self._teams_of(person)]
        if len(self.people) < _PEOPLE_MAX:
            groups.append(self.people[person])
            self._groups[person] = groups
        else:
            groups.append(self._others)
        return groups

    def _add_transfer(self, transfer: Transfer) -> None:
        pair = (transfer.giver, transfer.taker)
        if pair in self._transfers or len(self._transfers) < _PAIRS_MAX:
            self._transfers[pair] += 1
        else:
            self.other_transfers += 1

    def _add_chat(self, row: ChatRow) -> None:
        self._handled(row)
        self.latest.append(row)
        if row.opened is None or (self._start is not None and row.opened < self._start):
            return
        groups = [self.all]
        if self._clock is not None:
            groups.append(self.buckets[self._clock.start_of(row.opened)])
        for group in groups:
            group.opened += 1
        self._decide(row, groups)
        for step, missed in (
            (row.assigned, self.unassigned),
            (row.joined, self.unjoined),
            (row.answered, self.unanswered),
        ):
            if step is None:
                missed.add(row)

    def _handled(self, row: ChatRow) -> None:
        if row.closed is None or row.joined is None or row.joiner is None:
            return
        counted = self.people.get(row.joiner, self._others).at_once.now > 0
        length = to_millis(row.closed) - to_millis(row.joined)
        for group in (self.all, *self._groups_of(row.joiner)):
            if length >= 0:
                group.handling.add(length)
            if counted:  # what was joined before the time asked for, or by others, never began
                group.at_once.end()

    def _decide(self, row: ChatRow, groups: Sequence[GroupTally]) -> None:
        for decision in decisions(row, self.objectives, self._start, self._until):
            is_handling = decision.objective.kind in _HANDLERS
            theirs = self._groups_of(decision.person) if decision.person and is_handling else []
            for group in (*groups, *theirs):
                group.decide(decision)


def spread_of(sketch: Sketch, unknown: int = 0) -> Spread:
    """Return how many there are, their median and their 95th percentile."""
    median, p95 = (sketch.percentile(percent) for percent in (50, 95))
    return Spread(sketch.count + unknown, unknown, _seconds(median), _seconds(p95))


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
