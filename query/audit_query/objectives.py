"""Objectives for chats: what should happen within how long after a chat's opening. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit_query.errors import QueryError

__all__ = ["Objective", "ObjectiveError", "Ratio", "parse_objectives"]

_FORM = re.compile(r"(assigned|joined|answered|closed)=([1-9][0-9]{0,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class ObjectiveError(QueryError):
    """Objectives are not written as they should be."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A step that a chat should have reached within a time after its opening."""

    kind: str
    """assigned, joined, answered or closed."""
    within: timedelta
    text: str
    """The time as it was written: 60s."""

    @property
    def name(self) -> str:
        """What it is called: assigned within 60 s."""
        return f"{self.kind} within {self.text[:-1]} {self.text[-1]}"

    def is_met(self, opened: datetime | None, done: datetime | None, ended: datetime) -> bool | None:
        """Tell whether a chat met it; None if that can't be told, or isn't decided.

        `ended` is when the chat was closed, or until when is looked. What was closed sooner without
        the step had no time to miss it.
        """
        if opened is None or (done is not None and done < opened):
            return None
        if done is not None:
            return done - opened <= self.within
        return False if ended - opened > self.within else None


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many chats met an objective, of those that met or missed it."""

    objective: Objective
    met: int
    of: int

    @property
    def percent(self) -> float | None:
        """The share in percent, rounded down to a tenth, so that 100 means all; None of none."""
        return self.met * 1000 // self.of / 10 if self.of else None


def parse_objectives(text: str) -> tuple[Objective, ...]:
    """Return the objectives of a setting, such as `assigned=60s,answered=2m`. Raises ObjectiveError."""
    objectives: dict[str, Objective] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = _FORM.fullmatch(part)
        if match is None or match[1] in objectives:
            raise ObjectiveError(
                f"{part[:64]!r} is not a valid objective; give assigned, joined, answered or closed, "
                "each once, with a time in s, m, h or d, such as assigned=60s,answered=2m"
            )
        within = timedelta(**{_UNITS[match[3]]: int(match[2])})
        objectives[match[1]] = Objective(match[1], within, f"{match[2]}{match[3]}")
    return tuple(objectives.values())
