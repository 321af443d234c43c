"""Alerts as the rows of a table. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audit_alerts import Alert
from audit_schemas import printable

from audit_server.page.alert_view import alert_path
from audit_server.page.rows import DisplayTime, display_time
from audit_server.page.view import View

__all__ = [
    "GROUPED",
    "AlertRow",
    "Pick",
    "alert_row",
    "alert_rows",
    "label_of",
    "picked",
    "words",
]

_SEPARATOR = "~"

GROUPED = {
    "source.ip": ("IP Address", "ip"),
    "audit.source.network": ("Network", "ip"),
    "audit.user": ("User", "user"),
    "user.name": ("User", "user"),
    "user.id": ("User", "user"),
    "user.effective.name": ("Effective user", "effective_user"),
    "user.effective.id": ("Effective user", "effective_user"),
    "organization.id": ("Organization", "org"),
    "service.name": ("Service", "service"),
    "audit.chat.id": ("Chat", "chat"),
    "audit.session.id": ("Session", "session"),
    "audit.errors.reason": ("Reason", None),
}
"""Fields that alerts group by: what they are called, and the filter of events by their values."""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """What a row shows of an alert; `pick` names it, and what it was when it was shown, in a form."""

    id: str
    title: str
    group: str
    level: str
    rule: str
    status: str
    close_reason: str
    assignee: str
    count: int
    last: DisplayTime
    link: str
    pick: str


@dataclass(frozen=True, slots=True)
class Pick:
    """An alert that a form names, and the version of it that was shown."""

    alert: str
    version: int


def alert_rows(alerts: Iterable[Alert], view: View) -> Sequence[AlertRow]:
    """Return the rows of alerts."""
    return [alert_row(alert, view) for alert in alerts]


def alert_row(alert: Alert, view: View) -> AlertRow:
    """Return the row of an alert, in the zone of the view."""
    group = ", ".join(f"{name}={value}" for name, value in alert.group.items())
    spoken = " · ".join(f"{label_of(name)} {value}" for name, value in alert.group.items())
    return AlertRow(
        alert.id,
        printable(alert.title.removesuffix(f": {group}") if group else alert.title),
        printable(spoken),
        alert.level,
        printable(alert.rule),
        alert.status.value,
        words(alert.reason or ""),
        printable(alert.assignee or ""),
        alert.count,
        display_time(alert.last, view.zone),
        view.other_page(alert_path(alert.id)),
        f"{alert.id}{_SEPARATOR}{alert.version}",
    )


def label_of(field: str) -> str:
    """Return what a field that alerts group by is called on the page."""
    return GROUPED.get(field, (field, None))[0]


def picked(text: str) -> Pick | None:
    """Read what a form says of an alert; None for what no form of ours says."""
    alert_id, separator, version = text.rpartition(_SEPARATOR)
    is_ours = separator and alert_id and version.isascii() and version.isdigit()
    return Pick(alert_id, int(version)) if is_ours and len(version) < 10 else None  # noqa: PLR2004


def words(name: str) -> str:
    """Return a name of ours as words."""
    return name.replace("-", " ")
