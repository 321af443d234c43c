"""Counts by several fields at once, read page by page: any number of them, in bounded memory.

A composite aggregation has no limit but that of a page, and gives its cells in order, so that
several of them can be merged as they are read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from audit_query.filter import Filter
from audit_query.log import AuditLog

__all__ = [
    "FIRST_AND_LAST",
    "Cell",
    "Key",
    "by_field",
    "by_time",
    "cells",
    "from_millis",
    "iso",
    "order",
    "to_millis",
]

Key = tuple[Any, ...]
"""The values of the fields, in the order in which they were asked for; None where one is missing."""

FIRST_AND_LAST: Mapping[str, Any] = {
    "first": {"min": {"field": "@timestamp"}},
    "last": {"max": {"field": "@timestamp"}},
}

_PAGE = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cell:
    """How many events have these values; the first and the last one's milliseconds, if asked for."""

    key: Key
    count: int
    first: int | None = None
    last: int | None = None


def cells(
    log: AuditLog,
    wanted: Filter,
    sources: Sequence[Mapping[str, Any]],
    *,
    facts: Mapping[str, Any] | None = None,
) -> Iterator[Cell]:
    """Yield a cell for each combination of values that events have, in `order` of their keys.

    `sources` are those of `by_field` and `by_time`; `facts` is FIRST_AND_LAST or nothing.
    """
    named = [{str(number): source} for number, source in enumerate(sources)]
    after: Mapping[str, Any] | None = None
    while True:
        composite = {"size": _PAGE, "sources": named, **({"after": after} if after else {})}
        aggregation = {"composite": composite, **({"aggs": facts} if facts else {})}
        response = log.raw_search(wanted, size=0, track_total_hits=False, aggs={"cells": aggregation})
        page = response.get("aggregations", {}).get("cells", {})
        buckets = page.get("buckets", [])
        yield from map(_cell, buckets)
        after = page.get("after_key")
        if after is None or len(buckets) < _PAGE:
            return


def by_field(field: str, *, optional: bool = False) -> dict[str, Any]:
    """Return a source that groups by a field; events without it are left out, unless optional."""
    return {"terms": {"field": field, "missing_bucket": optional}}


def by_time(parameter: str, interval: str, time_zone: str = "UTC") -> dict[str, Any]:
    """Return a source that groups by time; `parameter` is fixed_interval or calendar_interval."""
    return {"date_histogram": {"field": "@timestamp", parameter: interval, "time_zone": time_zone}}


def order(key: Key) -> tuple[tuple[bool, Any], ...]:
    """Return what sorts keys as Elasticsearch does: missing values first, text by its bytes.

    Code points sort as their UTF-8 does.
    """
    return tuple((value is not None, value) for value in key)


def from_millis(milliseconds: float) -> datetime:
    """Return the time of Elasticsearch's milliseconds."""
    seconds, rest = divmod(int(milliseconds), 1000)
    return _EPOCH + timedelta(0, seconds, rest * 1000)  # quicker than by its keywords


def to_millis(time: datetime) -> int:
    """Return a time as Elasticsearch's milliseconds, cut as it cuts them."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def iso(time: datetime | None, zone: tzinfo) -> str | None:
    """Return a time as JSON and CSV have it: with milliseconds and the zone's offset."""
    return None if time is None else time.astimezone(zone).isoformat(timespec="milliseconds")


def _cell(bucket: Mapping[str, Any]) -> Cell:
    def fact(name: str) -> int | None:
        return int(bucket[name]["value"]) if name in bucket else None

    return Cell(tuple(bucket["key"].values()), bucket["doc_count"], fact("first"), fact("last"))
