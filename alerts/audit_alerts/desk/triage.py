"""What a step of triage does to an alert: the document before, the document after. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from audit_schemas import format_timestamp, printable

from audit_alerts.desk.alert import Alert, AlertStatus, CloseReason, HistoryEntry
from audit_alerts.errors import AlertConflictError, TriageError

__all__ = [
    "HISTORY_MAX",
    "NAME_MAX",
    "NOTE_MAX",
    "Step",
    "TriageStep",
    "applied",
    "last_step",
    "with_history",
]

HISTORY_MAX = 100
"""Steps that an alert keeps; all are in the log of events too."""
NOTE_MAX = 2000
NAME_MAX = 256


class Step(StrEnum):
    """What can be done about an alert."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    CLOSE = "close"
    REOPEN = "reopen"
    NOTE = "note"


DONE = {
    Step.ACKNOWLEDGE: "acknowledged",
    Step.ASSIGN: "assigned",
    Step.CLOSE: "closed",
    Step.REOPEN: "reopened",
    Step.NOTE: "noted",
}
_STATUS = {
    Step.ACKNOWLEDGE: AlertStatus.ACKNOWLEDGED,
    Step.CLOSE: AlertStatus.CLOSED,
    Step.REOPEN: AlertStatus.OPEN,
}
_FROM = {
    Step.ACKNOWLEDGE: {AlertStatus.OPEN},
    Step.ASSIGN: {AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED},
    Step.CLOSE: {AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED},
    Step.REOPEN: {AlertStatus.CLOSED, AlertStatus.ACKNOWLEDGED},
    Step.NOTE: set(AlertStatus),
}


@dataclass(frozen=True, slots=True)
class TriageStep:
    """One step, as somebody asks for it. Raises TriageError for one that can't be.

    `note` is free text and may come with any step; `version` is that of the alert that it was decided
    on (`Alert.version`), None: whatever has happened since.
    """

    step: Step
    note: str | None = None
    assignee: str | None = None
    """For ASSIGN; None takes it from whoever has it."""
    reason: CloseReason | None = None
    """For CLOSE."""
    duplicate_of: str | None = None
    version: int | None = None

    def __post_init__(self) -> None:
        if self.step is Step.CLOSE and self.reason is None:
            raise TriageError(f"say why it is closed: {', '.join(CloseReason)}")
        if self.step is Step.NOTE and not (self.note or "").strip():
            raise TriageError("a note must not be empty")
        if len(self.note or "") > NOTE_MAX:
            raise TriageError(f"a note has at most {NOTE_MAX} characters")
        if self.assignee is not None and not 0 < len(self.assignee.strip()) <= NAME_MAX:
            raise TriageError(f"an assignee's name has between 1 and {NAME_MAX} characters")


def applied(document: Mapping[str, Any], step: TriageStep, by: str, at: datetime) -> dict[str, Any]:
    """Return the alert after a step.

    Raises AlertConflictError if somebody took a step since the one who asks looked at it, or if what
    it is now does not allow the step: nothing is overwritten.
    """
    alert = Alert(document)
    if step.version is not None and step.version != alert.version:
        raise AlertConflictError(alert.id, f"meanwhile {last_step(alert)}; look at it again")
    if alert.status not in _FROM[step.step]:
        raise AlertConflictError(alert.id, f"it can't be {DONE[step.step]}: {_standing(alert)}")
    made: dict[str, Any] = json.loads(json.dumps(document))
    own = made["audit"]["alert"]
    if step.step in _STATUS:
        own["status"] = _STATUS[step.step].value
    _set(own, "assignee", _assignee(alert, step, by))
    if step.step is Step.CLOSE:
        _set(own, "reason", step.reason)
        _set(own, "duplicate_of", step.duplicate_of)
    elif own["status"] != AlertStatus.CLOSED:
        _set(own, "reason", None)
        _set(own, "duplicate_of", None)
    assignee = own.get("assignee") if step.step is Step.ASSIGN else None
    note = step.note.strip() if step.note and step.note.strip() else None
    return with_history(made, HistoryEntry(at, by, DONE[step.step], step.reason, assignee, note))


def with_history(document: dict[str, Any], entry: HistoryEntry) -> dict[str, Any]:
    """Return the document, which is changed, with a step noted."""
    found = {
        "at": format_timestamp(entry.at),
        "by": entry.by[:NAME_MAX],
        "action": entry.action,
        "reason": entry.reason,
        "assignee": entry.assignee,
        "note": entry.note,
    }
    own = document["audit"]["alert"]
    known = own.get("history", [])
    own["history"] = [*known, {k: v for k, v in found.items() if v is not None}][-HISTORY_MAX:]
    own["triage_version"] = own.get("triage_version", 0) + 1
    return document


def last_step(alert: Alert) -> str:
    """Return who did what last, in words."""
    if not alert.history:
        return "it was changed"
    entry = alert.history[-1]
    what = f"{entry.action} it"
    if entry.reason is not None:
        what += f" as {entry.reason.value}"
    if entry.assignee is not None:
        what = f"assigned it to {entry.assignee}"
    return printable(f"{entry.by} {what} at {entry.at:%Y-%m-%d %H:%M:%S} UTC")


def _standing(alert: Alert) -> str:
    if alert.status is AlertStatus.MERGED:
        return f"it is merged into {alert.merged_into}"
    if alert.history:
        return last_step(alert)
    return f"it is {alert.status.value}"


def _assignee(alert: Alert, step: TriageStep, by: str) -> str | None:
    if step.step is Step.ASSIGN:
        return step.assignee.strip() if step.assignee else None
    if step.step is Step.ACKNOWLEDGE and alert.assignee is None:
        return by
    return alert.assignee


def _set(own: dict[str, Any], name: str, value: str | None) -> None:
    if value is None:
        own.pop(name, None)
    else:
        own[name] = str(value)
