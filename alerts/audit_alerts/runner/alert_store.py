"""Alerts in Elasticsearch: one for one group while it lasts, whatever the order they are found in."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import elasticsearch
from audit_schemas import format_timestamp

from audit_alerts.desk.alert import AlertStatus
from audit_alerts.desk.exception_store import ExceptionStore
from audit_alerts.episodes import FiringSpan
from audit_alerts.mappings import ALERTS_MAPPING
from audit_alerts.matches import GroupValues
from audit_alerts.plan import Rule
from audit_alerts.runner.alert import (
    Circumstances,
    Document,
    group_key,
    merged_alert,
    new_alert,
    updated_alert,
)
from audit_alerts.runner.changes import AlertChange, Spans
from audit_alerts.runner.stored_alert import ONGOING, StoredAlert
from audit_alerts.times import as_time, millis_now

__all__ = ["AlertStore", "Pending", "Recorded"]

_TRIES = 20
_SOME = 500
_GROUPS = 200
_PAGE = 5000
_PRIORITY = 500
_ONGOING = {
    "bool": {
        "should": [
            {"terms": {"audit.alert.status": [status.value for status in ONGOING]}},
            {"exists": {"field": "audit.alert.included_by"}},
        ],
        "minimum_should_match": 1,
    }
}
_OPEN = {"terms": {"audit.alert.status": [AlertStatus.OPEN.value, AlertStatus.ACKNOWLEDGED.value]}}
_NEWS = ("last_notified_count", "notices")
"""What tells one notice of an alert from the next; what analysts do is none."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many alerts are new, how many were updated, and how many somebody else changed meanwhile."""

    new: int = 0
    updated: int = 0
    conflicts: int = 0
    suppressed: int = 0
    """New alerts that an exception keeps from receivers."""

    def __add__(self, other: "Recorded") -> "Recorded":
        return Recorded(
            self.new + other.new,
            self.updated + other.updated,
            self.conflicts + other.conflicts,
            self.suppressed + other.suppressed,
        )


@dataclass(frozen=True, slots=True)
class Pending:
    """How many alerts a sink has not taken yet, and some of them."""

    total: int
    some: tuple[StoredAlert, ...]


