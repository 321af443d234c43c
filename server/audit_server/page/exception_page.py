"""Exceptions from rules: those that there are, and the form that makes one from an alert."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from audit_alerts import (
    ADDRESS_FIELDS,
    LEVELS,
    WIDEST,
    Alert,
    AlertDesk,
    ExceptionDraft,
    ExceptionPreview,
    ListedException,
    TriageError,
    usual_range,
)
from audit_query import TimeRangeError, parse_time
from audit_schemas import printable

from audit_server.page.alert_rows import alert_row, alert_rows, label_of
from audit_server.page.alert_view import STATUSES, AlertView
from audit_server.page.rows import DisplayTime, display_time
from audit_server.page.rule_page import rule_path
from audit_server.page.view import View

__all__ = [
    "EXCEPTIONS",
    "AskedException",
    "ExceptionShown",
    "draft_of_form",
    "exception_form",
    "exception_list",
]

EXCEPTIONS = "/exceptions"
_SHOWN = 25
_USUAL, _LONGEST = timedelta(days=30), timedelta(days=366)


@dataclass(frozen=True, slots=True)
class AskedException:
    """What a form asks for: which fields of the alert's group, which range, until when, and why."""

    fields: Sequence[str]
    address_range: str
    """In place of the alert's own address; blank: that alone."""
    until: str
    because: str


@dataclass(frozen=True, slots=True)
class ExceptionShown:
    """An exception in the list."""

    what: str
    rule: str
    rule_link: str
    because: str
    by: str
    created: DisplayTime
    until: DisplayTime
    ended: DisplayTime | None
    ended_by: str
    in_force: bool
    alerts: int
    events: int
    link: str
    end: str


def exception_list(desk: AlertDesk, view: View, *, ended_too: bool) -> Mapping[str, Any]:
    """Query the exceptions in force, or all."""
    listed = desk.exceptions.listed()
    shown = [_shown(one, view) for one in listed if ended_too or one.is_in_force]
    return {"exceptions": shown, "ended_too": ended_too}


def draft_of_form(
    desk: AlertDesk, alert: Alert, asked: AskedException, now: datetime, view: View
) -> ExceptionDraft:
    """Return the exception that a form asks for. Raises TriageError."""
    if not asked.fields:
        raise TriageError("Choose what the rule is to stay silent about")
    try:
        until = parse_time(asked.until, now.astimezone(view.zone))
    except TimeRangeError as error:
        raise TriageError(f"Until: {error}") from None
    return desk.exceptions.draft(
        alert,
        asked.fields,
        until=until,
        because=asked.because,
        address_range=asked.address_range.strip() or None,
    )


def exception_form(
    alert: Alert,
    asked: AskedException,
    now: datetime,
    view: View,
    *,
    preview: ExceptionPreview | None = None,
    trouble: str = "",
) -> Mapping[str, Any]:
    """Return the form, filled as it was sent, and what the exception would have suppressed."""
    row = alert_row(alert, view)
    here = now.astimezone(view.zone)
    return {
        "alert_id": alert.id,
        "alert_link": row.link,
        "alert_title": row.title,
        "rule": row.rule,
        "rule_link": rule_path(view, alert.rule),
        "choices": [
            {"name": name, "label": label_of(name), "value": printable(value)}
            for name, value in alert.group.items()
        ],
        "asked": asked,
        "range_hint": next(
            (usual_range(alert.group[n]) for n in ADDRESS_FIELDS if n in alert.group), None
        ),
        "widest": WIDEST,
        "usual_until": f"{here + _USUAL:%Y-%m-%d}",
        "first_until": f"{here + timedelta(days=1):%Y-%m-%d}",
        "last_until": f"{here + _LONGEST:%Y-%m-%d}",
        "trouble": trouble,
        "preview": _previewed(preview, view) if preview is not None else None,
        "levels": LEVELS,
        "statuses": STATUSES,
    }


def _previewed(preview: ExceptionPreview, view: View) -> Mapping[str, Any]:
    count = len(preview.alerts)
    least = "" if preview.is_complete else "at least "
    alerts = f"{count:,} alert{'' if count == 1 else 's'}"
    return {
        "words": f"It would have suppressed {least}{alerts} of the last 30 days",
        "rows": alert_rows(preview.alerts[:_SHOWN], view),
        "left": max(count - _SHOWN, 0),
    }


def _shown(one: ListedException, view: View) -> ExceptionShown:
    exception, draft = one.exception, one.exception.draft
    asked = AlertView(view).asking(("status", "any"), ("exception", exception.id))
    what = " · ".join(f"{label_of(name)} {value}" for name, value in draft.group.items())
    return ExceptionShown(
        printable(what),
        printable(draft.rule),
        rule_path(view, draft.rule),
        printable(draft.because),
        printable(exception.by),
        display_time(exception.created, view.zone),
        display_time(draft.until, view.zone),
        display_time(exception.ended, view.zone) if exception.ended else None,
        printable(exception.ended_by or ""),
        one.is_in_force,
        one.alerts,
        one.events,
        asked.link(),
        f"{EXCEPTIONS}/{quote(exception.id, safe='')}/end",
    )
