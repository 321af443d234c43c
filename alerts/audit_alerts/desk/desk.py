"""The desk: alerts in Elasticsearch, to read and to triage."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import elasticsearch
from audit_runtime.elastic import connect

from audit_alerts.desk.alert import Alert, AlertStatus, scope_of
from audit_alerts.desk.alert_filter import AlertFilter, AlertOrder
from audit_alerts.desk.cursor import decode_alert_cursor, encode_alert_cursor
from audit_alerts.desk.exception_desk import ExceptionDesk
from audit_alerts.desk.firings import Firings, firings_of, read_firings
from audit_alerts.desk.marks import Mark, event_marks, marks_query, user_marks
from audit_alerts.desk.search import AlertSearch
from audit_alerts.desk.self_audit import Actor, Publish, publish_step
from audit_alerts.desk.step_times import read_step_times
from audit_alerts.desk.triage import TriageStep, applied
from audit_alerts.errors import AlertConflictError, NoSuchAlertError, TriageError
from audit_alerts.plan import LEVELS
from audit_alerts.settings import AlertSettings

__all__ = ["BULK_MAX", "PAGE_MAX", "AlertDesk", "AlertPage", "Related", "Triaged"]

PAGE_MAX = 500
BULK_MAX = 200
"""Alerts that one call triages."""
_MARKED = 500
_RELATED = 20
_TRIES = 20
_ID_MAX = 128
_UNRESOLVED = (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
_BY_TIME = {"audit.alert.last": {"order": "desc", "format": "epoch_millis"}}
_BY_LEVEL = {"event.severity": "desc"}
_SORTS: Mapping[AlertOrder, list[Any]] = {
    "newest": [_BY_TIME, _BY_LEVEL, {"event.id": "asc"}],
    "worst": [_BY_LEVEL, _BY_TIME, {"event.id": "asc"}],
}


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Some of the alerts that fit, how many do in all, and where the next page begins."""

    alerts: Sequence[Alert]
    total: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Related:
    """Other alerts of an alert's addresses and of its users, the newest of each."""

    of_addresses: Sequence[Alert]
    of_users: Sequence[Alert]


@dataclass(frozen=True, slots=True)
class Triaged:
    """What came of a step: the alert as it is now, or why nothing was done.

    `is_recorded` False: the step is stored, and its event could not be published.
    """

    id: str
    alert: Alert | None
    is_recorded: bool = False
    error: TriageError | None = field(default=None)


