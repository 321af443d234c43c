"""How often rules fire, as one aggregation over their alerts. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit_schemas import format_timestamp, parse_timestamp

from audit_alerts.desk.alert import AlertStatus

__all__ = ["Firings", "firings_of", "read_firings"]

_RULES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Firings:
    """A rule's alerts: since when was asked, those that are not over, and the last evidence of any."""

    count: int
    open: int
    last: datetime


def firings_of(since: datetime) -> dict[str, Any]:
    """Return the aggregation."""
    unresolved = [AlertStatus.OPEN.value, AlertStatus.ACKNOWLEDGED.value]
    of_late = {"range": {"audit.alert.last": {"gte": format_timestamp(since)}}}
    merged = {"term": {"audit.alert.status": AlertStatus.MERGED.value}}
    return {
        "rules": {
            "terms": {"field": "rule.name", "size": _RULES_MAX},
            "aggs": {
                "count": {"filter": {"bool": {"filter": [of_late], "must_not": [merged]}}},
                "open": {"filter": {"terms": {"audit.alert.status": unresolved}}},
                "last": {"max": {"field": "audit.alert.last"}},
            },
        }
    }


def read_firings(found: Mapping[str, Any]) -> dict[str, Firings]:
    """Return what the aggregation found, by the rules' names."""
    buckets = found.get("aggregations", {}).get("rules", {}).get("buckets", [])
    return {
        bucket["key"]: Firings(
            bucket["count"]["doc_count"],
            bucket["open"]["doc_count"],
            parse_timestamp(bucket["last"]["value_as_string"]),
        )
        for bucket in buckets
    }
