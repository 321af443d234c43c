"""The steps of chats' lives, read from the log's events."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from audit_runtime.hits import Hit

from audit_query.filter import Filter
from audit_query.log import AuditLog
from audit_query.reports.case import ASSIGNED, OPENED, STEPS, Step
from audit_query.reports.case_store import CaseStore, Chat
from audit_query.reports.cells import from_millis
from audit_query.reports.people import Assignees, Person, Target

__all__ = ["FIELDS", "StepReader", "whole_milliseconds"]

_PAGE = 10_000
_BATCH = 1000
_RANK = {action: rank for rank, action in enumerate(STEPS)}


FIELDS = (
    *("event.action", "organization.id", "audit.chat.id", "audit.user", "user.id"),
    *("user.target.id", "user.target.name"),
)
"""What of an event a step is made of: read from the index, since that takes half of what reading
events takes."""

_ABSENT = (None,)

Values = Mapping[str, Sequence[Any]]


class StepReader:
    """Makes steps of hits, and knows who an assignment was to."""

    def __init__(self, log: AuditLog, life: Filter) -> None:
        self._log = log
        self._life = life
        self._assignees = Assignees(log, life)

    def steps(self, hits: Sequence[Hit]) -> list[Step]:
        """Return a page of a scan's hits as steps."""
        targets = (hit.fields for hit in hits if hit.fields["event.action"][0] == ASSIGNED)
        self._assignees.look_up(map(_target, targets))
        return [self._step(hit.sort[0], hit.fields) for hit in hits]

    def remember(self, store: CaseStore, steps: Sequence[Step]) -> None:
        """Tell the store what happened before these steps to chats that it doesn't know.

        A chat that begins with its opening has no past to be looked up.
        """
        unknown: set[Chat] = set()
        seen: set[Chat] = set()
        for step in steps:
            chat = (step.organization, step.chat)
            if chat not in seen and step.action != OPENED and not store.knows(chat):
                unknown.add(chat)
            seen.add(chat)
        ids = sorted({chat for _, chat in unknown})
        for start in range(0, len(ids), _BATCH):
            for step in self._past(tuple(ids[start : start + _BATCH]), steps[0].at):
                if (step.organization, step.chat) in unknown:
                    store.take(step)

    def _past(self, chat_ids: tuple[str, ...], before: int) -> Iterator[Step]:
        past = replace(self._life, chats=chat_ids, start=None, end=from_millis(before))
        # A scan's point in time would cost more than these few pages.
        pages = self._log.pages(past, values=FIELDS, first=_PAGE)
        for page in whole_milliseconds(map(self.steps, pages)):
            yield from page

    def _step(self, at: int, values: Values) -> Step:
        action = values["event.action"][0]
        if action == ASSIGNED:
            person = self._assignees.find(_target(values))
        else:
            person = Person(_one(values, "audit.user"), _one(values, "user.id"))
        chat = _one(values, "audit.chat.id") or ""
        return Step(at, action, _one(values, "organization.id"), chat, person)


def whole_milliseconds(pages: Iterable[Sequence[Step]]) -> Iterator[list[Step]]:
    """Yield the steps in pages that end where a millisecond does; there, a chat's life is in order.

    Several servers' events of one millisecond may be stored in any order. A page that is all one
    millisecond is given as it is, so that memory stays bounded.
    """
    held: list[Step] = []
    for page in pages:
        held += page
        last = held[-1].at
        cut = next((n for n in range(len(held), 0, -1) if held[n - 1].at < last), len(held))
        if cut:
            yield sorted(held[:cut], key=_order)
        held = held[cut:]
    if held:
        yield sorted(held, key=_order)


def _target(values: Values) -> Target:
    return _one(values, "user.target.id"), _one(values, "user.target.name") or None


def _one(values: Values, field: str) -> Any:
    return values.get(field, _ABSENT)[0]


def _order(step: Step) -> tuple[int, int]:
    return step.at, _RANK[step.action]
