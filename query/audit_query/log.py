"""The query client: one thin object over Elasticsearch."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import elasticsearch
import msgspec
from audit_runtime import ElasticsearchSettings
from audit_runtime.elastic import connect
from audit_runtime.hits import Hit

from audit_query.aggregations import (
    CANDIDATES,
    Buckets,
    Dimension,
    Ranked,
    Seen,
    TimeRange,
    may_be_low,
    may_miss,
    over_time,
    ranking,
    read_buckets,
    read_ranking,
    read_seen,
)
from audit_query.claims import first_received
from audit_query.event_reader import PAGE_MAX, EventReader, Page, Query, decoded, sorted_by, up_to
from audit_query.filter import Filter
from audit_query.intervals import AUTO, LADDER, check_interval, suitable_interval
from audit_query.list_finder import list_finder
from audit_query.refusals import refusals_named
from audit_query.scan import Scan
from audit_query.suggestions import Suggested, suggestions

__all__ = ["PAGE_MAX", "AuditLog", "Page"]

ORDER = ("@timestamp", "audit.kafka.partition", "audit.kafka.offset")
"""What events are sorted by. No two have all three in common, so that a cursor has one meaning."""

_SCAN_PAGE = 5000
_CLAIMS = 20
_ANSWER_BYTES = 64 * 1024**2
"""What an aggregation may answer: ten thousand groups with the longest names."""
_ARRIVAL = ("event.ingested", "audit.kafka.partition", "audit.kafka.offset")


class AuditLog:
    """Queries the index of events. Errors of the Elasticsearch client pass through.

    A result is complete, or there is none: a shard that could not be searched is an error.
    Threads may share one.
    """

    def __init__(
        self,
        settings: ElasticsearchSettings,
        *,
        seconds: float = 30.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._seconds = seconds
        self._index = settings.index_prefix
        self._clock = clock
        self._find_list = list_finder(settings, clock)
        self._organization: str | None = None
        self._client = connect(settings, seconds=seconds, answer_bytes=_ANSWER_BYTES)
        self._events = EventReader(settings, seconds)

    def for_organization(self, organization: str) -> "AuditLog":
        """Return the log of one organization: no other's events exist in any of its results.

        It shares the connections; close the one it came from.
        """
        bound = object.__new__(AuditLog)
        bound.__dict__.update(self.__dict__, _organization=organization)
        return bound

    @property
    def organization(self) -> str | None:
        """The one organization whose events it sees; None if it sees all."""
        return self._organization

    def search(
        self,
        wanted: Filter,
        *,
        size: int = 100,
        newest_first: bool = True,
        after: Sequence[int] | None = None,
        fields: Sequence[str] | None = None,
    ) -> Page[dict[str, Any]]:
        """Return one page of events, 1 to 10,000; `after` is the cursor of the page before.

        A page ends early, after about 8 MB; its cursor goes on. Events that share a millisecond are
        ordered by Kafka partition and offset, so that pages neither repeat nor skip one while new
        events arrive. `fields` leaves all others out.
        """
        query = self._query(wanted, newest_first=newest_first, after=after, fields=fields)
        page = self._events.page(query, size)
        return Page(list(map(decoded, page.events)), page.cursor)

    def search_json(
        self,
        wanted: Filter,
        *,
        size: int = 100,
        newest_first: bool = True,
        after: Sequence[int] | None = None,
    ) -> Page[msgspec.Raw]:
        """Return the same page with its events' JSON as it is stored, which takes less memory."""
        query = self._query(wanted, newest_first=newest_first, after=after)
        page = self._events.page(query, size)
        return Page([hit.source for hit in page.events], page.cursor)

    def iter_events(
        self,
        wanted: Filter,
        *,
        limit: int,
        newest_first: bool = True,
        fields: Sequence[str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield up to `limit` events, page by page."""
        for page in self.pages(wanted, newest_first=newest_first, limit=limit, fields=fields):
            yield from map(decoded, page)

    def pages(
        self,
        wanted: Filter,
        *,
        limit: int | None = None,
        newest_first: bool = False,
        after: Sequence[int] | None = None,
        fields: Sequence[str] | None = None,
        values: Sequence[str] | None = None,
        first: int = 100,
        most: int = PAGE_MAX,
    ) -> Iterator[Sequence[Hit]]:
        """Yield hits, page by page, each of some megabytes at most.

        Without a point in time: a scan's costs more, and is exact while events arrive. The first page
        asks for `first` events, none for more than `most`. With `values`, hits have those fields as
        they are indexed, and no text.
        """
        sort = sorted_by(ORDER, newest_first=newest_first)
        query = Query(self._scoped(wanted), sort, after, fields, values)
        return (page.hits for page in self._events.pages(query, limit=limit, first=first, most=most))

    def get(self, event_id: str) -> dict[str, Any] | None:
        """Return an event by its id; None if there is none. Of several, the first: see `claims`."""
        return next(iter(self.claims(event_id)), None)

    def claims(self, event_id: str) -> list[dict[str, Any]]:
        """Return all events with an id, at most 20: the one that Kafka received first, then others.

        There is one. Others were published under its id with a time in another index's period; what
        they say is not to be believed.
        """
        if not event_id:
            return []
        # By times that no publisher can choose.
        order = sorted_by(_ARRIVAL, newest_first=False)
        response = self._search(
            {"ids": {"values": [event_id]}}, size=_CLAIMS, sort=order, track_total_hits=False
        )
        return first_received([hit["_source"] for hit in response["hits"]["hits"]])

    def newest_arrivals(
        self,
        wanted: Filter,
        *,
        since: Sequence[int] | None = None,
        size: int = 100,
        fields: Sequence[str] | None = None,
    ) -> Page[dict[str, Any]]:
        """Return the events that were indexed last, the newest first: what a live tail polls.

        Sorted by the time of indexing, so that events which happened long ago show when they
        arrive. Events can become visible out of this order, so each poll goes back a minute before
        the cursor: tell by event.id which were there already. Of more than `size`, or than 64 MB,
        only the last. No cursor is ahead of the clock, as that of one consumer may be.
        """
        now = round(self._clock().timestamp() * 1000)
        filters: list[Mapping[str, Any]] = [wanted.to_query(self._find_list)]
        if since is not None:
            begin = max(0, min(since[0], now) - _LATE)
            filters.append({"range": {"event.ingested": {"gte": begin}}})
        order = sorted_by(_ARRIVAL, newest_first=True)
        query = Query(self._scoped({"bool": {"filter": filters}}), order, fields=fields)
        hits, _ = up_to(_ARRIVAL_BYTES, self._events.pages(query, limit=size))
        times = [hit.sort[0] for hit in hits[:1]] + list(since or ())[:1]
        return Page(list(map(decoded, hits)), (min(now, max(times)),) if times else None)

    def count(self, wanted: Filter) -> int:
        """Return how many events match, exactly."""
        response = self.raw_search(wanted, size=0, track_total_hits=True)
        return int(response["hits"]["total"]["value"])

    def seen(self, wanted: Filter) -> Seen:
        """Return how many events match, exactly, and when the first and the last happened."""
        response = self.raw_search(
            wanted,
            size=0,
            track_total_hits=True,
            aggs={
                "first": {"min": {"field": "@timestamp"}},
                "last": {"max": {"field": "@timestamp"}},
            },
        )
        return read_seen(response)

    def buckets(
        self,
        wanted: Filter,
        *,
        interval: str = AUTO,
        by: Dimension | None = None,
        parts: int = 10,
        time_zone: str = "UTC",
    ) -> Buckets:
        """Return events by time: fixed intervals (`15m`), calendar ones (`day`), or `auto`.

        None is left out from the filter's start to its end; where one is open, from the first event
        or to the last, or to now if there is a start. `by` splits each into the `parts` values that
        are most frequent in all; parts and rest sum to the count. Raises TimeRangeError.
        """
        if interval != AUTO:
            check_interval(interval)
        time_range = self._time_range(wanted)
        if interval == AUTO:
            interval = suitable_interval(*time_range) if time_range else LADDER[-1]
        values = [row.value for row in read_ranking(self._ranked(wanted, by, parts))] if by else []
        aggregations = over_time(interval, time_zone, time_range, by, values[:parts])
        response = self.raw_search(wanted, size=0, track_total_hits=False, aggs=aggregations)
        return Buckets(interval, read_buckets(response))

    def top(self, wanted: Filter, by: Dimension, *, size: int = 10) -> list[Ranked]:
        """Return the most frequent values of a field, with how many events have each, exactly.

        At most ten thousand. Shards only name their own most frequent values, so these are counted
        once more where one may have left some out. Missed can only be what no shard has among its
        first ten thousand.
        """
        size = min(size, CANDIDATES)
        response = self._ranked(wanted, by, size)
        if may_be_low(response):
            values = [row.value for row in read_ranking(response)]
            response = self.raw_search(wanted, size=0, track_total_hits=False, aggs=ranking(by, values))
        return read_ranking(response)[:size]

    def suggest(self, what: Suggested, prefix: str, *, size: int = 10) -> list[str]:
        """Return up to `size` users, activities or addresses that begin so."""
        wanted = suggestions(what, prefix, size)
        if self._organization is None:
            return wanted.of_all(self._client, self._index, self._search)
        return wanted.of_some(self._search)

    def scan(self, wanted: Filter, *, newest_first: bool = False, **body: Any) -> Scan:
        """Return all events, however many, as they are now: see `Scan`, which is to be entered.

        `body` has more of the search request, such as `source_includes`.
        """
        sort = sorted_by(ORDER, newest_first=newest_first)
        request = {"query": self._scoped(wanted), "sort": sort, "size": _SCAN_PAGE, **body}
        return Scan(self._settings, self._seconds, request)

    def raw_search(self, wanted: Filter, **body: Any) -> Mapping[str, Any]:
        """Return Elasticsearch's response to one search request over the events that match."""
        return self._search(wanted, **body)

    def ping(self, seconds: float) -> None:
        """Search for no event at all. Raises as every query does if it times out."""
        with contextlib.suppress(elasticsearch.NotFoundError):  # no event yet
            self._client.options(request_timeout=seconds).search(
                index=self._index, query={"match_none": {}}, size=0
            )

    def refresh(self) -> None:
        """Make everything that was indexed searchable now; analysts just wait for a second."""
        self._client.indices.refresh(index=self._index, ignore_unavailable=True, allow_no_indices=True)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def _search(self, query: Filter | Mapping[str, Any], **body: Any) -> Mapping[str, Any]:
        body |= {"index": self._index, "allow_partial_search_results": False}
        with refusals_named():
            try:
                return dict(self._client.search(query=self._scoped(query), **body).body)
            except elasticsearch.NotFoundError:  # no event yet, so no index behind the alias
                return {"hits": {"total": {"value": 0}, "hits": []}}

    def _query(
        self,
        wanted: Filter,
        *,
        newest_first: bool,
        after: Sequence[int] | None = None,
        fields: Sequence[str] | None = None,
    ) -> Query:
        return Query(self._scoped(wanted), sorted_by(ORDER, newest_first=newest_first), after, fields)

    def _scoped(self, wanted: Filter | Mapping[str, Any]) -> Mapping[str, Any]:
        """Every query of ours goes through here, so that a bound log can't see past its bounds."""
        query = wanted.to_query(self._find_list) if isinstance(wanted, Filter) else wanted
        if self._organization is None:
            return query
        return {"bool": {"filter": [{"term": {"organization.id": self._organization}}, query]}}

    def _ranked(self, wanted: Filter, by: Dimension, size: int) -> Mapping[str, Any]:
        """Return at least the most frequent values, for certain; their counts may be too low."""
        response = self.raw_search(wanted, size=0, track_total_hits=False, aggs=ranking(by, size))
        if may_miss(response, size):
            more = ranking(by, CANDIDATES)
            response = self.raw_search(wanted, size=0, track_total_hits=False, aggs=more)
        return response

    def _time_range(self, wanted: Filter) -> TimeRange | None:
        """Return the first and the last moment to fill; None where there is no event at all."""
        start, end = wanted.start, wanted.end - _MILLISECOND if wanted.end else None
        if start is not None and end is None:
            end = max(start, self._clock())
        if start is None or end is None:
            seen = self.seen(wanted)
            start, end = start or seen.first, end or seen.last
        if start is None or end is None:
            return None
        return min(start, end), end


_MILLISECOND = timedelta(milliseconds=1)
_ARRIVAL_BYTES = 64 * 1024**2
_LATE = 60_000
