"""What all parts know of alerts: their levels, and what receivers get of one. Pure."""

from collections.abc import Mapping
from typing import Any

__all__ = ["ALERT_LEVELS", "ALERT_RUNNER", "shown_alert"]

ALERT_LEVELS = ("informational", "low", "medium", "high", "critical")
"""Sigma's, from the least to the most."""
ALERT_RUNNER = "runner"
"""Who reopens an alert when it has new evidence, in its history: the runner of rules."""

_HIDDEN = frozenset({
    *("pending", "last_notified_count", "notices", "history", "triage_version", "suppressed_count"),
})  # fmt: skip
"""What only the runner needs, and what analysts wrote."""


def shown_alert(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alert's stored document as receivers get it.

    Its message says so where new evidence reopened it.
    """
    own = _inside(_inside(document, "audit"), "alert")
    shown = {name: value for name, value in own.items() if name not in _HIDDEN}
    made = {**document, "audit": {"alert": shown}}
    history = own.get("history")
    latest = history[-1] if isinstance(history, list) and history else None
    step = latest if isinstance(latest, Mapping) else {}
    if (step.get("by"), step.get("action")) == (ALERT_RUNNER, "reopened"):
        made["message"] = f"Reopened, {step.get('note')}: {document.get('message')}"
    return made


def _inside(part: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object in a document; an empty one if something else is there."""
    found = part.get(name)
    return found if isinstance(found, Mapping) else {}
