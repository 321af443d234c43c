"""Exceptions from rules: what one would suppress, making and ending them, and what they suppressed."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from audit_schemas import format_timestamp

from audit_alerts.desk.alert import Alert, AlertStatus, scope_of
from audit_alerts.desk.exception_store import ExceptionStore
from audit_alerts.desk.rule_exception import ExceptionDraft, RuleException, draft_of
from audit_alerts.desk.search import AlertSearch
from audit_alerts.desk.self_audit import Actor, Publish, published

__all__ = ["ExceptionDesk", "ExceptionPreview", "ExceptionStep", "ListedException"]

_PREVIEWED = timedelta(days=30)
_PREVIEW_MAX = 1000
_LISTED_MAX = 1000
_INDEXED: Mapping[str, str] = {"source.ip": "related.ip", "audit.user": "related.user"}
"""Fields of groups that alerts can be searched by."""


@dataclass(frozen=True, slots=True)
class ExceptionPreview:
    """The alerts of the last 30 days that an exception would have suppressed, the newest first."""

    alerts: Sequence[Alert]
    is_complete: bool
    """False: there are so many alerts that only the newest thousand were looked at."""


@dataclass(frozen=True, slots=True)
class ListedException:
    """An exception, and what it has suppressed: alerts that held events, and how many events."""

    exception: RuleException
    is_in_force: bool
    alerts: int
    events: int


@dataclass(frozen=True, slots=True)
class ExceptionStep:
    """An exception after it was made or ended; `is_recorded` False: its event is not published."""

    exception: RuleException
    is_recorded: bool


class ExceptionDesk:
    """The exceptions of a desk: see `AlertDesk.exceptions`. Errors of the client pass through."""

    def __init__(
        self, search: AlertSearch, publish: Publish | None, clock: Callable[[], datetime]
    ) -> None:
        self._search = search
        self._store = ExceptionStore(search.client, search.index)
        self._publish = publish
        self._clock = clock

    def draft(
        self,
        alert: Alert,
        fields: Sequence[str] = (),
        *,
        until: datetime,
        because: str,
        address_range: str | None = None,
    ) -> ExceptionDraft:
        """Return the exception for an alert's values of some fields of its group, all if none is named.

        With a range of addresses in place of its own, if one is given. That of an organization's
        people is for the alerts that they see. Raises TriageError.
        """
        bounds = self._search.organization
        draft = draft_of(
            alert,
            fields,
            until=until,
            because=because,
            address_range=address_range,
            organization=bounds,
        )
        draft.check(self._clock())
        return draft

    def preview(self, draft: ExceptionDraft) -> ExceptionPreview:
        """Return which alerts of the last 30 days it would have suppressed."""
        since = format_timestamp(self._clock() - _PREVIEWED)
        filters: list[dict[str, Any]] = [
            {"term": {"rule.id": draft.rule_id}},
            {"range": {"audit.alert.last": {"gte": since}}},
            *({"term": {_INDEXED[n]: v}} for n, v in draft.group.items() if n in _INDEXED),
        ]
        merged = {"term": {"audit.alert.status": AlertStatus.MERGED.value}}
        found = self._search(
            {"bool": {"filter": filters, "must_not": [merged]}},
            size=_PREVIEW_MAX,
            sort=[{"audit.alert.last": "desc"}, {"event.id": "asc"}],
        )
        alerts = [Alert(hit["_source"]) for hit in found["hits"]["hits"]]
        covered = [a for a in alerts if draft.covers(a.rule_id, a.group, scope_of(a.document))]
        return ExceptionPreview(covered, len(alerts) < _PREVIEW_MAX)

    def create(self, draft: ExceptionDraft, by: Actor, alert: Alert | None = None) -> ExceptionStep:
        """Make an exception, which runners obey from their next step on.

        Raises TriageError for a draft that can't be one.
        """
        now = self._clock()
        draft.check(now)
        made = RuleException(
            uuid.uuid4().hex[:16], draft, by.name, now, None if alert is None else alert.id
        )
        self._store.add(made)
        return ExceptionStep(made, self._record("alert-exception-created", made, by, now))

    def end(self, exception_id: str, by: Actor) -> ExceptionStep:
        """End an exception now: what it would have suppressed fires again.

        Raises NoSuchAlertError, and TriageError if it is over.
        """
        now = self._clock()
        self._store.get(exception_id, self._search.organization)
        ended = self._store.end(exception_id, by.name, now)
        return ExceptionStep(ended, self._record("alert-exception-ended", ended, by, now))

    def listed(self) -> list[ListedException]:
        """Return all, the latest first, at most a thousand; of an organization's people, theirs."""
        now = self._clock()
        counts = self._suppressed()
        return [
            ListedException(each, each.is_in_force(now), *counts.get(each.id, (0, 0)))
            for each in self._store.all(self._search.organization)
        ]

    def get(self, exception_id: str) -> RuleException:
        """Return one. Raises NoSuchAlertError."""
        return self._store.get(exception_id, self._search.organization)

    def _suppressed(self) -> dict[str, tuple[int, int]]:
        """Return how many alerts and events each exception has suppressed."""
        aggs = {
            "exceptions": {
                "terms": {"field": "audit.alert.exceptions", "size": _LISTED_MAX},
                "aggs": {"events": {"sum": {"field": "audit.alert.suppressed_count"}}},
            }
        }
        found = self._search({"match_all": {}}, size=0, aggs=aggs)
        buckets = found.get("aggregations", {}).get("exceptions", {}).get("buckets", [])
        return {b["key"]: (b["doc_count"], int(b["events"]["value"])) for b in buckets}

    def _record(self, activity: str, exception: RuleException, by: Actor, at: datetime) -> bool:
        draft = exception.draft
        labels = {
            "exception": exception.id,
            "alert": exception.alert,
            "rule": draft.rule,
            "for": draft.words,
            "until": format_timestamp(draft.until),
            "because": draft.because,
        }
        return published(self._publish, activity, labels, by, at)
