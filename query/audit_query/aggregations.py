"""Elasticsearch aggregations: their bodies, and what their responses say. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from audit_query.errors import TimeRangeError
from audit_query.intervals import check_interval, too_many

__all__ = [
    "CANDIDATES",
    "DIMENSIONS",
    "Bucket",
    "Buckets",
    "Dimension",
    "Ranked",
    "Seen",
    "TimeRange",
    "may_be_low",
    "may_miss",
    "over_time",
    "ranking",
    "read_buckets",
    "read_ranking",
    "read_seen",
]

Dimension = Literal[
    "activity",
    "user",
    "ip",
    "outcome",
    "service",
    "organization",
    "chat",
    "session",
    "network",
    "country",
    "owner",
]

DIMENSIONS: Mapping[Dimension, str] = {
    "activity": "event.action",
    "user": "audit.user",
    "ip": "source.ip",
    "outcome": "event.outcome",
    "service": "service.name",
    "organization": "organization.id",
    "chat": "audit.chat.id",
    "session": "audit.session.id",
    "network": "audit.source.network",
    "country": "source.geo.country_iso_code",
    "owner": "source.as.organization.name",
}
"""What events can be grouped by, and the field it is."""

CANDIDATES = 10_000
"""Values that are counted again where shards disagree on which are the most frequent."""

_MARGIN = 1000
"""Values that each shard names beyond those asked for: then it seldom comes to that."""

TimeRange = tuple[datetime, datetime]
Aggregations = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Events of one interval: their number, and the parts it is split into, largest first.

    `parts` are the same values in every bucket of an answer, those that are most frequent in all;
    with `other`, which counts the rest and what lacks the field, they sum to `count`.
    """

    start: datetime
    count: int
    parts: Mapping[str, int]
    other: int


@dataclass(frozen=True, slots=True)
class Buckets:
    """Events over time, without a gap, and the interval that was taken."""

    interval: str
    buckets: Sequence[Bucket]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A value and how many events have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Seen:
    """How many events there are, and the times of the first and the last."""

    count: int
    first: datetime | None
    last: datetime | None


def over_time(
    interval: str,
    time_zone: str,
    time_range: TimeRange | None,
    by: Dimension | None,
    parts: Sequence[str],
) -> Aggregations:
    """Return a histogram that is filled over a time range, and one for each value it is split by.

    Raises TimeRangeError for an invalid interval, and for more buckets than a response may have.
    """
    kind = check_interval(interval)
    if time_range is not None and too_many(interval, *time_range):
        raise TimeRangeError(
            f"{interval} is too short an interval for so long a time; take a longer one, or a "
            "shorter time (from, to)"
        )
    histogram = {"field": "@timestamp", kind: interval, "time_zone": time_zone}
    filled: dict[str, Any] = {**histogram, "min_doc_count": 0}
    if time_range is not None:
        filled["extended_bounds"] = {"min": _to_millis(time_range[0]), "max": _to_millis(time_range[1])}
    body: Aggregations = {"over_time": {"date_histogram": filled}}
    if by is not None:
        each = {"over_time": {"date_histogram": histogram | {"min_doc_count": 1}}}
        body["ranking"] = ranking(by, parts)["ranking"] | {"aggs": each}
    return body


def ranking(by: Dimension, values: int | Sequence[str]) -> Aggregations:
    """Return the most frequent values of a field, so many and one; or just those that are named."""
    terms: dict[str, Any] = {"field": DIMENSIONS[by]}
    if isinstance(values, int):
        margin = {"shard_size": values + _MARGIN, "show_term_doc_count_error": True}
        terms |= {"size": values + 1, **margin}  # one more: by how much is the last of them ahead?
    else:
        terms |= {"size": max(1, len(values)), "include": list(values)}
    return {"ranking": {"terms": terms}}


def may_miss(response: Mapping[str, Any], size: int) -> bool:
    """Tell whether another value may belong among the first `size`, by what shards left out."""
    ranked = _aggregations(response).get("ranking", {})
    counts = [row["doc_count"] for row in ranked.get("buckets", [])]
    if len(counts) <= size:
        return False
    return bool(counts[size - 1] < counts[size] + ranked["doc_count_error_upper_bound"])


def may_be_low(response: Mapping[str, Any]) -> bool:
    """Tell whether a shard may have left out some of the events of a value."""
    rows = _aggregations(response).get("ranking", {}).get("buckets", [])
    return any(row.get("doc_count_error_upper_bound", 0) for row in rows)


def read_ranking(response: Mapping[str, Any]) -> list[Ranked]:
    """Return the values of an answer, most frequent first."""
    rows = _aggregations(response).get("ranking", {}).get("buckets", [])
    return [Ranked(_name(row), row["doc_count"]) for row in rows]


def read_buckets(response: Mapping[str, Any]) -> list[Bucket]:
    """Return the histogram of an answer to `over_time`."""
    aggregations = _aggregations(response)
    parts: dict[int, dict[str, int]] = {}
    for row in aggregations.get("ranking", {}).get("buckets", []):
        for step in row["over_time"]["buckets"]:
            parts.setdefault(step["key"], {})[_name(row)] = step["doc_count"]
    return [
        _bucket(step, parts.get(step["key"], {}) if "ranking" in aggregations else None)
        for step in aggregations.get("over_time", {}).get("buckets", [])
    ]


def read_seen(response: Mapping[str, Any]) -> Seen:
    """Return the count and the times of an answer to `min` and `max` aggregations of the time."""
    aggregations = _aggregations(response)
    first, last = (aggregations.get(name, {}).get("value") for name in ("first", "last"))
    return Seen(int(response["hits"]["total"]["value"]), _from_millis(first), _from_millis(last))


def _bucket(step: Mapping[str, Any], parts: Mapping[str, int] | None) -> Bucket:
    start = datetime.fromtimestamp(step["key"] / 1000, UTC)
    count = int(step["doc_count"])
    if parts is None:
        return Bucket(start, count, {}, 0)
    ordered = dict(sorted(parts.items(), key=lambda part: (-part[1], part[0])))
    return Bucket(start, count, ordered, count - sum(parts.values()))


def _aggregations(response: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the aggregations; an answer of no index at all has none."""
    aggregations: Mapping[str, Any] = response.get("aggregations", {})
    return aggregations


def _name(row: Mapping[str, Any]) -> str:
    return str(row.get("key_as_string", row["key"]))


def _from_millis(to_millis: float | None) -> datetime | None:
    return None if to_millis is None else datetime.fromtimestamp(to_millis / 1000, UTC)


def _to_millis(at: datetime) -> int:
    return round(at.timestamp() * 1000)
