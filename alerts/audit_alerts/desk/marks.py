"""Which of some events and users alerts are about. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit_schemas import parse_timestamp

from audit_alerts.condition import values_at
from audit_alerts.desk.alert import Alert, AlertStatus
from audit_alerts.desk.alert_filter import AlertFilter

__all__ = ["Mark", "event_marks", "marks_query", "user_marks"]


@dataclass(frozen=True, slots=True)
class Mark:
    """An alert that concerns an event or a user, in short."""

    alert: str
    rule: str
    level: str
    status: AlertStatus


def marks_query(events: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the query for the alerts that may concern some events; None: there is no event."""
    if not events:
        return None
    times = sorted(event["@timestamp"] for event in events)
    about = [
        {"terms": {"audit.alert.samples": _values(events, "event.id")}},
        {"terms": {"related.ip": _values(events, "source.ip")}},
        {"terms": {"related.user": _values(events, "audit.user")}},
    ]
    filters = [
        AlertFilter().to_query(),
        {"range": {"event.start": {"lte": times[-1]}}},
        {"range": {"audit.alert.last": {"gte": times[0]}}},
        {"bool": {"should": about, "minimum_should_match": 1}},
    ]
    return {"bool": {"filter": filters}}


def event_marks(events: Sequence[Mapping[str, Any]], alerts: Iterable[Alert]) -> dict[str, list[Mark]]:
    """Return the marks of events that have any; alerts come the worst first."""
    known = list(alerts)
    found = {
        event["event"]["id"]: [_mark(alert) for alert in known if _concerns(alert, event)]
        for event in events
    }
    return {event_id: marks for event_id, marks in found.items() if marks}


def user_marks(users: Sequence[str], alerts: Iterable[Alert]) -> dict[str, list[Mark]]:
    """Return the marks of users that have any."""
    known = list(alerts)
    found = {user: [_mark(alert) for alert in known if user in alert.users] for user in users}
    return {user: marks for user, marks in found.items() if marks}


def _mark(alert: Alert) -> Mark:
    return Mark(alert.id, alert.rule, alert.level, alert.status)


def _concerns(alert: Alert, event: Mapping[str, Any]) -> bool:
    if event["event"]["id"] in alert.samples:
        return True
    group = alert.group
    if not group or any(value not in values_at(event, name) for name, value in group.items()):
        return False
    at = parse_timestamp(event["@timestamp"])
    return any(part.since <= at <= part.last for part in alert.parts)


def _values(events: Iterable[Mapping[str, Any]], path: str) -> list[str]:
    return sorted({value for event in events for value in values_at(event, path)})
