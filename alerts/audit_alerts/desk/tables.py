"""Alerts and exceptions at a terminal. What came from events and people is shown, never obeyed."""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo

from audit_schemas import printable
from rich.markup import escape
from rich.table import Table

from audit_alerts.desk.alert import Alert, HistoryEntry
from audit_alerts.desk.exception_desk import ListedException

__all__ = ["ID_SHOWN", "alert_lines", "alerts_table", "exceptions_table"]

ID_SHOWN = 10
"""So much of an id tells alerts apart, and is enough to name one."""


def alerts_table(alerts: Iterable[Alert], zone: tzinfo, zone_name: str) -> Table:
    """Return a row an alert; without a column of assignees where nobody has one."""
    shown = list(alerts)
    is_assigned = any(alert.assignee for alert in shown)
    table = Table(box=None, pad_edge=False)
    for heading in ("Alert", "Level", "Status", f"Last ({zone_name})"):
        table.add_column(heading, no_wrap=True)
    table.add_column("Events", justify="right", no_wrap=True)
    for heading in ("Assignee", "What") if is_assigned else ("What",):
        table.add_column(heading, overflow="fold")
    for alert in shown:
        table.add_row(
            alert.id[:ID_SHOWN],
            _safe(alert.level),
            alert.status.value,
            _moment(alert.last, zone),
            f"{alert.count:,}",
            *([_safe(alert.assignee or "")] if is_assigned else []),
            _safe(alert.rule) + "\n" + _safe(", ".join(alert.group.values())),
        )
    return table


def exceptions_table(exceptions: Iterable[ListedException], zone: tzinfo, zone_name: str) -> Table:
    """Return a row an exception."""
    table = Table(box=None, pad_edge=False)
    for heading in ("Exception", "Rule", f"Until ({zone_name})"):
        table.add_column(heading, no_wrap=True)
    table.add_column("Alerts", justify="right", no_wrap=True)
    table.add_column("Events", justify="right", no_wrap=True)
    for heading in ("By", "For", "Because"):
        table.add_column(heading, overflow="fold")
    for each in exceptions:
        draft = each.exception.draft
        end = _moment(draft.until, zone) if each.is_in_force else "over"
        table.add_row(
            each.exception.id,
            _safe(draft.rule),
            end,
            f"{each.alerts:,}",
            f"{each.events:,}",
            *(map(_safe, (each.exception.by, draft.words, draft.because))),
        )
    return table


def alert_lines(alert: Alert, zone: tzinfo) -> Iterator[str]:
    """Yield the lines that show one alert."""
    return map(printable, _lines(alert, zone))


def _lines(alert: Alert, zone: tzinfo) -> Iterator[str]:
    yield f"{alert.title} ({alert.level})"
    yield f"Alert {alert.id}, {_standing(alert)}"
    yield f"{alert.count:,} events from {_moment(alert.start, zone)} to {_moment(alert.last, zone)}"
    yield alert.description
    for heading, values in (("Users", alert.users), ("Addresses", alert.addresses)):
        if values:
            yield f"{heading}: {', '.join(values)}"
    yield ""
    yield "Episodes"
    for part in alert.parts:
        more = f", {part.episodes} together" if part.episodes > 1 else ""
        first, last = _moment(part.first, zone), _moment(part.last, zone)
        yield f"  {first} to {last}: {part.count:,} events{more}"
    if alert.history:
        yield ""
        yield "History"
        yield from (f"  {_entry(entry, zone)}" for entry in alert.history)
    yield ""
    yield "What to do"
    yield f"  {alert.what_to_do}"
    yield "Some of its events"
    yield from (f"  {event_id}" for event_id in alert.samples)
    if alert.link:
        yield f"Page: {alert.link}"


def _standing(alert: Alert) -> str:
    said = alert.status.value
    if alert.reason is not None:
        said += f" as {alert.reason.value}"
    if alert.merged_into is not None:
        said += f" into {alert.merged_into}"
    return f"{said}, assigned to {alert.assignee}" if alert.assignee else said


def _entry(entry: HistoryEntry, zone: tzinfo) -> str:
    said = f"{_moment(entry.at, zone)} {entry.by} {entry.action}"
    if entry.reason is not None:
        said += f" as {entry.reason.value}"
    if entry.assignee is not None:
        said += f" to {entry.assignee}"
    return f"{said}: {' '.join(entry.note.split())}" if entry.note else said


def _moment(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _safe(text: str) -> str:
    return escape(printable(text))
