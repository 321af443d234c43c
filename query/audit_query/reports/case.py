"""What becomes of a chat, from its opening to its closing: a case. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal, NamedTuple

from audit_query.reports.cells import from_millis, iso
from audit_query.reports.people import Person

__all__ = [
    "ANSWERED",
    "ASSIGNED",
    "CLOSED",
    "JOINED",
    "OPENED",
    "STEPS",
    "Case",
    "ChatRow",
    "Kind",
    "Step",
    "Transfer",
    "Wait",
]

OPENED = "chat-opened"
ASSIGNED = "chat-assigned-to-user"
JOINED = "user-joined-to-chat"
ANSWERED = "chat-answered"
CLOSED = "chat-closed"
STEPS = (OPENED, ASSIGNED, JOINED, ANSWERED, CLOSED)
"""In the order of a chat's life, which is that of events of one millisecond, too."""

Kind = Literal["assigned", "joined", "answered", "closed"]

_KINDS: Mapping[str, Kind] = {JOINED: "joined", ANSWERED: "answered", CLOSED: "closed"}
_DOERS: Mapping[Kind, str] = {"joined": "joiner", "answered": "answerer", "closed": "closer"}


class Step(NamedTuple):
    """An event of a chat's life: milliseconds, what, in which chat, by whom or to whom."""

    at: int
    action: str
    organization: str | None
    chat: str
    person: Person
    """Who did it; of an assignment, who it was done to."""


class Wait(NamedTuple):
    """The end of a wait: which, whose it was to end, when, and how long it was since the opening.

    The length is None where the opening is unknown.
    """

    kind: Kind
    person: Person
    at: int
    length: int | None


class Transfer(NamedTuple):
    """A chat that was assigned to one person was assigned to another."""

    at: int
    organization: str | None
    chat: str
    giver: Person
    """Whom it was assigned to before, whoever assigned it anew."""
    taker: Person


@dataclass(frozen=True, slots=True)
class ChatRow:
    """A chat from its opening to its first closing, or up to now if it is open.

    A chat that is opened again is another row. Times and people are those of the first assignment,
    the first join, the first answer and the closing; `assignments` counts all, up to the closing, and
    `transfers` those that gave the chat to somebody else. The times since the opening are None where
    it is unknown, or lies after the step, by clocks that disagree.
    """

    organization: str | None
    chat: str
    opened: datetime | None
    opener: Person | None
    assigned: datetime | None
    assignee: Person | None
    assignments: int
    transfers: int
    joined: datetime | None
    joiner: Person | None
    answered: datetime | None
    answerer: Person | None
    closed: datetime | None
    closer: Person | None

    def seconds_to(self, step: datetime | None) -> float | None:
        """Return the seconds from the opening to one of the steps; None where that is unknown."""
        if self.opened is None or step is None or step < self.opened:
            return None
        return (step - self.opened).total_seconds()

    @property
    def handling_seconds(self) -> float | None:
        """How long it was handled: from the first join to the closing; None while it isn't over."""
        if self.joined is None or self.closed is None:
            return None
        return (self.closed - self.joined).total_seconds()

    def to_json(self, zone: tzinfo = UTC) -> dict[str, Any]:
        """Return the row as JSON has it: times in a zone, durations in seconds."""
        return {
            "organization": self.organization,
            "chat": self.chat,
            "opened": iso(self.opened, zone),
            "opened_by": _name(self.opener),
            "assigned": iso(self.assigned, zone),
            "assigned_to": _name(self.assignee),
            "assignments": self.assignments,
            "transfers": self.transfers,
            "joined": iso(self.joined, zone),
            "joined_by": _name(self.joiner),
            "answered": iso(self.answered, zone),
            "answered_by": _name(self.answerer),
            "closed": iso(self.closed, zone),
            "closed_by": _name(self.closer),
            "seconds_to_assignment": self.seconds_to(self.assigned),
            "seconds_to_join": self.seconds_to(self.joined),
            "seconds_to_answer": self.seconds_to(self.answered),
            "seconds_to_close": self.seconds_to(self.closed),
            "handling_seconds": self.handling_seconds,
        }


@dataclass(slots=True)
class Case:
    """What is known of a chat so far, in milliseconds; the one thing here that changes."""

    organization: str | None
    chat: str
    opened: int | None = None
    opener: Person | None = None
    assigned: int | None = None
    assignee: Person | None = None
    assignments: int = 0
    transfers: int = 0
    holder: Person | None = None
    """Whom it was assigned to last."""
    joined: int | None = None
    joiner: Person | None = None
    answered: int | None = None
    answerer: Person | None = None
    closed: int | None = None
    closer: Person | None = None

    def take(self, step: Step) -> Wait | Transfer | None:
        """Go on by a step; return the wait that it ends, or the transfer that it is, if it is one.

        Only the first assignment, join, answer and closing end one. A second opening changes nothing.
        The case must not be closed yet.
        """
        at, person = step.at, step.person
        if step.action == OPENED:
            if self.opened is None:
                self.opened, self.opener = at, person
            return None
        if step.action == ASSIGNED:
            return self._assign(step)
        return self._first(_KINDS[step.action], step)

    def to_row(self) -> ChatRow:
        """Return what is known, for whoever reads it."""
        return ChatRow(
            organization=self.organization,
            chat=self.chat,
            opened=_from_millis(self.opened),
            opener=self.opener,
            assigned=_from_millis(self.assigned),
            assignee=self.assignee,
            assignments=self.assignments,
            transfers=self.transfers,
            joined=_from_millis(self.joined),
            joiner=self.joiner,
            answered=_from_millis(self.answered),
            answerer=self.answerer,
            closed=_from_millis(self.closed),
            closer=self.closer,
        )

    def _assign(self, step: Step) -> Wait | Transfer | None:
        self.assignments += 1
        before, self.holder = self.holder, step.person
        if before is None:
            self.assigned, self.assignee = step.at, step.person
            return self._wait("assigned", step)
        if before == step.person:
            return None
        self.transfers += 1
        return Transfer(step.at, step.organization, step.chat, before, step.person)

    def _first(self, kind: Kind, step: Step) -> Wait | None:
        """Keep when and by whom that was done first."""
        if getattr(self, kind) is not None:
            return None
        setattr(self, kind, step.at)
        setattr(self, _DOERS[kind], step.person)
        return self._wait(kind, step)

    def _wait(self, kind: Kind, step: Step) -> Wait:
        return Wait(kind, step.person, step.at, None if self.opened is None else step.at - self.opened)


def _from_millis(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_millis(milliseconds)


def _name(person: Person | None) -> str | None:
    return person and person.user
