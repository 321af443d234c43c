"""An alert's stored document, as far as it is a receiver's business."""

from collections.abc import Mapping
from typing import Any

from audit_forward.forms.stored import milliseconds, part, text

__all__ = ["change_of", "changed_at", "shown_alert"]

_HIDDEN = frozenset({
    *("pending", "last_notified_count", "notices", "history", "triage_version", "suppressed_count"),
})  # fmt: skip
"""What only the runner needs, and what analysts wrote: as the alerts' own webhook leaves it out."""
_RUNNER = "runner"
_OVER = ("closed", "merged")


def shown_alert(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alert as receivers get it. Its message says so where new evidence reopened it."""
    own = part(part(document, "audit"), "alert")
    shown = {name: value for name, value in own.items() if name not in _HIDDEN}
    made = {**document, "audit": {"alert": shown}}
    history = own.get("history")
    latest = history[-1] if isinstance(history, list) and history else None
    if isinstance(latest, dict) and latest.get("by") == _RUNNER and latest.get("action") == "reopened":
        made["message"] = f"Reopened, {latest.get('note')}: {document.get('message')}"
    return made


def change_of(document: Mapping[str, Any]) -> str:
    """Return what has become of an alert: create, update or close."""
    own = part(part(document, "audit"), "alert")
    if text(own, "status") in _OVER:
        return "close"
    return "create" if own.get("revision") == 1 and not own.get("triage_version") else "update"


def changed_at(document: Mapping[str, Any]) -> int:
    """Return when an alert last changed, as far as it says, in milliseconds since 1970."""
    own = part(part(document, "audit"), "alert")
    history = own.get("history")
    steps = history if isinstance(history, list) else []
    times = [
        text(part(document, "event"), "created"),
        text(own, "last"),
        *(text(step, "at") for step in steps if isinstance(step, dict)),
    ]
    return max((found for at in times if (found := milliseconds(at)) is not None), default=0)
