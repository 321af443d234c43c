"""An event that is unfolded: its inside, and where one goes from it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from audit_server.page.details import Details, details_of
from audit_server.page.rows import Moment, moment_of
from audit_server.page.view import View

__all__ = ["Opened", "event_path", "opened"]


@dataclass(frozen=True, slots=True)
class Opened:
    """What the template asks of an event; None where the event does not say."""

    details: Details
    at: Moment
    path: str
    around: str
    user: str | None
    ip: str | None
    network: str | None
    chat: str | None
    session: str | None


def event_path(event_id: str) -> str:
    """Return the address of an event's own page."""
    return f"/events/{quote(event_id, safe='')}"


def opened(event: Mapping[str, Any], view: View) -> Opened:
    """Return an event's inside, in the zone of the view."""
    audit = event["audit"]
    path = view.anywhere(event_path(event["event"]["id"]))
    return Opened(
        details_of(event),
        moment_of(datetime.fromisoformat(event["@timestamp"]), view.zone),
        path,
        f"{path}#around",
        audit.get("user"),
        event.get("source", {}).get("ip"),
        audit.get("source", {}).get("network"),
        audit.get("chat", {}).get("id"),
        audit.get("session", {}).get("id"),
    )
