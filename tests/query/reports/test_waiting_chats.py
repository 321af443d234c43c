"""Chats that wait, of organizations that have chats of one id."""

from collections.abc import Mapping, Sequence
from typing import Any

from audit_query import Filter
from audit_query.reports.waiting_chats import waiting_chats

OPENED: Sequence[tuple[int, str | None, str]] = [
    (50, None, "c-2"),
    (40, "rival", "c-1"),
    (30, "acme", "c-1"),
    (20, "acme", "c-3"),
    (10, None, "c-1"),
]
HANDLED: Sequence[tuple[int, str | None, str]] = [(45, "rival", "c-1"), (15, "acme", "c-3")]


class Log:
    """Answers as Elasticsearch does: openings one by one, what came later by chat."""

    def raw_search(self, _: Filter, *, size: int, **body: Any) -> Mapping[str, Any]:
        """Return hits, or an aggregation of either form."""
        if size:
            return {"hits": {"hits": [_hit(*opening) for opening in OPENED]}}
        buckets = [
            {
                "key": {"0": organization, "1": chat} if "cells" in body["aggs"] else chat,
                "doc_count": 1,
                "first": {"value": float(at)},
                "last": {"value": float(at)},
            }
            for at, organization, chat in HANDLED
        ]
        return {"aggregations": {name: {"buckets": buckets} for name in body["aggs"]}}


def _hit(at: int, organization: str | None, chat: str) -> dict[str, Any]:
    named = {"audit.chat.id": chat, "organization.id": organization}
    return {"fields": {name: [value] for name, value in named.items() if value}, "sort": [at]}


def test_chat_waits_whatever_became_of_anothers_of_its_id() -> None:
    """The longest first; what was opened anew waits again."""
    log: Any = Log()
    waiting = waiting_chats(log, Filter())
    assert list(waiting.chats) == ["c-1", "c-3", "c-1", "c-2"]
