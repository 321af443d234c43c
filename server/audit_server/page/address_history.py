"""Whether somebody came from an address before: what is new stands out, on whatever page it is."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from audit_query import AuditLog, Filter

__all__ = ["NEW_FOR", "REMEMBERED", "seen_before"]

REMEMBERED = timedelta(days=90)
"""How far back is looked: whoever was away for longer is as good as new."""
NEW_FOR = timedelta(days=7)
"""How long an address stays new on its user's page."""


def seen_before(log: AuditLog, event: Mapping[str, Any], at: datetime) -> str | None:
    """Return in a few words whether an event's user came from its address before; None if unknown.

    At most two searches, each of which ends at the first event that it finds.
    """
    user, source = event["audit"].get("user"), event["audit"].get("source") or {}
    ip, network = (event.get("source") or {}).get("ip"), source.get("network")
    if not user or not ip or not network:
        return None
    if _has_any(log, user, ip, at):
        return "known address"
    return "new address, known network" if _has_any(log, user, network, at) else "new network"


def _has_any(log: AuditLog, user: str, ip: str, at: datetime) -> bool:
    before = Filter(users=(user,), ips=(ip,), start=at - REMEMBERED, end=at)
    found = log.raw_search(before, size=0, terminate_after=1, track_total_hits=True)
    return bool(found["hits"]["total"]["value"])
