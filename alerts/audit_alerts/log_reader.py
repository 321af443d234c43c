"""What rules read of the log: counts of events by group and time, and the events themselves."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any

import msgspec
from audit_query import AuditLog, Filter, FindList, no_lists

from audit_alerts.candidates import PAGE, Driver, Window, counts_body, merge_windows
from audit_alerts.condition import fields_of
from audit_alerts.condition_query import base_query
from audit_alerts.matches import GroupValues, Match, matches_of_base, needed_fields, place
from audit_alerts.plan import OPTIONAL, Absence, Base, Correlation, bases_of, group_fields

__all__ = ["Cells", "LogReader", "Matches", "RuleFilter", "group_query", "together", "within"]

_VALUES = 1000
_WINDOWS = 100
_ONE_PAGE = 2000
FLOOD = 20_000
"""As many events as are read one by one; more are counted by cells of time."""
_ALWAYS = ("@timestamp", "event.id", "audit.kafka.partition", "audit.kafka.offset")


@dataclass(frozen=True, slots=True)
class RuleFilter(Filter):
    """A filter with more queries that have to match."""

    queries: tuple[Mapping[str, Any], ...] = ()

    def to_query(self, find_list: FindList = no_lists) -> dict[str, Any]:
        """Return the Elasticsearch query."""
        return {"bool": {"filter": [Filter.to_query(self, find_list), *self.queries]}}


class LogReader:
    """Reads the events within `bounds`. Errors of the client pass through, and ExportError."""

    def __init__(self, log: AuditLog, bounds: RuleFilter) -> None:
        self._log = log
        self._bounds = bounds

    def ask(self, *queries: Mapping[str, Any], **body: Any) -> Mapping[str, Any]:
        """Return the answer to one search request over the events that match all queries."""
        return self._log.raw_search(self._bounded(queries), **body)

    def buckets(
        self, queries: Sequence[Mapping[str, Any]], body: dict[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the buckets of a composite aggregation called `counts`, page by page."""
        while True:
            answer = self.ask(*queries, size=0, track_total_hits=False, aggs=body)
            page = answer.get("aggregations", {}).get("counts", {"buckets": []})
            yield from page["buckets"]
            after = page.get("after_key")
            if after is None:
                return
            body["counts"]["composite"]["after"] = after

    def counts(
        self, driver: Driver, base: Base, *queries: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        """Yield how many of a base rule's events each group has in each step of time."""
        return self.buckets([base_query(base), *queries], counts_body(driver, base, None))

    def group_counts(
        self,
        driver: Driver,
        base: Base,
        root: Correlation | Absence,
        groups: Iterable[GroupValues],
        windows: Sequence[Window],
    ) -> Iterator[Mapping[str, Any]]:
        """Yield these counts for some groups within windows of time, and perhaps more."""
        for some in together(root, groups):
            members = _members(root, base, some)
            yield from self.counts(driver, base, within(windows), *members)

    def matches(
        self,
        root: Correlation | Absence,
        base: Base,
        groups: Iterable[GroupValues],
        windows: Sequence[Window],
    ) -> "Matches":
        """Return a base rule's events of the groups within the windows, and perhaps more.

        The groups are one of `together`.
        """
        needed = needed_fields(root, base)
        sources = sorted({*needed, *fields_of(base.condition), *_ALWAYS})
        members = _members(root, base, groups) if _is_decided_within(root, base) else ()
        queries = (base_query(base), within(windows), *members)
        return Matches(lambda: self._pages(queries, sources), base, needed)

    def cells(
        self,
        root: Correlation | Absence,
        base: Base,
        groups: Iterable[GroupValues],
        windows: Sequence[Window],
        length: int,
    ) -> "Cells":
        """Return the same events by cells of time, as Elasticsearch counts them."""
        first = min(window[0] for window in windows)
        aligned = [(first - first % length, first), *windows]
        queries = (base_query(base), within(aligned), *_members(root, base, groups))
        return Cells(self, queries, tuple(sorted(needed_fields(root, base))), length)

    def is_flood(
        self,
        root: Correlation | Absence,
        base: Base,
        groups: Iterable[GroupValues],
        windows: Sequence[Window],
    ) -> bool:
        """Tell whether these are more events than are read one by one."""
        queries = (base_query(base), within(windows), *_members(root, base, groups))
        answer = self.ask(*queries, size=0, track_total_hits=FLOOD)
        return bool(answer["hits"]["total"]["value"] >= FLOOD)

    def _pages(
        self, queries: Sequence[Mapping[str, Any]], sources: Sequence[str]
    ) -> Iterator[Iterable[dict[str, Any]]]:
        """Yield all events, page by page, in order of time; nearly always they fit into one answer.

        What is added while pages are read is beyond the bounds, so no point in time is needed.
        """
        wanted = self._bounded(queries)
        for hits in self._log.pages(wanted, fields=sources, first=_ONE_PAGE, most=_ONE_PAGE):
            yield (msgspec.json.decode(hit.source) for hit in hits)

    def _bounded(self, queries: Sequence[Mapping[str, Any]]) -> RuleFilter:
        return replace(self._bounds, queries=(*self._bounds.queries, *queries))


class Matches:
    """A base rule's matches in order of time, read anew each time, page by page: none is held."""

    def __init__(
        self,
        pages: Callable[[], Iterator[Iterable[dict[str, Any]]]],
        base: Base,
        needed: frozenset[str],
    ) -> None:
        self._pages = pages
        self._base = base
        self._needed = needed

    def __iter__(self) -> Iterator[Match]:
        for page in self._pages():
            yield from matches_of_base(self._base, self._needed, page)


class Cells:
    """A base rule's matches by cells of time, in order of time, counted anew each time."""

    def __init__(
        self,
        reader: LogReader,
        queries: Sequence[Mapping[str, Any]],
        fields: Sequence[str],
        length: int,
    ) -> None:
        self._reader = reader
        self._queries = queries
        self._fields = fields
        self._length = length

    def __iter__(self) -> Iterator[Match]:
        step = {"field": "@timestamp", "fixed_interval": f"{self._length}ms"}
        sources: list[dict[str, Any]] = [{"step": {"date_histogram": step}}]
        for number, name in enumerate(self._fields):
            sources.append({f"value{number}": {"terms": {"field": name, "missing_bucket": True}}})
        edges = {"first": {"min": {"field": "@timestamp"}}, "last": {"max": {"field": "@timestamp"}}}
        body = {"counts": {"composite": {"size": PAGE, "sources": sources}, "aggs": edges}}
        buckets = self._reader.buckets(self._queries, body)
        for _, together in groupby(buckets, key=lambda bucket: bucket["key"]["step"]):
            yield from sorted(map(self._match, together), key=place)

    def _match(self, bucket: Mapping[str, Any]) -> Match:
        first, last = (round(bucket[edge]["value"]) for edge in ("first", "last"))
        values = {name: bucket["key"][f"value{n}"] for n, name in enumerate(self._fields)}
        return Match(last, (0, 0), str(bucket["key"]), first, values, bucket["doc_count"])


def group_query(root: Correlation | Absence, group: GroupValues) -> Mapping[str, Any]:
    """Return the query for the events of a group that any of the rule's bases looks at."""
    bases = {base.name: base for base in bases_of(root)}.values()
    queries = [
        {"bool": {"filter": [base_query(base), *_is_group(group_fields(root, base), group)]}}
        for base in bases
    ]
    return {"bool": {"should": queries, "minimum_should_match": 1}}


def together(root: Correlation | Absence, groups: Iterable[GroupValues]) -> Iterator[list[GroupValues]]:
    """Yield the groups in parts that can be read, and evaluated, each by itself."""
    number = _member(root)
    if number is None:
        yield list(groups)
        return
    ordered = groupby(sorted(groups, key=lambda group: str(group[number])), lambda group: group[number])
    members = (list(each) for _, each in ordered)
    while some := list(islice(members, _VALUES)):
        yield [group for each in some for group in each]


def within(windows: Iterable[Window]) -> Mapping[str, Any]:
    """Return the query for events that happened within any of the windows."""
    merged = merge_windows(windows)
    if len(merged) > _WINDOWS:
        merged = [(merged[0][0], merged[-1][1])]
    ranges = [
        {"range": {"@timestamp": {"gte": first, "lte": last, "format": "epoch_millis"}}}
        for first, last in merged
    ]
    return {"bool": {"should": ranges, "minimum_should_match": 1}}


def _members(
    root: Correlation | Absence, base: Base, groups: Iterable[GroupValues]
) -> tuple[Mapping[str, Any], ...]:
    """Return the query for groups of `together`, if they can be told by a field's values."""
    number = _member(root)
    if number is None:
        return ()
    path = group_fields(root, base)[number]
    return ({"terms": {path: sorted({str(group[number]) for group in groups})}},)


def _is_decided_within(root: Correlation | Absence, base: Base) -> bool:
    """Tell whether all events that decide about a group's have its member of `_members`.

    A history may be that of a user, where the group is an address.
    """
    number, condition = _member(root), base.history_condition
    if number is None or condition is None:
        return True
    return group_fields(root, base)[number] in condition.group_by


def _is_group(names: Sequence[str], group: GroupValues) -> Iterator[Mapping[str, Any]]:
    for name, value in zip(names, group, strict=True):
        if value is None:
            yield {"bool": {"must_not": [{"exists": {"field": name}}]}}
        else:
            yield {"term": {name: value}}


def _member(root: Correlation | Absence) -> int | None:
    """Return which is the first field that every group has a value of."""
    return next((n for n, name in enumerate(root.group_by) if name not in OPTIONAL), None)
