"""One alert: what fired and why, its events, what else there is, and what was done about it."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from audit_alerts import LEVELS, Alert, AlertDesk, CloseReason, HistoryEntry, Rule
from audit_query import AuditLog
from audit_schemas import printable

from audit_server.page.alert_evidence import around, evidence
from audit_server.page.alert_rows import GROUPED, AlertRow, alert_row, alert_rows, words
from audit_server.page.alert_view import STATUSES, AlertView, alert_path
from audit_server.page.rows import DisplayTime, display_time
from audit_server.page.rule_page import conditions_of, rule_path
from audit_server.page.view import View

__all__ = ["HistoryLine", "OtherAlerts", "alert_page"]

_OTHERS = 10


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A step of triage in words."""

    at: DisplayTime
    by: str
    words: str
    note: str


@dataclass(frozen=True, slots=True)
class OtherAlerts:
    """Other alerts of the same addresses, or of the same users, and the address of all of them."""

    title: str
    link: str
    rows: Sequence[AlertRow]


def alert_page(
    log: AuditLog, desk: AlertDesk, alert: Alert, rule: Rule | None, view: View
) -> Mapping[str, Any]:
    """Query what belongs to an alert: its evidence, other alerts, and what was before and after."""
    with ThreadPoolExecutor(3, "alert-page") as pool:
        nearby = pool.submit(around, log, alert, view)
        others = pool.submit(_others, desk, alert, view)
        shown = evidence(log, alert, view)
        return {
            **_head(alert, view),
            **_why(alert, rule, view),
            **shown,
            "history": [_line(entry, view) for entry in reversed(alert.history)],
            "others": others.result(),
            "duplicates": _distinct(row for other in others.result() for row in other.rows),
            "around": nearby.result(),
        }


def _distinct(rows: Iterable[AlertRow]) -> Sequence[AlertRow]:
    """Return what an alert may be a duplicate of, each once."""
    return list({row.id: row for row in rows}.values())


def _head(alert: Alert, view: View) -> Mapping[str, Any]:
    return {
        "alert": alert_row(alert, view),
        "alert_id": alert.id,
        "group": [_group_field(name, value, view) for name, value in alert.group.items()],
        "began": display_time(alert.start, view.zone),
        "created": display_time(alert.created, view.zone),
        "related_users": [user for user in alert.users if user not in alert.group.values()],
        "related_ips": [ip for ip in alert.addresses if ip not in alert.group.values()],
        "merged_into": view.other_page(alert_path(alert.merged_into)) if alert.merged_into else None,
        "duplicate_of": view.other_page(alert_path(alert.duplicate_of)) if alert.duplicate_of else None,
        "exceptions_link": view.other_page("/exceptions", ended="yes") if alert.exceptions else None,
        "except_link": view.other_page("/exceptions/new", alert=alert.id),
        "episodes": [
            {
                "first": display_time(part.since, view.zone),
                "last": display_time(part.last, view.zone),
                "count": part.count,
                "episodes": part.episodes,
            }
            for part in alert.parts
        ]
        if len(alert.parts) > 1
        else (),
        "levels": LEVELS,
        "statuses": STATUSES,
        "reasons": [reason.value for reason in CloseReason],
    }


def _group_field(name: str, value: str, view: View) -> tuple[str, str, str | None]:
    """Return what a group's field is called, its value, and the address of its events."""
    label, parameter = GROUPED.get(name, (name, None))
    link = view.only_filter(parameter, value) if parameter else None
    return label, printable(value), link


def _why(alert: Alert, rule: Rule | None, view: View) -> Mapping[str, Any]:
    return {
        "description": alert.description,
        "what_to_do": alert.what_to_do,
        "false_positives": rule.false_positives if rule else (),
        "conditions": conditions_of(rule) if rule else (),
        "rule_link": rule_path(view, alert.rule),
        "rule_gone": rule is None,
        "tags": list(alert.document.get("tags", ())),
    }


def _line(entry: HistoryEntry, view: View) -> HistoryLine:
    said = entry.action
    if entry.action == "assigned":
        said = f"assigned it to {entry.assignee}" if entry.assignee else "took it from its assignee"
    elif entry.reason is not None:
        said = f"{entry.action} it as {words(entry.reason)}"
    elif entry.action != "noted":
        said = f"{entry.action} it"
    return HistoryLine(
        display_time(entry.at, view.zone), printable(entry.by), printable(said), entry.note or ""
    )


def _others(desk: AlertDesk, alert: Alert, view: View) -> Sequence[OtherAlerts]:
    related = desk.related(alert)
    asked = (
        ("address", "Of its addresses", alert.addresses, related.of_addresses),
        ("user", "Of its users", alert.users, related.of_users),
    )
    return [
        OtherAlerts(
            title,
            AlertView(view).asking(*((name, value) for value in values), ("status", "any")).link(),
            alert_rows(found[:_OTHERS], view),
        )
        for name, title, values, found in asked
        if values
    ]
