"""`report chats`: how long each chat waited, and how long chats wait for whom.

One pass over the log in order of time. The other way, a composite aggregation over the chats' ids,
looks at all events for each page of ten thousand chats, so that its cost grows with the square of
the events, and it can't tell who came first, or a chat that was opened again (see ARCHITECTURE.md).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from audit_query.errors import ParameterError
from audit_query.filter import Filter
from audit_query.log import ORDER, AuditLog
from audit_query.question import EXCLUDE, PARAMETERS
from audit_query.reports.case import ASSIGNED, OPENED, STEPS, ChatRow, Step, Wait
from audit_query.reports.case_book import CaseBook, Chat
from audit_query.reports.cells import moment
from audit_query.reports.people import Assignees, Person, Target, is_wanted
from audit_query.reports.windows import Progress

__all__ = ["cases", "chats", "life_of", "whole_milliseconds"]

_PAGE = 10_000
_BATCH = 1000
_IN_MEMORY = 50_000
_RANK = {action: rank for rank, action in enumerate(STEPS)}
_FITTING = {"user", "org", "chat"}
_TARGET = ("user.target.id", "user.target.name")
_BODY: dict[str, Any] = {
    "_source": False,
    "stored_fields": "_none_",
    "docvalue_fields": [
        *("event.action", "organization.id", "audit.chat.id", "audit.user", "user.id"),
        *_TARGET,
    ],
}


def chats(log: AuditLog, wanted: Filter, *, progress: Progress | None = None) -> Iterator[ChatRow]:
    """Yield a row for each chat that something happened to: first the closed, as they were closed.

    See `cases` for what is counted, and what can be asked for.
    """
    return (found for found in cases(log, wanted, progress=progress) if isinstance(found, ChatRow))


def cases(
    log: AuditLog, wanted: Filter, *, progress: Progress | None = None
) -> Iterator[Wait | ChatRow]:
    """Yield the end of each wait in order of time, and each chat when it is closed, or at the end.

    What happened to a chat before the filter's start is looked up: it counts for the lengths of the
    waits that end after it, and for which assignment or join was the first. Users are those whom a
    chat was opened by, assigned to, joined or closed by; with `exclude`, none of them. Memory is
    bounded. Raises ParameterError for parts of a filter that would tear chats apart.
    """
    life = life_of(wanted)
    if progress:
        progress(0, log.count(life))
    reader = _Reader(log, life)
    with CaseBook(_IN_MEMORY) as book, log.scan(life, size=_PAGE, **_BODY) as pages:
        for steps in whole_milliseconds(map(reader.steps, pages)):
            book.tidy(before=steps[0].at)
            reader.remember(book, steps)
            for step in steps:
                wait, row = book.take(step)
                if wait is not None and is_wanted(wanted, wait.person):
                    yield wait
                if row is not None and _concerns(wanted, row):
                    yield row
            if progress:
                progress(len(steps), 0)
        yield from (row for row in book.open_cases() if _concerns(wanted, row))


def life_of(wanted: Filter) -> Filter:
    """Return the filter of all steps of the chats that are asked for. Raises ParameterError.

    An address, say, would leave out the assignments, which the system does, and with them the waits.
    """
    for name, field in PARAMETERS.items():
        if name in _FITTING:
            continue
        for prefix, criteria in (("", wanted), (EXCLUDE, wanted.exclude)):
            if getattr(criteria, field):
                raise ParameterError(
                    prefix + name,
                    "can't narrow a report of chats, since it would leave out steps of theirs; "
                    "give user, org, chat, from or to",
                )
    return replace(wanted, users=(), activities=STEPS, exclude=replace(wanted.exclude, users=()))


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


class _Reader:
    """Steps out of the log's answers."""

    def __init__(self, log: AuditLog, life: Filter) -> None:
        self._log = log
        self._life = life
        self._assignees = Assignees(log, life)

    def steps(self, hits: Sequence[Mapping[str, Any]]) -> list[Step]:
        """Return a page of hits as steps."""
        found = [(hit["sort"][0], {k: v[0] for k, v in hit["fields"].items()}) for hit in hits]
        self._assignees.look_up(_target(event) for _, event in found if _is_assignment(event))
        return [self._step(at, event) for at, event in found]

    def remember(self, book: CaseBook, steps: Sequence[Step]) -> None:
        """Tell the book what happened before these steps to chats that it doesn't know."""
        unknown: set[Chat] = set()
        seen: set[Chat] = set()
        for step in steps:
            chat = (step.organization, step.chat)
            if chat not in seen and step.action != OPENED and not book.knows(chat):
                unknown.add(chat)
            seen.add(chat)
        ids = sorted({chat for _, chat in unknown})
        for start in range(0, len(ids), _BATCH):
            past = self._past(tuple(ids[start : start + _BATCH]), steps[0].at)
            for step in past:
                if (step.organization, step.chat) in unknown:
                    book.take(step)

    def _past(self, chat_ids: tuple[str, ...], before: int) -> Iterator[Step]:
        past = replace(self._life, chats=chat_ids, start=None, end=moment(before))
        for page in whole_milliseconds(map(self.steps, self._pages(past))):
            yield from page

    def _pages(self, wanted: Filter) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield pages of hits; a scan's point in time would cost more than these few events."""
        after: Any = None
        while True:
            found = self._log.ask(
                wanted,
                size=_PAGE,
                sort=[{field: "asc"} for field in ORDER],
                track_total_hits=False,
                **({"search_after": after} if after else {}),
                **_BODY,
            )
            hits = found["hits"]["hits"]
            if hits:
                yield hits
            if len(hits) < _PAGE:
                return
            after = hits[-1]["sort"]

    def _step(self, at: int, event: Mapping[str, Any]) -> Step:
        if _is_assignment(event):
            person = self._assignees.find(_target(event))
        else:
            person = Person(event.get("audit.user"), event.get("user.id"))
        return Step(
            at, event["event.action"], event.get("organization.id"), event["audit.chat.id"], person
        )


def _is_assignment(event: Mapping[str, Any]) -> bool:
    return bool(event["event.action"] == ASSIGNED)


def _target(event: Mapping[str, Any]) -> Target:
    user_id, name = (event.get(field) for field in _TARGET)
    return user_id, name or None


def _order(step: Step) -> tuple[int, int]:
    return step.at, _RANK[step.action]


def _concerns(wanted: Filter, row: ChatRow) -> bool:
    return is_wanted(wanted, row.opener, row.assignee, row.joiner, row.closer)
