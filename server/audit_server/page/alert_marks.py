"""Marks on events and users that alerts concern, for those who may read alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import elasticsearch
import structlog
from audit_alerts import Mark
from audit_schemas import printable

from audit_server.access import Caller
from audit_server.page.alert_view import alert_path
from audit_server.page.view import View
from audit_server.roles import Permission

__all__ = ["AlertMark", "marks_of_events", "marks_of_user"]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AlertMark:
    """A mark: the worst alert that concerns something, how many others do, and where it leads."""

    rule: str
    level: str
    status: str
    others: int
    link: str


def marks_of_events(
    caller: Caller, events: Sequence[Mapping[str, Any]], view: View
) -> Mapping[str, AlertMark]:
    """Return the mark of each event that has one, by its id."""
    if not caller.may(Permission.ALERTS):
        return {}
    try:
        found = caller.alerts.event_marks(events)
    except (elasticsearch.ApiError, elasticsearch.TransportError) as error:
        return _without_marks(error)
    return {event_id: _mark(marks, view) for event_id, marks in found.items()}


def marks_of_user(caller: Caller, user: str, view: View) -> Sequence[AlertMark]:
    """Return the alerts that are not closed and concern a user, the worst first."""
    if not caller.may(Permission.ALERTS):
        return ()
    try:
        found = caller.alerts.user_marks([user]).get(user, [])
    except (elasticsearch.ApiError, elasticsearch.TransportError) as error:
        return list(_without_marks(error).values())
    return [_mark([mark], view) for mark in found]


def _mark(marks: Sequence[Mark], view: View) -> AlertMark:
    """Return the mark of something that alerts concern, the worst first."""
    worst = marks[0]
    link = view.other_page(alert_path(worst.alert))
    others = len(marks) - 1
    return AlertMark(printable(worst.rule), worst.level, worst.status.value, others, link)


def _without_marks(error: Exception) -> Mapping[str, AlertMark]:
    """Events are shown without marks where alerts can't be read, such as by a lack of privileges."""
    _log.warning("alerts can't be read", reason=type(error).__name__)
    return {}
