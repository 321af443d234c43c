"""`report chats`: how long each chat waited, and how long chats wait for whom.

One pass over the log in order of time, in bounded memory. A composite aggregation over the chats'
ids is quicker for some million steps, but knows neither who came first nor a chat that was opened
again, and its cost grows with the square of the steps (see ARCHITECTURE.md).
"""

from collections.abc import Iterator
from dataclasses import replace

from audit_query.errors import ParameterError
from audit_query.filter import Filter
from audit_query.log import AuditLog
from audit_query.query_spec import EXCLUDE, PARAMETERS
from audit_query.reports.case import STEPS, ChatRow, Transfer, Wait
from audit_query.reports.case_store import CaseStore
from audit_query.reports.chat_steps import FIELDS, StepReader, whole_milliseconds
from audit_query.reports.people import WantedPeople
from audit_query.reports.windows import Progress
from audit_query.scan import Scan

__all__ = ["CHAT_FILTERS", "cases", "chats", "life_of"]

_PAGE = 10_000
_IN_MEMORY = 50_000
CHAT_FILTERS = ("user", "org", "chat")
"""What reports of chats can be narrowed by, apart from time: others would leave out steps."""


def chats(log: AuditLog, wanted: Filter, *, progress: Progress | None = None) -> Iterator[ChatRow]:
    """Yield a row for each chat that something happened to: first the closed, as they were closed.

    See `cases` for what is counted, and what can be asked for.
    """
    return (row for row in cases(log, wanted, progress=progress) if isinstance(row, ChatRow))


def cases(
    log: AuditLog, wanted: Filter, *, progress: Progress | None = None
) -> Iterator[Wait | Transfer | ChatRow]:
    """Yield the end of each wait and each transfer in order of time, and each chat.

    A chat comes when it is closed; those that are open, at the end.

    What happened to a chat before the filter's start is looked up: it counts for the lengths of the
    waits that end after it, and for which assignment or join was the first. Users are those whom a
    chat was opened by, assigned to, joined or closed by; with `exclude`, none of them. Memory is
    bounded. Raises ParameterError for parts of a filter that would tear chats apart.
    """
    life = life_of(wanted)
    if progress:
        progress(0, log.count(life))
    reader, people = StepReader(log, life), WantedPeople(wanted)
    with CaseStore(_IN_MEMORY) as store, _scan(log, life) as pages:
        for steps in whole_milliseconds(map(reader.steps, pages)):
            store.tidy(before=steps[0].at)
            reader.remember(store, steps)
            for step in steps:
                change, row = store.take(step)
                if change is not None and _is_theirs(people, change):
                    yield change
                if row is not None and _concerns(people, row):
                    yield row
            if progress:
                progress(len(steps), 0)
        yield from (row for row in store.open_cases() if _concerns(people, row))


def life_of(wanted: Filter) -> Filter:
    """Return the filter of all steps of the chats that are asked for. Raises ParameterError.

    An address, say, would leave out the assignments, which the system does, and with them the waits.
    """
    for name, field in PARAMETERS.items():
        if name in CHAT_FILTERS:
            continue
        for prefix, criteria in (("", wanted), (EXCLUDE, wanted.exclude)):
            if getattr(criteria, field):
                raise ParameterError(
                    prefix + name,
                    "can't narrow a report of chats, since it would leave out steps of theirs; "
                    "give user, org, chat, from or to",
                )
    return replace(wanted, users=(), activities=STEPS, exclude=replace(wanted.exclude, users=()))


def _scan(log: AuditLog, life: Filter) -> Scan:
    return log.scan(life, size=_PAGE, source=False, docvalue_fields=FIELDS)


def _concerns(people: WantedPeople, row: ChatRow) -> bool:
    return people.has(row.opener, row.assignee, row.joiner, row.answerer, row.closer)


def _is_theirs(people: WantedPeople, change: Wait | Transfer) -> bool:
    if isinstance(change, Wait):
        return people.has(change.person)
    return people.has(change.giver, change.taker)
