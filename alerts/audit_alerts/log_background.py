"""The background of a rule's events as Elasticsearch counts it: by groups and days, never by events."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from audit_alerts.background import Seen
from audit_alerts.candidates import PAGE
from audit_alerts.condition_query import base_query
from audit_alerts.log_reader import LogReader, group_query
from audit_alerts.matches import GroupValues
from audit_alerts.plan import OPTIONAL, Correlation, SeenBefore

__all__ = ["LogBackground"]

_DAY = 86_400_000
_PRECISE = 40_000
"""Up to so many different values, Elasticsearch counts nearly exactly."""
_WINDOWS = 200
"""Counted by one search."""


class LogBackground:
    """See `Background`. Errors of the Elasticsearch client pass through."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader

    def seen(
        self, condition: SeenBefore, groups: Collection[GroupValues], since: int
    ) -> Mapping[GroupValues, Sequence[Seen]]:
        """Return these groups' events by day, with the first and last of each."""
        names = (*condition.by, *([condition.counted] if condition.counted else ()))
        queries = [base_query(condition.base), _range("gte", since)]
        for number, name in enumerate(condition.by):
            if name not in OPTIONAL:
                values = sorted({str(group[number]) for group in groups})
                queries.append({"terms": {name: values}})
        found: dict[GroupValues, list[Seen]] = {}
        for bucket in self._reader.buckets(queries, _by_day(names)):
            key = [bucket["key"][f"value{number}"] for number in range(len(names))]
            first, last = (round(bucket[edge]["value"]) for edge in ("first", "last"))
            value = key[len(condition.by)] if condition.counted else None
            found.setdefault(tuple(key[: len(condition.by)]), []).append(Seen(first, last, value))
        return {group: sorted(seen, key=lambda each: each.first) for group, seen in found.items()}

    def sizes(
        self, root: Correlation, group: GroupValues, windows: Sequence[tuple[int, int]]
    ) -> Sequence[int]:
        """Return how many events, or values of what is counted, there are in each window."""
        some = (windows[at : at + _WINDOWS] for at in range(0, len(windows), _WINDOWS))
        return [size for each in some for size in self._sizes(root, group, each)]

    def _sizes(
        self, root: Correlation, group: GroupValues, windows: Sequence[tuple[int, int]]
    ) -> Sequence[int]:
        ranges = [
            {"range": {"@timestamp": {"gt": after, "lte": upto, "format": "epoch_millis"}}}
            for after, upto in windows
        ]
        counted: dict[str, Any] = {}
        if root.counted is not None:
            cardinality = {"field": root.counted, "precision_threshold": _PRECISE}
            counted = {"aggs": {"values": {"cardinality": cardinality}}}
        answer = self._reader.ask(
            group_query(root, group),
            {"bool": {"should": ranges, "minimum_should_match": 1}},
            size=0,
            track_total_hits=False,
            aggs={"windows": {"filters": {"filters": ranges}, **counted}},
        )
        if "aggregations" not in answer:
            return [0] * len(windows)
        buckets = answer["aggregations"]["windows"]["buckets"]
        return [each["values"]["value"] if counted else each["doc_count"] for each in buckets]


def _by_day(names: Sequence[str]) -> dict[str, Any]:
    sources: list[dict[str, Any]] = [
        {
            f"value{number}": {
                "terms": {"field": name, **({"missing_bucket": True} if name in OPTIONAL else {})}
            }
        }
        for number, name in enumerate(names)
    ]
    day = {"date_histogram": {"field": "@timestamp", "fixed_interval": f"{_DAY}ms"}}
    edges = {"first": {"min": {"field": "@timestamp"}}, "last": {"max": {"field": "@timestamp"}}}
    return {
        "counts": {
            "composite": {"size": PAGE, "sources": [*sources, {"day": day}]},
            "aggs": edges,
        }
    }


def _range(edge: str, at: int) -> dict[str, Any]:
    return {"range": {"@timestamp": {edge: at, "format": "epoch_millis"}}}
