"""What an alert's document says of its changes."""

from collections.abc import Mapping
from typing import Any

from audit_forward.forms.stored import milliseconds, part, text

__all__ = ["change_of", "changed_at"]

_OVER = ("closed", "merged")


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
