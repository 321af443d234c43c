"""Which records have a document, told by aggregations: nothing is scrolled through.

One pass over the index counts the documents of each slice of offsets. A slice that has one document
for each offset is done; only in the others are the offsets themselves looked at, a few thousand at a
time, and only among documents that were written when that slice was.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import elasticsearch

from audit_admin.offset_set import OffsetSet

__all__ = ["Documents", "Place", "Sight"]

_SLICE = 5_000
_SLICES = 20_000
"""So many at most, on the whole: well below Elasticsearch's `search.max_buckets`."""
_CLOSE = 20_000
"""Offsets that are looked at closely by one request."""
_SECONDS = 600.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """A partition, with the offsets that are looked at: from `low` up to but without `high`."""

    partition: int
    low: int
    high: int


@dataclass(slots=True)
class Sight:
    """What the index has of a partition."""

    unseen: OffsetSet
    """Offsets that no document names."""
    doubled: OffsetSet
    """Offsets that more than one document names, so they can't all be of this topic."""


@dataclass(frozen=True, slots=True)
class _Slice:
    """What the documents of one slice of offsets add up to."""

    count: int
    sum: float
    first: int
    last: int
    """Milliseconds between which they were written."""

    def is_full(self, begin: int, end: int) -> bool:
        """Tell whether there is one for each offset. Their sum tells one twice and one missing."""
        return self.count == end - begin and self.sum == float((begin + end - 1) * (end - begin) // 2)


@dataclass(frozen=True, slots=True)
class _Range:
    """Offsets to be looked at closely."""

    begin: int
    end: int
    first: int
    last: int

    def joined(self, other: "_Range") -> "_Range | None":
        """Return both as one, if they lie together and are not too many."""
        if other.begin != self.end or other.end - self.begin > _CLOSE:
            return None
        first, last = min(self.first, other.first), max(self.last, other.last)
        return _Range(self.begin, other.end, first, last)


class Documents:
    """The documents of one topic that were written at `since` or later.

    Older ones are of a topic of the same name that is no more: they prove nothing. Errors of the
    Elasticsearch client pass through.
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

    def count(self, places: Sequence[Place]) -> None:
        """Count the documents of each slice; the one pass over the index."""
        total = sum(place.high - place.low for place in places)
        self._interval = max(_SLICE, -(-total // _SLICES))
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
        numbers = [place.partition for place in places]
        terms = {"field": "audit.kafka.partition", "size": len(numbers), "include": numbers}
        found = self._search(self._common, {"partitions": {"terms": terms, "aggs": {"slices": slices}}})
        self._slices = {
            int(bucket["key"]): {int(one["key"]): _slice_of(one) for one in bucket["slices"]["buckets"]}
            for bucket in found["partitions"]["buckets"]
        }

    def look(self, place: Place, passed: Callable[[int], None]) -> Sight:
        """Go through a partition that was counted. Calls `passed` with each offset it gets to."""
        sight = Sight(OffsetSet(), OffsetSet())
        waiting: _Range | None = None
        slices = self._slices.get(place.partition, {})
        for key in range(place.low - place.low % self._interval, place.high, self._interval):
            begin, end = max(place.low, key), min(place.high, key + self._interval)
            found = slices.get(key)
            if found is None:
                sight.unseen.add_range(begin, end)
            elif end - begin < self._interval or not found.is_full(begin, end):
                # At the ends, the slice also counts what expired, or what came while we looked.
                near = _Range(begin, end, found.first, found.last)
                joined = waiting.joined(near) if waiting is not None else near
                if joined is None and waiting is not None:
                    self._look_closely(place.partition, waiting, sight)
                waiting = joined or near
            passed(end)
        if waiting is not None:
            self._look_closely(place.partition, waiting, sight)
        return sight

    def _look_closely(self, partition: int, near: _Range, sight: Sight) -> None:
        for begin in range(near.begin, near.end, _CLOSE):
            end = min(near.end, begin + _CLOSE)
            counts = self._offsets(partition, begin, end, near)
            sight.unseen.add_range(begin, end)
            for offset, count in counts:
                sight.unseen.remove(offset)
                if count > 1:
                    sight.doubled.add(offset)

    def _offsets(self, partition: int, begin: int, end: int, near: _Range) -> Iterator[tuple[int, int]]:
        written = {"gte": near.first, "lte": near.last, "format": "epoch_millis"}
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
        """Ask for aggregations alone. A shard that does not answer is an error, never a zero."""
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
"""What there is in no index."""


def _slice_of(bucket: Mapping[str, Any]) -> _Slice:
    first, last = (int(bucket[name]["value"] or 0) for name in ("first", "last"))
    return _Slice(int(bucket["doc_count"]), float(bucket["sum"]["value"]), first, last)
