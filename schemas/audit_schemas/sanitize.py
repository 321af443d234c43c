"""Sanitize free text that would otherwise cause an event to be refused.

An attacker chooses the user name of a failed login, the user agent, and what ends up in messages
and labels. If an invalid one got the event refused, they could keep their attempts out of the log.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from audit_schemas.event import (
    LABEL_KEY_MAX,
    LABEL_MAX,
    LABELS_MAX,
    MESSAGE_MAX,
    NAME_MAX,
    PRINTABLE,
    USER_AGENT_MAX,
)
from audit_schemas.invisible import visible_text

__all__ = ["printable", "sanitize"]

_HOSTILE = re.compile(PRINTABLE.replace("[^", "[\\ud800-\\udfff"))
_LENIENT = {
    ("user", "name"): NAME_MAX,
    ("user", "effective", "name"): NAME_MAX,
    ("user", "target", "name"): NAME_MAX,
    ("user_agent", "original"): USER_AGENT_MAX,
    ("message",): MESSAGE_MAX,
}
_NAMES = (*map(".".join, _LENIENT), "labels")


def printable(text: str) -> str:
    r"""Return `text` to be shown: what is not to be seen, or hostile to a terminal, as \uXXXX."""
    return visible_text(_valid(text))


def _valid(text: str) -> str:
    r"""Return `text` with control characters, bidirectional controls and lone surrogates as \uXXXX."""
    return _HOSTILE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def sanitize(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy whose free-text fields are valid, with `audit.altered` naming those it changed.

    Other fields stay as they are, for the model to judge. Never raises.
    """
    sanitized: dict[str, Any] = dict(event)
    altered = [
        ".".join(path) for path, limit in _LENIENT.items() if _sanitize_at(sanitized, path, limit)
    ]
    if sanitized.get("labels") is not None:
        labels = _sanitize_labels(sanitized["labels"])
        if labels != sanitized["labels"]:
            sanitized["labels"] = labels
            altered.append("labels")
    if altered:
        _note(sanitized, altered)
    return sanitized


def _sanitize_at(parent: dict[str, Any], path: tuple[str, ...], limit: int) -> bool:
    """Sanitize the text at `path`, copying the objects on the way; tell whether it changed."""
    value = parent.get(path[0])
    if value is None:
        return False
    if len(path) > 1:
        if not isinstance(value, Mapping):
            return False
        child = dict(value)
        if not _sanitize_at(child, path[1:], limit):
            return False
        parent[path[0]] = child
        return True
    text = _as_text(value, limit)
    parent[path[0]] = text
    return bool(text != value)


def _sanitize_labels(labels: object) -> dict[str, str]:
    pairs = labels.items() if isinstance(labels, Mapping) else [("value", labels)]
    sanitized: dict[str, str] = {}
    for key, value in pairs:
        if len(sanitized) == LABELS_MAX:
            break
        if value is not None:
            sanitized.setdefault(_as_text(key, LABEL_KEY_MAX) or "_", _as_text(value, LABEL_MAX))
    return sanitized


def _as_text(value: object, limit: int) -> str:
    text = _valid(value if isinstance(value, str) else _json(value))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _json(value: object) -> str:
    """Write a value that should have been text; what can't be written is named by its type."""
    try:
        return to_json(value, inf_nan_mode="constants").decode()
    except (ValueError, RecursionError):
        return f"<{type(value).__name__}>"


def _note(event: dict[str, Any], altered: list[str]) -> None:
    audit = event.get("audit", {})
    if not isinstance(audit, Mapping):
        return
    before = audit.get("altered") or []
    if isinstance(before, list):
        named = [name for name in _NAMES if name in before or name in altered]
        unknown = [name for name in before if name not in _NAMES]
        event["audit"] = {**audit, "altered": named + unknown}
