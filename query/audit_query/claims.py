"""Several events under one id: what to say of those that came after the first."""

from collections.abc import Mapping, Sequence
from typing import Any

from audit_schemas import printable

__all__ = ["first_received", "warning_of"]

_NAMED = 3


def first_received(claims: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return them by when Kafka received them, which `event.created` says; it is not indexed."""
    return sorted(claims, key=lambda event: str(event["event"].get("created", "")))


def warning_of(claims: Sequence[Mapping[str, Any]]) -> str | None:
    """Return a sentence about all but the first of `AuditLog.claims`; None if there is one at most."""
    others = claims[1:]
    if not others:
        return None
    named = "; ".join(map(_description, others[:_NAMED]))
    more = f"; and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return (
        f"Another event was published under this id later: {named}{more}. The one that Kafka received "
        "first is shown. Don't trust the other before you know who published it"
    )


def _description(event: Mapping[str, Any]) -> str:
    kafka = event["audit"].get("kafka", {})
    user = event["audit"].get("user")
    by = f" by {printable(user)}" if user else ""
    place = f"{kafka.get('topic')} [{kafka.get('partition')}] offset {kafka.get('offset')}"
    return f"{event['event']['action']}{by} at {event['@timestamp']} ({place})"