class AlertDesk:
    """Reads and triages alerts. Threads may share one; errors of the client pass through.

    Where no runner has made the index of alerts yet, there are none. `publish` is
    `AuditProducer.record`, by which each step becomes an event; None: none does.
    """

    def __init__(
        self,
        settings: AlertSettings,
        *,
        publish: Publish | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = connect(settings, seconds=settings.query_seconds)
        self._index = settings.alerts_index
        self._state_index = settings.state_index
        self._search = AlertSearch(self._client, self._index)
        self._publish = publish
        self._clock = clock

    def for_organization(self, organization: str) -> "AlertDesk":
        """Return the desk of one organization's people: other alerts don't exist for it.

        Theirs are those whose group names the organization, and those whose evidence lies in it
        alone. It shares the connections; close the one it came from.
        """
        bound = object.__new__(AlertDesk)
        search = self._search.for_organization(organization)
        bound.__dict__.update(self.__dict__, _search=search)
        return bound

    @property
    def organization(self) -> str | None:
        """The one organization whose alerts it sees; None: all."""
        return self._search.organization

    @property
    def exceptions(self) -> ExceptionDesk:
        """Exceptions from rules."""
        return ExceptionDesk(self._search, self._publish, self._clock)

    def alerts(
        self,
        wanted: AlertFilter | None = None,
        *,
        size: int = 50,
        after: str | None = None,
        order: AlertOrder = "newest",
    ) -> AlertPage:
        """Return a page of alerts, 1 to 500; `after` is the cursor of the page before.

        Raises ParameterError for a cursor that is none.
        """
        size = max(1, min(size, PAGE_MAX))
        more = {"search_after": decode_alert_cursor(after)} if after else {}
        found = self._search(
            (wanted or AlertFilter()).to_query(),
            size=size + 1,
            sort=_SORTS[order],
            track_total_hits=True,
            **more,
        )
        hits = found["hits"]["hits"]
        shown = hits[:size]
        cursor = encode_alert_cursor(_sort_values(shown[-1])) if len(hits) > size else None
        return AlertPage([Alert(hit["_source"]) for hit in shown], _total(found), cursor)

    def alert(self, alert_id: str) -> Alert:
        """Return an alert as it is now. Raises NoSuchAlertError."""
        return Alert(self._get(alert_id)["_source"])

    def full_id(self, text: str) -> str:
        """Return the id of the one alert whose id begins so. Raises NoSuchAlertError, TriageError."""
        query = {"prefix": {"event.id": text[:_ID_MAX]}}
        found = self._search(query, size=2, sort=[{"event.id": "asc"}], source_includes=["event.id"])
        ids = [str(hit["_source"]["event"]["id"]) for hit in found["hits"]["hits"]]
        if not ids or not text:
            raise NoSuchAlertError
        if len(ids) > 1 and text not in ids:
            raise TriageError(f"several alerts' ids begin with {text}; give more of it")
        return text if text in ids else ids[0]

    def related(self, alert: Alert) -> Related:
        """Return other alerts of the same addresses and of the same users, at most 20 of each."""
        return Related(
            self._others(alert, "related.ip", alert.addresses),
            self._others(alert, "related.user", alert.users),
        )

    def open_by_level(self, wanted: AlertFilter | None = None) -> dict[str, int]:
        """Return how many alerts are open or acknowledged, for each level, the worst first."""
        wanted = wanted or AlertFilter(statuses=_UNRESOLVED)
        aggs = {"levels": {"terms": {"field": "audit.alert.level", "size": len(LEVELS)}}}
        found = self._search(wanted.to_query(), size=0, aggs=aggs)
        buckets = found.get("aggregations", {}).get("levels", {}).get("buckets", [])
        counts = {bucket["key"]: bucket["doc_count"] for bucket in buckets}
        return {level: counts.get(level, 0) for level in LEVELS}

    def firings(self, since: datetime) -> dict[str, Firings]:
        """Return how often each rule has fired since then, by its name; those that never fired lack.

        An alert counts if it has evidence from then on, whatever became of it.
        """
        found = self._search({"match_all": {}}, size=0, aggs=firings_of(since))
        return read_firings(found)

    def step_times(self) -> Mapping[str, timedelta]:
        """Return how long a step of each rule takes of late, by its id; of what no runner ran, none."""
        return read_step_times(self._client, self._state_index)

    def event_marks(self, events: Sequence[Mapping[str, Any]]) -> dict[str, list[Mark]]:
        """Return which alerts concern each of some events, by the event's id, the worst first.

        Of alerts that are neither merged nor suppressed: one concerns an event that is among its
        samples, and one of its group within the time of one of its parts.
        """
        query = marks_query(events)
        return event_marks(events, self._marking(query)) if query else {}

    def user_marks(self, users: Iterable[str]) -> dict[str, list[Mark]]:
        """Return the open and acknowledged alerts that concern each of some users, the worst first."""
        names = list(dict.fromkeys(users))
        wanted = {"terms": {"related.user": names[:_MARKED]}}
        query = {"bool": {"filter": [AlertFilter(statuses=_UNRESOLVED).to_query(), wanted]}}
        return user_marks(names, self._marking(query)) if names else {}

    def triage(self, alert_id: str, step: TriageStep, by: Actor) -> Triaged:
        """Take a step; it is stored, and then published, when this returns.

        Raises NoSuchAlertError, and AlertConflictError where somebody was faster: see `applied`.
        """
        at = self._clock()
        if step.duplicate_of is not None:
            self._check_duplicate(alert_id, step.duplicate_of)
        for _ in range(_TRIES):
            found = self._get(alert_id)
            document = applied(found["_source"], step, by.name, at)
            try:
                self._put(found, document)
            except elasticsearch.ConflictError:
                continue  # perhaps the runner alone, whose evidence contradicts no step
            alert = Alert(document)
            return Triaged(alert_id, alert, publish_step(self._publish, alert, step, by, at))
        raise AlertConflictError(alert_id, "it is changed again and again; try it once more")

    def triage_all(self, steps: Mapping[str, TriageStep], by: Actor) -> list[Triaged]:
        """Take steps on many alerts, at most 200, each by itself: what fails for one is in its result.

        Raises TriageError for more.
        """
        if len(steps) > BULK_MAX:
            raise TriageError(f"at most {BULK_MAX} alerts at once")
        return list(self._each(steps, by))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _each(self, steps: Mapping[str, TriageStep], by: Actor) -> Iterator[Triaged]:
        for alert_id, step in steps.items():
            try:
                yield self.triage(alert_id, step, by)
            except TriageError as error:
                yield Triaged(alert_id, None, error=error)

    def _check_duplicate(self, alert_id: str, other: str) -> None:
        if other == alert_id:
            raise TriageError("an alert is no duplicate of itself")
        self._get(other)

    def _others(self, alert: Alert, name: str, values: Sequence[str]) -> list[Alert]:
        if not values:
            return []
        query = {
            "bool": {
                "filter": [AlertFilter().to_query(), {"terms": {name: list(values)}}],
                "must_not": [{"term": {"event.id": alert.id}}],
            }
        }
        found = self._search(query, size=_RELATED, sort=_SORTS["newest"])
        return [Alert(hit["_source"]) for hit in found["hits"]["hits"]]

    def _marking(self, query: Mapping[str, Any]) -> list[Alert]:
        found = self._search(query, size=_MARKED, sort=_SORTS["worst"])
        return [Alert(hit["_source"]) for hit in found["hits"]["hits"]]

    def _get(self, alert_id: str) -> Mapping[str, Any]:
        """Return the stored alert, up to date, with what its next writing depends on."""
        if not 0 < len(alert_id) <= _ID_MAX:
            raise NoSuchAlertError
        try:
            found = self._client.get(index=self._index, id=alert_id).body
        except elasticsearch.NotFoundError:
            raise NoSuchAlertError from None
        if self.organization not in (None, scope_of(found["_source"])):
            raise NoSuchAlertError
        return dict(found)

    def _put(self, found: Mapping[str, Any], document: Mapping[str, Any]) -> None:
        self._client.index(
            index=self._index,
            id=found["_id"],
            document=document,
            if_seq_no=found["_seq_no"],
            if_primary_term=found["_primary_term"],
            refresh=True,  # the list that is opened next shows it
        )


def _sort_values(hit: Mapping[str, Any]) -> list[int | str]:
    first, second, alert_id = hit["sort"]
    return [int(first), int(second), str(alert_id)]


def _total(found: Mapping[str, Any]) -> int:
    return int(found["hits"]["total"]["value"])
