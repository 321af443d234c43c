"""Which records have a document, found by aggregations instead of scrolling.

One pass over the index counts the documents of each slice of offsets. A slice with one document for
each offset is done. Only in the others are individual offsets checked, a few thousand at a time, and
only among documents that were written at the same time as that slice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import elasticsearch

from audit_admin.offset_set import OffsetSet

__all__ = ["Documents", "IndexCoverage", "OffsetRange"]

_SLICE = 5_000
_MAX_SLICES = 20_000
"""In all partitions together: well below Elasticsearch's `search.max_buckets`."""
_LARGEST = 1 << 40
"""No slice is made larger than four of these."""
_TOO_MANY = "too_many_buckets_exception"
_SCAN_OFFSETS = 20_000
"""Offsets that one request checks individually."""
_SECONDS = 600.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """The offsets of a partition from `low` up to, excluding, `high`."""

    partition: int
    low: int
    high: int


@dataclass(slots=True)
class IndexCoverage:
    """Which offsets of a partition the index has."""

    absent: OffsetSet
    """Offsets without a document."""
    conflicting: OffsetSet
    """Offsets with several documents, which can't all be of this topic."""


@dataclass(frozen=True, slots=True)
class _Slice:
    """Statistics of the documents of one slice of offsets."""

    count: int
    sum: float
    first: int
    last: int
    """The range of times at which they were written, in milliseconds."""

    def is_full(self, begin: int, end: int) -> bool:
        """Tell whether each offset has one. The sum detects one twice and another one missing."""
        return self.count == end - begin and self.sum == float((begin + end - 1) * (end - begin) // 2)


@dataclass(frozen=True, slots=True)
class _Suspect:
    """Offsets to check individually, and when the documents around them were written."""

    begin: int
    end: int
    first: int
    last: int

    def joined(self, other: "_Suspect") -> "_Suspect | None":
        """Return both as one, if they are adjacent and not too many."""
        if other.begin != self.end or other.end - self.begin > _SCAN_OFFSETS:
            return None
        first, last = min(self.first, other.first), max(self.last, other.last)
        return _Suspect(self.begin, other.end, first, last)


class Documents:
    """The documents of one topic that were written at `since` or later.

    Older ones belong to a deleted topic of the same name. Raises the Elasticsearch client's errors.
    """

    def __init__(
        self, client: elasticsearch.Elasticsearch, prefix: str, topic: str, since: datetime
    ) -> None:
        self._client = client.options(request_timeout=_SECONDS)
        self._pattern = f"{prefix}-*"
        self._common: list[dict[str, Any]] = [
            {"term": {"audit.kafka.topic": topic}},
            {"range": {"event.ingested": {"gte": max(since, _EPOCH).isoformat()}}},
        ]
        self._interval = _SLICE
        self._slices: dict[int, dict[int, _Slice]] = {}

    def count(self, spans: Sequence[OffsetRange]) -> None:
        """Count the documents of each slice, in one pass over the index.

        It may have many more of a partition than Kafka still has, where another one has old records.
        Then the slices are made larger until Elasticsearch allows their number.
        """
        total = sum(span.high - span.low for span in spans)
        self._interval = max(_SLICE, -(-total // _MAX_SLICES))
        while True:
            try:
                self._slices = self._counted([span.partition for span in spans])
            except elasticsearch.ApiError as error:
                if _TOO_MANY not in str(error.body) or self._interval > _LARGEST:
                    raise
                self._interval *= 4
            else:
                return

    def _counted(self, numbers: Sequence[int]) -> dict[int, dict[int, _Slice]]:
        slices = {
            "histogram": {
                "field": "audit.kafka.offset",
                "interval": self._interval,
                "min_doc_count": 1,
            },
            "aggs": {
                "sum": {"sum": {"field": "audit.kafka.offset"}},
                "first": {"min": {"field": "event.ingested"}},
                "last": {"max": {"field": "event.ingested"}},
            },
        }
        terms = {"field": "audit.kafka.partition", "size": len(numbers), "include": list(numbers)}
        found = self._search(self._common, {"partitions": {"terms": terms, "aggs": {"slices": slices}}})
        return {
            int(bucket["key"]): {int(one["key"]): _slice_of(one) for one in bucket["slices"]["buckets"]}
            for bucket in found["partitions"]["buckets"]
        }

    def coverage(self, span: OffsetRange, reached: Callable[[int], None]) -> IndexCoverage:
        """Return the coverage of a partition that was counted. Calls `reached` with its progress."""
        coverage = IndexCoverage(OffsetSet(), OffsetSet())
        pending: _Suspect | None = None
        slices = self._slices.get(span.partition, {})
        for key in range(span.low - span.low % self._interval, span.high, self._interval):
            begin, end = max(span.low, key), min(span.high, key + self._interval)
            found = slices.get(key)
            if found is None:
                coverage.absent.add_range(begin, end)
            elif end - begin < self._interval or not found.is_full(begin, end):
                # At the ends, a slice also counts what has expired, or arrived since.
                suspect = _Suspect(begin, end, found.first, found.last)
                joined = pending.joined(suspect) if pending is not None else suspect
                if joined is None and pending is not None:
                    self._scan(span.partition, pending, coverage)
                pending = joined or suspect
            reached(end)
        if pending is not None:
            self._scan(span.partition, pending, coverage)
        return coverage

    def _scan(self, partition: int, suspect: _Suspect, coverage: IndexCoverage) -> None:
        for begin in range(suspect.begin, suspect.end, _SCAN_OFFSETS):
            end = min(suspect.end, begin + _SCAN_OFFSETS)
            counts = self._offsets(partition, begin, end, suspect)
            coverage.absent.add_range(begin, end)
            for offset, count in counts:
                coverage.absent.remove(offset)
                if count > 1:
                    coverage.conflicting.add(offset)

    def _offsets(
        self, partition: int, begin: int, end: int, suspect: _Suspect
    ) -> Iterator[tuple[int, int]]:
        written = {"gte": suspect.first, "lte": suspect.last, "format": "epoch_millis"}
        where: list[dict[str, Any]] = [
            *self._common,
            {"term": {"audit.kafka.partition": partition}},
            {"range": {"audit.kafka.offset": {"gte": begin, "lt": end}}},
            {"range": {"event.ingested": written}},
        ]
        each = {"field": "audit.kafka.offset", "interval": 1, "min_doc_count": 1}
        found = self._search(where, {"offsets": {"histogram": each}})
        for bucket in found["offsets"]["buckets"]:
            yield int(bucket["key"]), int(bucket["doc_count"])

    def _search(self, where: Sequence[Mapping[str, Any]], aggs: Mapping[str, Any]) -> dict[str, Any]:
        """Run aggregations only. A shard that does not answer is an error, never a count of 0."""
        found = self._client.search(
            index=self._pattern,
            allow_no_indices=True,
            allow_partial_search_results=False,
            size=0,
            track_total_hits=False,
            query={"bool": {"filter": list(where)}},
            aggs=dict(aggs),
        )
        return dict(found.get("aggregations") or _NOTHING)


_NOTHING: Mapping[str, Any] = {"partitions": {"buckets": []}, "offsets": {"buckets": []}}
"""The answer if there is no index."""


def _slice_of(bucket: Mapping[str, Any]) -> _Slice:
    first, last = (int(bucket[name]["value"] or 0) for name in ("first", "last"))
    return _Slice(int(bucket["doc_count"]), float(bucket["sum"]["value"]), first, last)
