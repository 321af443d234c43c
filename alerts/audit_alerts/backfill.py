"""What a rule would have fired in the past, asked of the log."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from audit_query import AuditLog, Filter

from audit_alerts.candidates import (
    Driver,
    Window,
    candidate_windows,
    counts_body,
    driver_of,
    lucene,
)
from audit_alerts.condition import fields_of
from audit_alerts.episodes import Episode
from audit_alerts.evaluate import BaseHits, Evaluation
from audit_alerts.hits import Group, Hit, hits_of_base, needed_fields
from audit_alerts.plan import OPTIONAL, Base, Correlation, Rule, Silence, bases_of, field_below

__all__ = ["RuleFilter", "backfill_rule"]

_VALUES = 1000
_WINDOWS = 100
_ALWAYS = ("@timestamp", "event.id", "audit.kafka.partition", "audit.kafka.offset")


@dataclass(frozen=True, slots=True)
class RuleFilter(Filter):
    """A filter with more queries that have to match."""

    queries: tuple[Mapping[str, Any], ...] = ()

    def to_query(self) -> dict[str, Any]:
        """Return the Elasticsearch query."""
        return {"bool": {"filter": [Filter.to_query(self), *self.queries]}}


def backfill_rule(log: AuditLog, rule: Rule, start: datetime, end: datetime) -> list[Episode]:
    """Return what the rule would have fired from `start` until `end`, exactly, in order of time.

    Errors of the Elasticsearch client pass through, and ExportError.
    """
    reach = timedelta(milliseconds=rule.root.reach)
    driver = driver_of(rule.root)
    counts = [
        bucket for base in driver.bases for bucket in _counts(log, driver, base, start - reach, end)
    ]
    found = candidate_windows(driver, counts)
    if not found:
        return []
    windows = _windows(rule, list(found.values()))
    hits: BaseHits = {
        base.name: _hits(log, rule, base, list(found), windows, (start - reach, end))
        for base in bases_of(rule.root)
    }
    first, last = (round(moment.timestamp() * 1000) for moment in (start, end))
    episodes = Evaluation(rule, hits).episodes(until=last - 1)
    return [episode for episode in episodes if episode.last >= first]


def _counts(
    log: AuditLog, driver: Driver, base: Base, start: datetime, end: datetime
) -> Iterator[Mapping[str, Any]]:
    wanted = RuleFilter(start=start, end=end, queries=(lucene(base),))
    after: Mapping[str, Any] | None = None
    while True:
        answer = log.raw_search(
            wanted, size=0, track_total_hits=False, aggs=counts_body(driver, base, after)
        )
        page = answer.get("aggregations", {}).get("counts", {"buckets": []})
        yield from page["buckets"]
        after = page.get("after_key")
        if after is None:
            return


def _windows(rule: Rule, found: Sequence[Sequence[Window]]) -> list[Window]:
    """Return the times whose events may matter to any of the candidates, joined."""
    reach = rule.root.reach
    wide = sorted((first - reach, last + reach) for windows in found for first, last in windows)
    joined: list[Window] = []
    for first, last in wide:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined if len(joined) <= _WINDOWS else [(joined[0][0], joined[-1][1])]


def _hits(
    log: AuditLog,
    rule: Rule,
    base: Base,
    groups: Sequence[Group],
    windows: Sequence[Window],
    span: tuple[datetime, datetime],
) -> list[Hit]:
    """Return a base rule's events of the groups within the windows, and perhaps more."""
    needed = needed_fields(rule.root, base)
    sources = sorted({*needed, *fields_of(base.condition), *_ALWAYS})
    found: list[Hit] = []
    for members in _members(rule, base, groups):
        queries = (lucene(base), _within(windows), *members)
        wanted = RuleFilter(start=span[0], end=span[1], queries=queries)
        with log.scan(wanted, source_includes=sources) as pages:
            for page in pages:
                found += hits_of_base(base, needed, (msgspec.json.decode(hit.source) for hit in page))
    return sorted(found, key=lambda hit: (hit.at, hit.order, hit.id))


def _members(
    rule: Rule, base: Base, groups: Sequence[Group]
) -> Iterator[tuple[Mapping[str, Any], ...]]:
    """Yield queries for the groups, by the first field that every group has a value of."""
    root: Correlation | Silence = rule.root
    for number, name in enumerate(root.group_by):
        if name not in OPTIONAL:
            path = field_below(root, name, base) if isinstance(root, Correlation) else name
            values = sorted({str(group[number]) for group in groups})
            for begin in range(0, len(values), _VALUES):
                yield ({"terms": {path or name: values[begin : begin + _VALUES]}},)
            return
    yield ()


def _within(windows: Sequence[Window]) -> Mapping[str, Any]:
    ranges = [
        {"range": {"@timestamp": {"gte": first, "lte": last, "format": "epoch_millis"}}}
        for first, last in windows
    ]
    return {"bool": {"should": ranges, "minimum_should_match": 1}}
