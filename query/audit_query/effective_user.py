"""As whom something was done, where that is not who did it. Pure."""

from collections.abc import Mapping
from typing import Any

from audit_schemas import printable

__all__ = ["EFFECTIVE_FIELDS", "actor_label", "effective_user"]

EFFECTIVE_FIELDS = ("user.effective.name", "user.effective.id")
"""Of which the first that an event has is shown."""


def effective_user(event: Mapping[str, Any]) -> str | None:
    """Return the name, else the id, as an event has it; None if somebody acted as themselves."""
    account = (event.get("user") or {}).get("effective") or {}
    return account.get("name") or account.get("id") or None


def actor_label(event: Mapping[str, Any]) -> str:
    """Return who did it, and as whom: `ada`, or `ada as bob`. Blank if it names nobody."""
    who = printable(event["audit"].get("user") or "")
    other = effective_user(event)
    return f"{who} as {printable(other)}".lstrip() if other else who
