"""Which chats met an objective, which missed it, and whose doing that was. Pure."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from audit_query.objectives import Objective, Ratio
from audit_query.reports.case import ChatRow, Transfer, Wait
from audit_query.reports.people import Person

__all__ = ["DECIDED_SHOWN", "AskedDecisions", "DecidedChats", "Decision", "decisions"]

DECIDED_SHOWN = 500
"""Chats that are kept of those that missed an objective, and of those that met it: the latest."""

_DOERS = {"assigned": "assignee", "joined": "joiner", "answered": "answerer", "closed": "closer"}


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a chat met an objective, and who did what it asks for, if anybody did."""

    row: ChatRow
    objective: Objective
    is_met: bool
    person: Person | None

    @property
    def seconds(self) -> float | None:
        """How long the chat waited; None where it never came to that."""
        return self.row.seconds_to(getattr(self.row, self.objective.kind))

    def to_json(self, zone: tzinfo = UTC) -> dict[str, Any]:
        """Return the row as JSON has it: the objective, and the chat."""
        return {
            "objective": self.objective.kind,
            "within_seconds": self.objective.within.total_seconds(),
            "met": self.is_met,
            **self.row.to_json(zone),
        }


def decisions(
    row: ChatRow, objectives: Sequence[Objective], start: datetime | None, until: datetime
) -> Iterator[Decision]:
    """Yield what is decided about a chat by `until`; nothing, if it was opened before `start`."""
    if row.opened is None or (start is not None and row.opened < start):
        return
    for objective in objectives:
        done: datetime | None = getattr(row, objective.kind)
        is_met = objective.is_met(row.opened, done, row.closed or until)
        if is_met is not None:
            yield Decision(row, objective, is_met, getattr(row, _DOERS[objective.kind]))


@dataclass(frozen=True, slots=True)
class AskedDecisions:
    """Which of the chats behind a share are asked for; what is None narrows nothing.

    `user` and `user_id` are those of whoever did what the objective asks for, as a report has them;
    a blank id is somebody without one.
    """

    is_met: bool | None = None
    user: str | None = None
    user_id: str | None = None
    team: str | None = None
    opened_from: datetime | None = None
    opened_to: datetime | None = None

    def has(self, decision: Decision, teams_of: Callable[[Person], Sequence[str]]) -> bool:
        """Tell whether a decision is among them."""
        opened, person = decision.row.opened, decision.person or Person(None, None)
        return (
            self.is_met in (None, decision.is_met)
            and self.user in (None, person.user)
            and self.user_id in (None, person.id or "")
            and (self.team is None or self.team in teams_of(person))
            and opened is not None
            and (self.opened_from is None or opened >= self.opened_from)
            and (self.opened_to is None or opened < self.opened_to)
        )


class DecidedChats:
    """Collects, from what `cases` yields, the decisions that are asked for: all counted, some kept."""

    def __init__(self, decided: Callable[[ChatRow], Iterator[Decision]]) -> None:
        self._decided = decided
        self._met: deque[Decision] = deque(maxlen=DECIDED_SHOWN)
        self._missed: deque[Decision] = deque(maxlen=DECIDED_SHOWN)
        self.met = self.missed = 0

    def add(self, item: Wait | Transfer | ChatRow) -> None:
        """Take in one of them."""
        for decision in self._decided(item) if isinstance(item, ChatRow) else ():
            if decision.is_met:
                self.met += 1
                self._met.append(decision)
            else:
                self.missed += 1
                self._missed.append(decision)

    def ratio(self, objective: Objective) -> Ratio:
        """Return the share that the chats add up to."""
        return Ratio(objective, self.met, self.met + self.missed)

    @property
    def rows(self) -> list[Decision]:
        """Return those that are kept: first what missed it, each the latest first."""
        return [*_latest_first(self._missed), *_latest_first(self._met)]


def _latest_first(some: deque[Decision]) -> list[Decision]:
    return sorted(some, key=lambda one: (one.row.opened, one.row.chat), reverse=True)
