"""Who an assigned chat was given to: the user that the log knows by that id or name.

An event names the one it was done to in its own words: with an id, a name, or both, which need not
be those that the same person's own events have.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from audit_schemas import shown_person, visible_name

from audit_query.filter import Filter
from audit_query.log import AuditLog
from audit_query.reports.cells import FIRST_AND_LAST, Cell, by_field, cells

__all__ = ["Assignees", "Directory", "Person", "Target", "WantedPeople"]

Target = tuple[str | None, str | None]
"""Id and name of whom something was done to, as the event has them."""

_BATCH = 1000
"""Ids and names in one query; Elasticsearch takes 65,536."""


class Person(NamedTuple):
    """A user: the name that the log shows, and the id that stands beside it, if any."""

    user: str | None
    id: str | None


class Directory:
    """Names and ids that were seen together. Pure; memory is that of those it was told of."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, int]] = {}
        self._ids: dict[str, set[str | None]] = {}

    def learn(self, cells: Iterable[Cell]) -> None:
        """Take in cells of user and id."""
        for cell in cells:
            user, user_id = cell.key
            self._ids.setdefault(user, set()).add(user_id)
            if user_id is not None:
                self._names.setdefault(user_id, {})[user] = cell.last or 0

    def find(self, user_id: str | None, name: str | None) -> Person:
        """Return the user that is meant by an id, a name, or both.

        An id is believed before a name: it is whoever has it, under that name or else the last one
        that they had. A name without an id is the one person who has it; if there are several, or
        an id that nobody has, it is none of them.
        """
        name = shown_person(name) if name else None
        if user_id is not None and (names := self._names.get(user_id)):
            latest = max(names, key=lambda known: (names[known], known))
            return Person(name if name in names else latest, user_id)
        shown = name or (shown_person(user_id) if user_id else None)
        ids = self._ids.get(shown or "", set())
        if ids == {None}:
            return Person(shown, None)
        bearers = ids - {None}
        if user_id is None and len(bearers) == 1:
            return Person(shown, bearers.pop())
        return Person(shown, user_id)


class Assignees:
    """The people that chats were assigned to, looked up in the log as they come.

    Memory is bounded by their number. The log is asked about the time and the organizations that
    are wanted, whatever else is.
    """

    def __init__(self, log: AuditLog, wanted: Filter) -> None:
        self._log = log
        self._scope = Filter(organizations=wanted.organizations, start=wanted.start, end=wanted.end)
        self._asked: set[Target] = set()
        self._directory = Directory()

    def look_up(self, targets: Iterable[Target]) -> None:
        """Learn who these are; who was asked for before is not asked for again."""
        new = set(targets) - self._asked
        self._asked |= new
        asked = sorted({shown_person(text) for target in new for text in target if text})
        sources = [by_field("audit.user"), by_field("user.id", optional=True)]
        for start in range(0, len(asked), _BATCH):
            some = replace(self._scope, users=tuple(asked[start : start + _BATCH]))
            self._directory.learn(cells(self._log, some, sources, facts=FIRST_AND_LAST))

    def find(self, target: Target) -> Person:
        """Return who that is, as far as was looked up."""
        return self._directory.find(*target)


class WantedPeople:
    """Tells whether one of some people is among the users that a filter asks for, and none left out."""

    def __init__(self, wanted: Filter) -> None:
        self._users = frozenset(map(visible_name, wanted.users))
        self._excluded = frozenset(map(visible_name, wanted.exclude.users))
        self._are_all = not self._users and not self._excluded

    def has(self, *people: Person | None) -> bool:
        """Tell it of these, by name or by id."""
        if self._are_all:
            return True
        known = {person.user for person in people if person is not None}
        known |= {shown_person(person.id) for person in people if person is not None and person.id}
        return known.isdisjoint(self._excluded) and not (self._users and known.isdisjoint(self._users))
