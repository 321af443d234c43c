"""The steps of chats' lives, read from the log's events."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import msgspec
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


class _Event(msgspec.Struct, gc=False):
    action: str


class _Named(msgspec.Struct, gc=False):
    id: str | None = None
    name: str | None = None
    target: "_Named | None" = None


class _Audit(msgspec.Struct, gc=False):
    chat: _Named
    user: str | None = None


class _Source(msgspec.Struct, gc=False):
    event: _Event
    audit: _Audit
    user: _Named | None = None
    organization: _Named | None = None


FIELDS = (
    *("event.action", "organization.id", "audit.chat.id", "audit.user", "user.id"),
    *("user.target.id", "user.target.name"),
)
"""What of an event a step is made of."""

_READ = msgspec.json.Decoder(_Source)


class StepReader:
    """Makes steps of hits, and knows who an assignment was to."""

    def __init__(self, log: AuditLog, life: Filter) -> None:
        self._log = log
        self._life = life
        self._assignees = Assignees(log, life)

    def steps(self, hits: Sequence[Hit]) -> list[Step]:
        """Return a page of a scan's hits as steps."""
        return self._steps([(hit.sort[0], _READ.decode(hit.source)) for hit in hits])

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
        for page in whole_milliseconds(map(self._steps, self._pages(past))):
            yield from page

    def _pages(self, wanted: Filter) -> Iterator[list[tuple[int, _Source]]]:
        """Yield pages of events; a scan's point in time would cost more than these few."""
        for hits in self._log.pages(wanted, fields=FIELDS, first=_PAGE):
            yield [(hit.sort[0], _READ.decode(hit.source)) for hit in hits]

    def _steps(self, events: Sequence[tuple[int, _Source]]) -> list[Step]:
        assignments = (event for _, event in events if event.event.action == ASSIGNED)
        self._assignees.look_up(map(_target, assignments))
        return [self._step(at, event) for at, event in events]

    def _step(self, at: int, event: _Source) -> Step:
        if event.event.action == ASSIGNED:
            person = self._assignees.find(_target(event))
        else:
            person = Person(event.audit.user, event.user.id if event.user else None)
        organization = event.organization.id if event.organization else None
        return Step(at, event.event.action, organization, event.audit.chat.id or "", person)


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


def _target(event: _Source) -> Target:
    target = event.user.target if event.user else None
    return (target.id, target.name or None) if target else (None, None)


def _order(step: Step) -> tuple[int, int]:
    return step.at, _RANK[step.action]
