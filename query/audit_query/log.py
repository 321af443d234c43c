"""The log, asked: one thin object over Elasticsearch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self, cast

import elasticsearch
from audit_schemas.settings import ElasticsearchSettings

from audit_query.errors import TimeRangeError
from audit_query.filter import Filter
from audit_query.timespec import check_interval

__all__ = ["DIMENSIONS", "AuditLog", "Bucket", "Dimension", "Page", "Ranked"]

Dimension = Literal["activity", "user", "ip", "outcome"]

DIMENSIONS: Mapping[Dimension, str] = {
    "activity": "event.action",
    "user": "audit.user",
    "ip": "source.ip",
    "outcome": "event.outcome",
}
"""What events can be grouped by, and the field it is."""

_SORT_FIELDS = ("@timestamp", "audit.kafka.partition", "audit.kafka.offset")
_PAGE_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, as they are stored, and where to go on; no cursor means that is all."""

    events: Sequence[dict[str, Any]]
    cursor: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class Bucket:
    """Events of one interval: their number, and the parts it is split into, largest first.

    With a split, the parts and `other` sum to `count`: `other` counts what is below the split's
    limit, or lacks the field.
    """

    start: datetime
    count: int
    parts: Mapping[str, int]
    other: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """A value and how many events have it."""

    value: str
    count: int


class AuditLog:
    """Asks the index of events. Errors of the Elasticsearch client pass through."""

    def __init__(self, settings: ElasticsearchSettings, *, seconds: float = 30.0) -> None:
        self._index = settings.index_prefix
        self._client = elasticsearch.Elasticsearch(
            **settings.elasticsearch_options(), request_timeout=seconds
        )

    def search(
        self,
        wanted: Filter,
        *,
        size: int = 100,
        newest_first: bool = True,
        after: Sequence[Any] | None = None,
    ) -> Page:
        """Return one page of events, at most 10,000; `after` is the cursor of the page before.

        Events that share a millisecond are ordered by Kafka partition and offset, so that pages
        neither repeat nor skip one while new events arrive.
        """
        order = "desc" if newest_first else "asc"
        found = self._search(
            query=wanted.to_query(),
            size=min(size, _PAGE_MAX),
            sort=[{field: order} for field in _SORT_FIELDS],
            track_total_hits=False,
            **({"search_after": list(after)} if after else {}),
        )
        hits = found["hits"]["hits"]
        cursor = tuple(hits[-1]["sort"]) if len(hits) == min(size, _PAGE_MAX) and hits else None
        return Page([hit["_source"] for hit in hits], cursor)

    def walk(
        self, wanted: Filter, *, limit: int, newest_first: bool = True
    ) -> Iterator[dict[str, Any]]:
        """Yield up to `limit` events, page by page."""
        after: Sequence[Any] | None = None
        while limit > 0:
            page = self.search(wanted, size=min(limit, 1000), newest_first=newest_first, after=after)
            yield from page.events
            limit -= len(page.events)
            if page.cursor is None:
                return
            after = page.cursor

    def count(self, wanted: Filter) -> int:
        """Return how many events match, exactly."""
        found = self._client.count(index=self._index, query=wanted.to_query(), **cast("Any", _LENIENT))
        return int(found["count"])

    def buckets(
        self,
        wanted: Filter,
        *,
        interval: str = "1h",
        by: Dimension | None = None,
        parts: int = 10,
        time_zone: str = "UTC",
    ) -> list[Bucket]:
        """Return events by time: fixed intervals (`15m`) or calendar ones (`day`), none left out.

        `by` splits each into its `parts` most frequent values. Raises TimeRangeError.
        """
        histogram: dict[str, Any] = {
            "field": "@timestamp",
            check_interval(interval): interval,
            "time_zone": time_zone,
            "min_doc_count": 0,
        }
        aggregation: dict[str, Any] = {"date_histogram": histogram}
        if by is not None:
            split = {"field": DIMENSIONS[by], "size": parts}
            aggregation["aggs"] = {"parts": {"terms": split}}
        try:
            found = self._search(
                query=wanted.to_query(),
                size=0,
                track_total_hits=False,
                aggs={"over_time": aggregation},
            )
        except elasticsearch.BadRequestError as error:
            if "too_many_buckets" not in str(error.body):
                raise
            raise TimeRangeError(
                f"{interval} is too short an interval for so long a time; take a longer one, "
                "or a shorter time (--from, --to)"
            ) from error
        return [_bucket(b) for b in _buckets_in(found, "over_time")]

    def top(self, wanted: Filter, by: Dimension, *, size: int = 10) -> list[Ranked]:
        """Return the most frequent values of a field, with how many events have each."""
        terms = {"field": DIMENSIONS[by], "size": size}
        found = self._search(
            query=wanted.to_query(), size=0, track_total_hits=False, aggs={"top": {"terms": terms}}
        )
        return [
            Ranked(str(b.get("key_as_string", b["key"])), b["doc_count"])
            for b in _buckets_in(found, "top")
        ]

    def refresh(self) -> None:
        """Make everything that was indexed searchable now; analysts just wait for a second."""
        self._client.indices.refresh(index=self._index, **_LENIENT)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def _search(self, **body: Any) -> Mapping[str, Any]:
        return dict(self._client.search(index=self._index, **_LENIENT, **body).body)


# A log that is set up but still empty has no index: that is no error, only no events.
_LENIENT: dict[str, Any] = {"ignore_unavailable": True, "allow_no_indices": True}


def _buckets_in(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    buckets: list[dict[str, Any]] = found.get("aggregations", {}).get(name, {}).get("buckets", [])
    return buckets


def _bucket(found: Mapping[str, Any]) -> Bucket:
    start = datetime.fromtimestamp(found["key"] / 1000, UTC)
    count = int(found["doc_count"])
    if "parts" not in found:
        return Bucket(start, count, {}, 0)
    parts = {str(p.get("key_as_string", p["key"])): p["doc_count"] for p in found["parts"]["buckets"]}
    return Bucket(start, count, parts, count - sum(parts.values()))