class AlertStore:
    """The index of alerts; it is the outbox of all sinks too. Errors of the client pass through."""

    def __init__(
        self,
        client: elasticsearch.Elasticsearch,
        index: str,
        page: str,
        sinks: Callable[[], Sequence[str]],
    ) -> None:
        self._client = client
        self._index = index
        self._page = page
        self._sinks = sinks
        self._exceptions = ExceptionStore(client, index)

    def prepare(self) -> None:
        """Create the template, and the index if there is none.

        A runner of least privilege may not make templates: one over the events' names would change
        the log. It makes its own index all the same, and needs the template only if that is deleted.
        """
        settings = {"number_of_shards": 1, "auto_expand_replicas": "0-1"}
        with suppress(elasticsearch.AuthorizationException):
            self._client.indices.put_index_template(
                name=self._index,
                index_patterns=[self._index],
                priority=_PRIORITY,
                template={"mappings": ALERTS_MAPPING, "settings": settings},
            )
        self._exceptions.prepare()
        try:
            self._client.indices.create(index=self._index, mappings=ALERTS_MAPPING, settings=settings)
        except elasticsearch.BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise
            self._client.indices.put_mapping(index=self._index, **ALERTS_MAPPING)

    def refresh(self) -> None:
        """Let all that was stored by now be found: `existing` finds no more than that.

        Once a step is enough: who records the same step meanwhile meets a conflict.
        """
        self._client.indices.refresh(index=self._index)

    def existing(self, rule: Rule, spans: Spans, gap: int) -> dict[GroupValues, list[StoredAlert]]:
        """Return the alerts that spans may belong to, merged ones left out, by group."""
        return self._near([{"term": {"rule.id": rule.id}}, _ONGOING], spans, gap)

    def _near(
        self, which: Sequence[dict[str, Any]], spans: Spans, gap: int
    ) -> dict[GroupValues, list[StoredAlert]]:
        """Return alerts of these groups, by group, that are no further than `gap` ms from the spans."""
        groups = {group_key(group): group for group in spans}
        keys, found = sorted(groups), dict[GroupValues, list[StoredAlert]]()
        for begin in range(0, len(keys), _GROUPS):
            for alert in self._some_near(which, keys[begin : begin + _GROUPS], spans, gap):
                group = groups[alert.document["audit"]["alert"]["group_key"]]
                found.setdefault(group, []).append(alert)
        return found

    def record(self, rule: Rule, version: str, changes: Sequence[AlertChange]) -> Recorded:
        """Store what a step does to the alerts. Doing it again changes nothing.

        A change whose alert another runner has changed since it was read is left out, and the result
        says so: the step has to be evaluated again.
        """
        recorded = Recorded()
        now = as_time(millis_now())
        exceptions = self._exceptions.for_rule(rule.id)
        spans = _spans_of(changes)
        including = self._of_rules(rule.included_by, spans, rule.alert_span)
        given = Circumstances(rule, version, self._page, now, self._sinks(), exceptions, including)
        for change in changes:
            try:
                recorded += self._record(change, given)
            except elasticsearch.ConflictError:
                recorded += Recorded(conflicts=1)
        return recorded + self._include(spans, given)

    def _include(self, spans: Spans, given: Circumstances) -> Recorded:
        """Make open alerts of the rules that this one includes parts of its own that are near."""
        rule, conflicts = given.rule, 0
        theirs = self._of_rules(rule.includes, spans, rule.alert_span)
        ours = self._of_rules((rule.name,), spans, rule.alert_span) if theirs else {}
        for group in theirs.keys() & ours.keys():
            for each in theirs[group]:
                # They were looked for around all spans at once, which may be days apart.
                near = [own for own in ours[group] if _is_near(own, each, rule.alert_span)]
                if not near:
                    continue
                document = merged_alert(each.document, near[0].id, given, included_by=rule.name)
                try:
                    self._put(each, document)
                except elasticsearch.ConflictError:
                    conflicts += 1
        return Recorded(conflicts=conflicts)

    def _of_rules(
        self, names: Sequence[str], spans: Spans, gap: int
    ) -> dict[GroupValues, list[StoredAlert]]:
        """Return the open alerts of other rules, by group, as they were recorded up to now."""
        if not names:
            return {}
        self.refresh()
        return self._near([{"terms": {"rule.name": list(names)}}, _OPEN], spans, gap)

    def pending(self, sink: str, after: StoredAlert | None = None) -> Pending:
        """Return alerts that a sink has not taken yet, the oldest first: some, after one of them."""
        self.refresh()
        event = after.document["event"] if after is not None else None
        total, some = self._search(
            {"term": {"audit.alert.pending": sink}},
            sort=[
                {"event.created": {"order": "asc", "format": "strict_date_optional_time"}},
                "event.id",
            ],
            size=_SOME,
            **({"search_after": [event["created"], event["id"]]} if event else {}),
        )
        return Pending(total, tuple(some))

    def delivered(self, alert: StoredAlert, sink: str) -> None:
        """Note that a sink took an alert as it was then; not if it has news for the sink by now."""
        for _ in range(_TRIES):
            found = self._client.get(index=self._index, id=alert.id)
            document: Document = found["_source"]
            now, then = document["audit"]["alert"], alert.document["audit"]["alert"]
            if sink not in now["pending"] or any(now.get(key) != then.get(key) for key in _NEWS):
                return
            now["pending"] = [name for name in now["pending"] if name != sink]
            stored = StoredAlert(alert.id, document, found["_seq_no"], found["_primary_term"])
            with suppress(elasticsearch.ConflictError):
                self._put(stored, document)
                return

    def _record(self, change: AlertChange, given: Circumstances) -> Recorded:
        target = change.target
        if target.existing is None:
            alert_id, document = new_alert(change, given)
            self._client.create(index=self._index, id=alert_id, document=document)
            return _recorded(document, new=1)
        document_now = updated_alert(target.existing.document, change, given)
        if document_now is not None:
            self._put(target.existing, document_now)
        for each in target.absorbed:
            self._put(each, merged_alert(each.document, target.existing.id, given))
        return _recorded(document_now, updated=1) if document_now is not None else Recorded()

    def _put(self, existing: StoredAlert, document: Document) -> None:
        self._client.index(
            index=self._index,
            id=existing.id,
            document=document,
            if_seq_no=existing.seq_no,
            if_primary_term=existing.primary_term,
        )

    def _some_near(
        self,
        which: Sequence[dict[str, Any]],
        keys: Sequence[str],
        spans: Spans,
        gap: int,
    ) -> list[StoredAlert]:
        every = [span for group in spans.values() for span in group]
        first = format_timestamp(as_time(min(span.first for span in every) - gap))
        last = format_timestamp(as_time(max(span.last for span in every) + gap))
        filters: list[dict[str, Any]] = [
            *which,
            {"terms": {"audit.alert.group_key": list(keys)}},
            {"range": {"audit.alert.last": {"gte": first}}},
            {"range": {"audit.alert.first": {"lte": last}}},
        ]
        found: list[StoredAlert] = []
        more: dict[str, Any] = {}
        while True:
            query = {"bool": {"filter": filters}}
            _, page = self._search(query, sort=["event.id"], size=_PAGE, **more)
            found += page
            if len(page) < _PAGE:
                return found
            more = {"search_after": [page[-1].id]}

    def _search(self, query: dict[str, Any], **more: Any) -> tuple[int, list[StoredAlert]]:
        """Return how many there are, and those that were asked for."""
        found = self._client.search(
            index=self._index,
            query=query,
            seq_no_primary_term=True,
            track_total_hits=True,
            allow_partial_search_results=False,
            **more,
        )
        stored = [
            StoredAlert(hit["_id"], hit["_source"], hit["_seq_no"], hit["_primary_term"])
            for hit in found["hits"]["hits"]
        ]
        return found["hits"]["total"]["value"], stored


def _is_near(one: StoredAlert, other: StoredAlert, gap: int) -> bool:
    return one.span.first - other.span.last <= gap and other.span.first - one.span.last <= gap


def _spans_of(changes: Sequence[AlertChange]) -> Spans:
    found: dict[GroupValues, list[FiringSpan]] = {}
    for change in changes:
        found.setdefault(change.target.group, []).extend(change.target.fired)
    return found


def _recorded(document: Document, *, new: int = 0, updated: int = 0) -> Recorded:
    if new and document["audit"]["alert"]["status"] == AlertStatus.MERGED:
        return Recorded(updated=new)  # a part of another rule's
    if new and document["audit"]["alert"]["status"] == AlertStatus.SUPPRESSED:
        return Recorded(suppressed=new)
    return Recorded(new, updated)
