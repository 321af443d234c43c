"""The log at a glance: a time's figures beside those of the time before.

A handful of aggregations that return no events, sent at the same time. Each is bounded, whatever the
log holds.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit_query.aggregations import Ranked
from audit_query.filter import Filter
from audit_query.log import AuditLog
from audit_query.reports.case import CLOSED, OPENED
from audit_query.reports.cells import from_millis
from audit_query.reports.period_before import period_before
from audit_query.reports.waiting_chats import WaitingChats, narrowed, waiting_chats

__all__ = [
    "LOGIN_FAILED",
    "FailureSource",
    "Overview",
    "PublishingService",
    "Totals",
    "overview",
]

LOGIN_FAILED = "login-failed"
_SERVICES = 50
_COUNTED = (LOGIN_FAILED, OPENED, CLOSED)
_TIME = "@timestamp"


@dataclass(frozen=True, slots=True)
class Totals:
    """How many events of a time there are in all, and of some activities."""

    events: int = 0
    failed_logins: int = 0
    chats_opened: int = 0
    chats_closed: int = 0


@dataclass(frozen=True, slots=True)
class FailureSource:
    """An address that log-ins failed from, and about how many users they were of."""

    ip: str
    failures: int
    users: int


@dataclass(frozen=True, slots=True)
class PublishingService:
    """A service, its events of the time, and its last one; of one that fell silent, before it."""

    name: str
    events: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """All figures of a time; `before` are those of the same length of time before it."""

    totals: Totals
    before: Totals
    compared: Filter
    """What `before` counts."""
    sources: Sequence[FailureSource]
    """The addresses with most failed log-ins."""
    users: Sequence[Ranked]
    """Who has most events."""
    services: Sequence[PublishingService]
    """Whoever published in the time, or in the one before; the longest silent first."""
    waiting: WaitingChats


def overview(log: AuditLog, wanted: Filter, *, size: int = 8) -> Overview:
    """Return the figures of a time with a start and an end; rankings have at most `size` values."""
    before = period_before(wanted, wanted.end) if wanted.end is not None else None
    if before is None:
        raise ValueError("an overview is of a time with a start and an end")
    with ThreadPoolExecutor(4, "overview") as pool:
        counted = [pool.submit(_counted, log, time) for time in (wanted, before)]
        sources = pool.submit(_sources, log, wanted, size)
        waiting = pool.submit(waiting_chats, log, wanted)
        users = log.top(wanted, "user", size=size)
        now, earlier = (future.result() for future in counted)
        return Overview(
            _totals(now),
            _totals(earlier),
            before,
            sources.result(),
            users,
            _services(now, earlier),
            waiting.result(),
        )


def _counted(log: AuditLog, wanted: Filter) -> Mapping[str, Any]:
    last = {"last": {"max": {"field": _TIME}}}
    return log.raw_search(
        wanted,
        size=0,
        track_total_hits=True,
        aggs={
            "activities": {"terms": {"field": "event.action", "include": list(_COUNTED)}},
            "services": {"terms": {"field": "service.name", "size": _SERVICES}, "aggs": last},
        },
    )


def _totals(answer: Mapping[str, Any]) -> Totals:
    counts = {row["key"]: row["doc_count"] for row in _buckets(answer, "activities")}
    return Totals(answer["hits"]["total"]["value"], *(counts.get(name, 0) for name in _COUNTED))


def _services(answer: Mapping[str, Any], before: Mapping[str, Any]) -> Sequence[PublishingService]:
    found: dict[str, PublishingService] = {}
    for rows, is_now in ((_buckets(before, "services"), False), (_buckets(answer, "services"), True)):
        for row in rows:
            last = from_millis(row["last"]["value"])
            count = row["doc_count"] if is_now else 0
            found[row["key"]] = PublishingService(row["key"], count, last)
    return sorted(found.values(), key=lambda service: (service.last, service.name))


def _sources(log: AuditLog, wanted: Filter, size: int) -> Sequence[FailureSource]:
    failures = narrowed(wanted, LOGIN_FAILED)
    if failures is None:
        return ()
    ranked = log.top(failures, "ip", size=size)
    if not ranked:
        return ()
    terms = {"field": "source.ip", "size": size, "include": [row.value for row in ranked]}
    users = {"users": {"cardinality": {"field": "audit.user"}}}
    answer = log.raw_search(
        failures, size=0, track_total_hits=False, aggs={"ips": {"terms": terms, "aggs": users}}
    )
    tried = {
        str(row.get("key_as_string", row["key"])): row["users"]["value"]
        for row in _buckets(answer, "ips")
    }
    return [FailureSource(row.value, row.count, tried.get(row.value, 0)) for row in ranked]


def _buckets(answer: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """Return an aggregation's buckets; an answer of no index at all has none."""
    found: Sequence[Mapping[str, Any]] = answer.get("aggregations", {}).get(name, {}).get("buckets", ())
    return found
