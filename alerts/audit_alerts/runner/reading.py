"""What rules ask of the log, up to a bound: nothing that was ingested later is in any answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from audit_query import AuditLog

from audit_alerts.backfill import RuleFilter
from audit_alerts.candidates import Driver, Window, counts_body, lucene
from audit_alerts.condition import fields_of
from audit_alerts.hits import Group, Hit, hits_of_base, needed_fields
from audit_alerts.plan import OPTIONAL, Base, Correlation, Rule, Silence, bases_of, field_below

__all__ = ["Evidence", "Reading", "names_below"]

_VALUES = 1000
_WINDOWS = 100
_SHOWN = 5
_FEW = 2000
_RELATED = 10
_ALWAYS = ("@timestamp", "event.id", "audit.kafka.partition", "audit.kafka.offset")
_ORDER = ("@timestamp", "audit.kafka.partition", "audit.kafka.offset")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an alert shows of its events."""

    count: int
    samples: tuple[str, ...]
    users: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()


def names_below(root: Correlation | Silence, base: Base) -> tuple[str, ...]:
    """Return what the fields of a rule's group are called in one of its base rules."""
    if isinstance(root, Silence):
        return root.group_by
    return tuple(field_below(root, name, base) or name for name in root.group_by)


class Reading:
    """The log as it was at a bound, in milliseconds of event.ingested."""

    def __init__(self, log: AuditLog, upto: int) -> None:
        self._log = log
        self._upto = upto

    def counts(
        self,
        driver: Driver,
        base: Base,
        *,
        after: int | None = None,
        windows: Sequence[Window] | None = None,
        groups: Iterable[Group] | None = None,
        root: Correlation | Silence | None = None,
    ) -> Iterator[Mapping[str, Any]]:
        """Yield how many events of a base rule each group has in each step of time.

        Those that came after `after`, within the windows, of the groups, where these are given.
        """
        more = [lucene(base), *([_within(windows)] if windows is not None else [])]
        for members in self._members(root, base, groups):
            wanted = self._wanted(*more, *members, after=after)
            yield from self._pages(wanted, driver, base)

    def hits(
        self, rule: Rule, base: Base, groups: Iterable[Group], windows: Sequence[Window]
    ) -> list[Hit]:
        """Return a base rule's events of the groups within the windows, and perhaps more."""
        needed = needed_fields(rule.root, base)
        sources = sorted({*needed, *fields_of(base.condition), *_ALWAYS})
        found: list[Hit] = []
        for members in self._members(rule.root, base, groups):
            wanted = self._wanted(lucene(base), _within(windows), *members)
            for events in self._events(wanted, sources):
                found += hits_of_base(base, needed, events)
        return sorted(found, key=lambda hit: (hit.at, hit.order, hit.id))

    def evidence(self, root: Correlation | Silence, group: Group, window: Window) -> Evidence:
        """Return what a group's events within a window were, of all base rules."""
        either = [
            {"bool": {"filter": [lucene(base), *_is_group(names_below(root, base), group)]}}
            for base in bases_of(root)
        ]
        should = {"bool": {"should": either, "minimum_should_match": 1}}
        return self._evidence(self._wanted(should, _within([window])))

    def evidence_of(self, ids: Sequence[str], count: int) -> Evidence:
        """Return what these events were, as some of so many."""
        found = self._evidence(self._wanted({"ids": {"values": list(ids)}}))
        return Evidence(count, tuple(ids), found.users, found.ips)

    def edges(self, root: Silence, covered: int, start: int) -> dict[Group, tuple[int, int | None]]:
        """Return each group's last event up to `covered`, and its first one after."""
        driver = Driver((root.base,), root.group_by, {root.base.name: root.group_by}, 1, 1)
        body = counts_body(driver, root.base, None)
        body["counts"]["composite"]["sources"].pop(0)  # not by time
        body["counts"]["aggs"] = {
            "before": _edge("max", {"lte": covered}),
            "after": _edge("min", {"gt": covered}),
        }
        wanted = self._wanted(lucene(root.base), _within([(start, self._upto)]))
        found: dict[Group, tuple[int, int | None]] = {}
        for bucket in self._buckets(wanted, body):
            before, after = (bucket[name]["edge"]["value"] for name in ("before", "after"))
            if before is not None:
                group = tuple(bucket["key"][f"group{n}"] for n in range(len(root.group_by)))
                found[group] = int(before), None if after is None else int(after)
        return found

    def _events(self, wanted: RuleFilter, sources: Sequence[str]) -> Iterator[Iterable[dict[str, Any]]]:
        """Yield all events: as one answer where they fit into it, which is nearly always so.

        A scan takes two requests more, and a connection of its own.
        """
        answer = self._log.raw_search(
            wanted, size=_FEW, track_total_hits=False, source_includes=sources
        )
        hits = answer["hits"]["hits"]
        if len(hits) < _FEW:
            yield [hit["_source"] for hit in hits]
            return
        with self._log.scan(wanted, source_includes=sources) as pages:
            for page in pages:
                yield (msgspec.json.decode(hit.source) for hit in page)

    def _evidence(self, wanted: RuleFilter) -> Evidence:
        answer = self._log.raw_search(
            wanted,
            size=_SHOWN,
            sort=[{field: "asc"} for field in _ORDER],
            source=["event.id"],
            track_total_hits=True,
            aggs={
                "last": {
                    "top_hits": {
                        "size": _SHOWN,
                        "sort": [{field: "desc"} for field in _ORDER],
                        "_source": ["event.id"],
                    }
                },
                "users": {"terms": {"field": "audit.user", "size": _RELATED}},
                "ips": {"terms": {"field": "source.ip", "size": _RELATED}},
            },
        )
        found = answer.get("aggregations")
        if found is None:
            return Evidence(0, ())
        hits = [*answer["hits"]["hits"], *reversed(found["last"]["hits"]["hits"])]
        samples = dict.fromkeys(hit["_source"]["event"]["id"] for hit in hits)
        users, ips = (
            tuple(sorted(bucket["key"] for bucket in found[name]["buckets"]))
            for name in ("users", "ips")
        )
        return Evidence(answer["hits"]["total"]["value"], tuple(samples), users, ips)

    def _pages(self, wanted: RuleFilter, driver: Driver, base: Base) -> Iterator[Mapping[str, Any]]:
        return self._buckets(wanted, counts_body(driver, base, None))

    def _buckets(self, wanted: RuleFilter, body: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
        while True:
            answer = self._log.raw_search(wanted, size=0, track_total_hits=False, aggs=body)
            page = answer.get("aggregations", {}).get("counts", {"buckets": []})
            yield from page["buckets"]
            after = page.get("after_key")
            if after is None:
                return
            body["counts"]["composite"]["after"] = after

    def _wanted(self, *queries: Mapping[str, Any], after: int | None = None) -> RuleFilter:
        span = {"lte": self._upto, "format": "epoch_millis"} | (
            {"gt": after} if after is not None else {}
        )
        return RuleFilter(queries=({"range": {"event.ingested": span}}, *queries))

    @staticmethod
    def _members(
        root: Correlation | Silence | None, base: Base, groups: Iterable[Group] | None
    ) -> Iterator[tuple[Mapping[str, Any], ...]]:
        """Yield queries for the groups, by the first field that every group has a value of."""
        if root is None or groups is None:
            yield ()
            return
        for number, name in enumerate(root.group_by):
            if name not in OPTIONAL:
                path = names_below(root, base)[number]
                values = sorted({str(group[number]) for group in groups})
                for begin in range(0, len(values), _VALUES):
                    yield ({"terms": {path: values[begin : begin + _VALUES]}},)
                return
        yield ()


def _within(windows: Sequence[Window]) -> Mapping[str, Any]:
    joined: list[Window] = []
    for first, last in sorted(windows):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    if len(joined) > _WINDOWS:
        joined = [(joined[0][0], joined[-1][1])]
    ranges = [
        {"range": {"@timestamp": {"gte": first, "lte": last, "format": "epoch_millis"}}}
        for first, last in joined
    ]
    return {"bool": {"should": ranges, "minimum_should_match": 1}}


def _is_group(names: Sequence[str], group: Group) -> Iterator[Mapping[str, Any]]:
    for name, value in zip(names, group, strict=True):
        if value is None:
            yield {"bool": {"must_not": [{"exists": {"field": name}}]}}
        else:
            yield {"term": {name: value}}


def _edge(kind: str, span: Mapping[str, int]) -> dict[str, Any]:
    return {
        "filter": {"range": {"@timestamp": {**span, "format": "epoch_millis"}}},
        "aggs": {"edge": {kind: {"field": "@timestamp"}}},
    }
