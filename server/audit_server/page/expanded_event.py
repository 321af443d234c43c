"""An event that is expanded: its details, and links to what belongs to it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from audit_query import warning_of

from audit_server.page.details import Details, details_of
from audit_server.page.rows import DisplayTime, display_time
from audit_server.page.view import View

__all__ = ["ExpandedEvent", "event_path", "expand", "expand_first"]


@dataclass(frozen=True, slots=True)
class ExpandedEvent:
    """What the template shows of an event; None where the event has no such field."""

    id: str
    details: Details
    at: DisplayTime
    path: str
    around: str
    user: str | None
    ip: str | None
    network: str | None
    chat: str | None
    session: str | None
    warning: str | None = None


def event_path(event_id: str) -> str:
    """Return the address of an event's own page."""
    return f"/events/{quote(event_id, safe='')}"


def expand_first(claims: Sequence[Mapping[str, Any]], view: View) -> ExpandedEvent:
    """Return the first of the events under one id, with a warning if there are others."""
    return replace(expand(claims[0], view), warning=warning_of(claims))


def expand(event: Mapping[str, Any], view: View) -> ExpandedEvent:
    """Return an event's details, in the zone of the view."""
    audit = event["audit"]
    path = view.other_page(event_path(event["event"]["id"]))
    return ExpandedEvent(
        event["event"]["id"],
        details_of(event),
        display_time(datetime.fromisoformat(event["@timestamp"]), view.zone),
        path,
        f"{path}#around",
        audit.get("user"),
        event.get("source", {}).get("ip"),
        audit.get("source", {}).get("network"),
        audit.get("chat", {}).get("id"),
        audit.get("session", {}).get("id"),
    )
