"""Chats that were opened and wait for somebody: neither assigned, nor joined, nor closed since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from audit_query.filter import Filter
from audit_query.log import AuditLog
from audit_query.reports.case import OPENED, STEPS
from audit_query.reports.case_store import Chat
from audit_query.reports.cells import FIRST_AND_LAST, by_field, cells

__all__ = ["WaitingChats", "narrowed", "waiting_chats"]

_ORGANIZATION, _CHAT = "organization.id", "audit.chat.id"
_EXAMINED = 1000
_HANDLED = tuple(step for step in STEPS if step != OPENED)


@dataclass(frozen=True, slots=True)
class WaitingChats:
    """The chats that wait, the longest first, among the newest openings of a time."""

    chats: Sequence[str]
    is_partial: bool
    """Whether only the newest openings were examined, since there are more."""


def narrowed(wanted: Filter, *activities: str) -> Filter | None:
    """Return the filter for some activities alone; None where it excludes all of them."""
    kept = [name for name in activities if not wanted.activities or name in wanted.activities]
    return replace(wanted, activities=tuple(kept)) if kept else None


def waiting_chats(log: AuditLog, wanted: Filter) -> WaitingChats:
    """Return the chats that wait by now, among the thousand that a time opened last.

    Whatever happened to a chat later counts, whether the filter would find it or not.
    """
    opened, is_partial = _openings(log, wanted)
    handled = _handled(log, list(opened)) if opened else {}
    waiting = [chat for chat, at in opened.items() if handled.get(chat, -1) < at]
    return WaitingChats([chat_id for _, chat_id in sorted(waiting, key=opened.__getitem__)], is_partial)


def _openings(log: AuditLog, wanted: Filter) -> tuple[Mapping[Chat, int], bool]:
    """Return when each chat was opened last, in milliseconds; and whether there are more."""
    openings = narrowed(wanted, OPENED)
    if openings is None:
        return {}, False
    answer = log.raw_search(
        openings,
        size=_EXAMINED,
        track_total_hits=False,
        source=False,
        sort=[{"@timestamp": "desc"}],
        docvalue_fields=[_ORGANIZATION, _CHAT],
    )
    found: dict[Chat, int] = {}
    for hit in answer["hits"]["hits"]:
        fields = hit["fields"]
        found.setdefault((fields.get(_ORGANIZATION, (None,))[0], fields[_CHAT][0]), hit["sort"][0])
    return found, len(answer["hits"]["hits"]) == _EXAMINED


def _handled(log: AuditLog, chats: Sequence[Chat]) -> Mapping[Chat, int]:
    """Return when each chat was assigned, joined or closed last, in milliseconds."""
    steps = Filter(activities=_HANDLED, chats=tuple(sorted({chat_id for _, chat_id in chats})))
    source = [by_field(_ORGANIZATION, optional=True), by_field(_CHAT)]
    found = cells(log, steps, source, facts=FIRST_AND_LAST)
    return {(cell.key[0], cell.key[1]): cell.last or 0 for cell in found}
