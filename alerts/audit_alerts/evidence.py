"""What an alert shows of its events, read for many groups at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from audit_alerts.candidates import Window
from audit_alerts.condition_query import base_query
from audit_alerts.episodes import SAMPLES
from audit_alerts.log_reader import LogReader, group_query, within
from audit_alerts.matches import GroupValues
from audit_alerts.plan import Absence, Correlation, bases_of

__all__ = ["Evidence", "evidence_of_events", "evidence_of_groups"]

_GROUPS = 100
"""Groups that one request asks about."""
_RELATED = 10
_ORDER = ("@timestamp", "audit.kafka.partition", "audit.kafka.offset")


@dataclass(frozen=True, slots=True)
class Evidence:
    """How many events an alert is about, some of their ids, and who and what was involved."""

    count: int
    samples: tuple[str, ...]
    users: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    """All of them, or some of many."""
    sole_organization: str | None = None
    """The one that all of these events are of; None: there is no such one."""


def evidence_of_groups(
    reader: LogReader, root: Correlation | Absence, wanted: Sequence[tuple[GroupValues, Window]]
) -> list[Evidence]:
    """Return the evidence of each group within its window, from the events of all base rules."""
    bases = tuple({base.name: base for base in bases_of(root)}.values())
    filters = [
        {"bool": {"filter": [within([window]), group_query(root, group)]}} for group, window in wanted
    ]
    windows = [window for _, window in wanted]
    everything = [_either([base_query(base) for base in bases]), within(windows)]
    return _read(reader, everything, filters)


def evidence_of_events(
    reader: LogReader, wanted: Sequence[tuple[Sequence[str], int]]
) -> list[Evidence]:
    """Return evidence that shows chosen events, each time as some of so many."""
    filters = [{"ids": {"values": list(ids)}} for ids, _ in wanted]
    every_id = [event_id for ids, _ in wanted for event_id in ids]
    read = _read(reader, [{"ids": {"values": every_id}}], filters)
    return [
        replace(
            found,
            count=count,
            samples=tuple(ids),
            # Whose the other events are is not known.
            sole_organization=found.sole_organization if count <= len(ids) else None,
        )
        for (ids, count), found in zip(wanted, read, strict=True)
    ]


def _read(
    reader: LogReader, queries: Sequence[Mapping[str, Any]], filters: Sequence[Mapping[str, Any]]
) -> list[Evidence]:
    evidence: list[Evidence] = []
    for begin in range(0, len(filters), _GROUPS):
        some = list(filters[begin : begin + _GROUPS])
        answer = reader.ask(
            *queries,
            size=0,
            track_total_hits=False,
            aggs={"groups": {"filters": {"filters": some}, "aggs": _AGGREGATIONS}},
        )
        if "aggregations" not in answer:  # no event yet, so no index behind the alias
            evidence += [Evidence(0, ())] * len(some)
        else:
            evidence += map(_evidence, answer["aggregations"]["groups"]["buckets"])
    return evidence


def _samples(order: str) -> dict[str, Any]:
    sort = [{field: order} for field in _ORDER]
    return {"top_hits": {"size": SAMPLES // 2, "sort": sort, "_source": ["event.id"]}}


_AGGREGATIONS = {
    "first": _samples("asc"),
    "last": _samples("desc"),
    "users": {"terms": {"field": "audit.user", "size": _RELATED}},
    "ips": {"terms": {"field": "source.ip", "size": _RELATED}},
    "organizations": {"terms": {"field": "organization.id", "size": _RELATED}},
    "nobodys": {"missing": {"field": "organization.id"}},
}


def _evidence(bucket: Mapping[str, Any]) -> Evidence:
    hits = [*bucket["first"]["hits"]["hits"], *reversed(bucket["last"]["hits"]["hits"])]
    samples = dict.fromkeys(hit["_source"]["event"]["id"] for hit in hits)
    users, ips, organizations = (
        tuple(sorted(value["key"] for value in bucket[name]["buckets"]))
        for name in ("users", "ips", "organizations")
    )
    is_ones_alone = len(organizations) == 1 and not bucket["nobodys"]["doc_count"]
    return Evidence(
        bucket["doc_count"],
        tuple(samples),
        users,
        ips,
        organizations,
        organizations[0] if is_ones_alone else None,
    )


def _either(queries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}
