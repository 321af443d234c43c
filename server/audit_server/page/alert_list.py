"""The list of alerts: its queries, and the context of its template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit_alerts import LEVELS, NOBODY, AlertDesk, AlertFilter, CloseReason

from audit_server.page.alert_rows import alert_rows
from audit_server.page.alert_view import ANY, ORDERS, STATUSES, AlertView

__all__ = ["ROWS", "ListedAlerts", "alert_list"]

ROWS = 50
_LABELS = {
    "level": "Level",
    "status": "Status",
    "rule": "Rule",
    "address": "IP Address",
    "user": "User",
    "assignee": "Assigned to",
    "org": "Organization",
    "exception": "Exception",
    "from": "From",
    "to": "To",
}
_IN_FORM = ("level", "status", "rule", "address", "user", "assignee", "from", "to")


@dataclass(frozen=True, slots=True)
class ListedAlerts:
    """What the list shows, for its template; and how many alerts fit."""

    context: Mapping[str, Any]
    total: int


def alert_list(
    desk: AlertDesk, asked: AlertView, now: datetime, me: str, rule_names: Sequence[str]
) -> ListedAlerts:
    """Query the alerts that are asked for. Raises ParameterError."""
    page = desk.alerts(asked.filter(now), size=ROWS, after=asked.view.after, order=asked.order)
    known = {*rule_names, *asked.values("rule")}
    context = {
        "asked": asked,
        "total": page.total,
        "rows": alert_rows(page.alerts, asked.view),
        "more": asked.next_page(page.cursor) if page.cursor else None,
        "levels": LEVELS,
        "statuses": STATUSES,
        "statuses_or_any": (*STATUSES, ANY),
        "reasons": [reason.value for reason in CloseReason],
        "rule_names": sorted(known),
        "kept": _kept(asked),
        "chips": _chips(asked),
        "presets": _presets(asked, me),
        "orders": [(order, asked.ordered(order)) for order in ORDERS],
        "live_toggle": asked.live_toggled(),
        "rows_link": asked.link("/alerts/rows"),
        "none_at_all": not page.total and not desk.alerts(_EVERY, size=1).total,
    }
    return ListedAlerts(context, page.total)


_EVERY = AlertFilter(statuses=STATUSES)


def _kept(asked: AlertView) -> Sequence[tuple[str, str]]:
    """Return what the form has no field for, and what its fields can't show: a second value."""
    shown = {name: asked.value(name) for name in _IN_FORM}
    kept = [pair for pair in asked.pairs if shown.get(pair[0]) != pair[1]]
    order = [("order", asked.order)] if asked.order != ORDERS[0] else []
    return [*kept, *order, *(pair for pair in asked.view.own() if pair[0] in ("tz", "live"))]


def _chips(asked: AlertView) -> Sequence[Mapping[str, str]]:
    return [
        {"label": _LABELS[name], "value": value, "remove": asked.without(name, value)}
        for name, value in asked.pairs
    ]


def _presets(asked: AlertView, me: str) -> Sequence[tuple[str, str, bool]]:
    """Return usual questions: their names, their addresses, and whether it is what is asked."""
    questions: Mapping[str, tuple[tuple[str, str], ...]] = {
        "Not closed": (),
        "High and critical": (("level", "critical"), ("level", "high")),
        "Mine": (("assignee", me),),
        "Nobody's": (("assignee", NOBODY),),
        "Closed": (("status", "closed"),),
        "All": (("status", ANY),),
    }
    return [
        (name, asked.asking(*pairs).link(), set(pairs) == set(asked.pairs))
        for name, pairs in questions.items()
    ]
