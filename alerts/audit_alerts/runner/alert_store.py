"""Alerts in Elasticsearch: one for one group while it lasts, whatever the order they are found in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import elasticsearch
from audit_schemas import format_timestamp

from audit_alerts.episodes import FiringSpan, joined
from audit_alerts.errors import AlertError
from audit_alerts.matches import GroupValues, as_time
from audit_alerts.plan import Rule
from audit_alerts.runner.alert import (
    TEMPLATE,
    Document,
    StoredAlert,
    absorbed,
    group_key,
    new_alert,
    updated_alert,
)
from audit_alerts.runner.kafka_source import millis_now
from audit_alerts.runner.look import Finding

__all__ = ["AlertStore", "Change", "Pending", "changes"]

_TRIES = 20
_SOME = 500
_GROUPS = 200
_PAGE = 5000
_PRIORITY = 500


@dataclass(frozen=True, slots=True)
class Change:
    """A span that fired, the alert that it belongs to, and those that it makes a part of that one."""

    span: FiringSpan
    main: StoredAlert | None
    absorbed: tuple[StoredAlert, ...]


@dataclass(frozen=True, slots=True)
class Pending:
    """How many alerts a sink was not told of, and some of them."""

    total: int
    some: tuple[StoredAlert, ...]


def changes(known: Sequence[StoredAlert], found: Sequence[FiringSpan], gap: int) -> Iterator[Change]:
    """Yield what spans that fired do to their group's alerts: the earliest of those joined stays."""
    for span in joined([each.span for each in known], found, gap):
        if not any(each.first <= span.last and each.last >= span.first for each in found):
            continue
        parts = sorted(
            (each for each in known if span.first <= each.span.first <= span.last),
            key=lambda each: (each.span.first, each.id),
        )
        yield Change(span, parts[0] if parts else None, tuple(parts[1:]))


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
                template={"mappings": TEMPLATE, "settings": settings},
            )
        try:
            self._client.indices.create(index=self._index, mappings=TEMPLATE, settings=settings)
        except elasticsearch.BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise
            self._client.indices.put_mapping(index=self._index, **TEMPLATE)

    def refresh(self) -> None:
        """Let all that was stored by now be found: `has` and `record` look for no more than that.

        Once a step is enough: whoever does the same step meanwhile meets a conflict, and looks again.
        """
        self._client.indices.refresh(index=self._index)

    def has(self, rule: Rule, group: GroupValues, span: FiringSpan, gap: int) -> bool:
        """Tell whether an alert is stored that a span belongs to."""
        return bool(self._known(rule, {group: [span]}, gap).get(group))

    def record(self, rule: Rule, version: str, found: Finding) -> tuple[int, int]:
        """Store what a step found; return how many alerts are new, and how many have updated.

        Doing it again changes nothing.
        """
        new = updated = 0
        known = self._known(rule, found.spans, found.gap)
        sinks = self._sinks()
        for group, spans in found.spans.items():
            for _ in range(_TRIES):
                alerts = known.get(group, [])
                try:
                    created, changed = self._record_group(rule, version, group, alerts, found, sinks)
                except elasticsearch.ConflictError:  # another runner was faster: look again
                    self.refresh()
                    known |= {group: self._known(rule, {group: spans}, found.gap).get(group, [])}
                    continue
                new, updated = new + created, updated + changed
                break
            else:
                raise AlertError(f"the alerts of {rule.name} are changed by others without end")
        return new, updated

    def pending(self, sink: str, after: StoredAlert | None = None) -> Pending:
        """Return alerts that a sink has to be told of, the oldest first: some, after one of them."""
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
        """Note that a sink was told of an alert as it was then."""
        for _ in range(_TRIES):
            found = self._client.get(index=self._index, id=alert.id)
            document: Document = found["_source"]
            told = document["audit"]["alert"]
            if sink not in told["pending"] or told["told"] != alert.document["audit"]["alert"]["told"]:
                return
            if told["status"] != alert.document["audit"]["alert"]["status"]:
                return  # it was merged meanwhile, which is to be told too
            told["pending"] = [name for name in told["pending"] if name != sink]
            try:
                self._put(
                    StoredAlert(alert.id, document, found["_seq_no"], found["_primary_term"]), document
                )
            except elasticsearch.ConflictError:
                continue
            return

    def _record_group(
        self,
        rule: Rule,
        version: str,
        group: GroupValues,
        known: Sequence[StoredAlert],
        found: Finding,
        sinks: Sequence[str],
    ) -> tuple[int, int]:
        new = updated = 0
        for change in changes(known, found.spans[group], found.gap):
            told = found.tell(group, change.span)
            if change.main is None:
                alert_id, document = new_alert(
                    rule,
                    version,
                    group,
                    change.span,
                    told,
                    page=self._page,
                    created=format_timestamp(as_time(millis_now())),
                    sinks=sinks,
                )
                self._client.create(index=self._index, id=alert_id, document=document)
                new += 1
                continue
            made = updated_alert(
                change.main.document,
                rule,
                version,
                group,
                change.span,
                told,
                page=self._page,
                sinks=sinks,
            )
            if made is not None:
                self._put(change.main, made)
                updated += 1
            for each in change.absorbed:
                self._put(each, absorbed(each.document, change.main.id, sinks))
        return new, updated

    def _put(self, known: StoredAlert, document: Document) -> None:
        self._client.index(
            index=self._index,
            id=known.id,
            document=document,
            if_seq_no=known.seq_no,
            if_primary_term=known.primary_term,
        )

    def _known(
        self, rule: Rule, spans: Mapping[GroupValues, Sequence[FiringSpan]], gap: int
    ) -> dict[GroupValues, list[StoredAlert]]:
        """Return the alerts of groups that their spans may belong to."""
        groups = {group_key(group): group for group in spans}
        keys, found = sorted(groups), dict[GroupValues, list[StoredAlert]]()
        for begin in range(0, len(keys), _GROUPS):
            for alert in self._open(rule, keys[begin : begin + _GROUPS], spans, gap):
                group = groups[alert.document["audit"]["alert"]["group_key"]]
                found.setdefault(group, []).append(alert)
        return found

    def _open(
        self,
        rule: Rule,
        keys: Sequence[str],
        spans: Mapping[GroupValues, Sequence[FiringSpan]],
        gap: int,
    ) -> list[StoredAlert]:
        every = [span for group in spans.values() for span in group]
        first = format_timestamp(as_time(min(span.first for span in every) - gap))
        last = format_timestamp(as_time(max(span.last for span in every) + gap))
        filters: list[dict[str, Any]] = [
            {"term": {"rule.id": rule.id}},
            {"terms": {"audit.alert.group_key": list(keys)}},
            {"term": {"audit.alert.status": "open"}},
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
