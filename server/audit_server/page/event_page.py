"""An event's own page: the event, and what happened around it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from audit_query import AuditLog, Filter, ParameterError

from audit_server.page.address_history import seen_before
from audit_server.page.expanded_event import event_path, expand_first
from audit_server.page.palette import colours_of
from audit_server.page.rows import ROW_FIELDS, rows_of
from audit_server.page.view import View

__all__ = ["WINDOWS", "event_page"]

WINDOWS = {
    "1m": timedelta(minutes=1),
    "10m": timedelta(minutes=10),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
_SIDE = 100


def event_page(
    log: AuditLog, claims: Sequence[Mapping[str, Any]], view: View, window: str = "10m"
) -> Mapping[str, Any]:
    """Query what happened before and after the first event under an id, at most 100 of each."""
    event = claims[0]
    if window not in WINDOWS:
        raise ParameterError("window", f"must be one of {', '.join(WINDOWS)}, not {window[:64]!r}")
    at = datetime.fromisoformat(event["@timestamp"])
    start, end = at - WINDOWS[window], at + WINDOWS[window]
    wanted, place = Filter(start=start, end=end), _place(event, at)
    before = log.search(wanted, size=_SIDE, after=place, fields=ROW_FIELDS)
    after = log.search(wanted, size=_SIDE, after=place, newest_first=False, fields=ROW_FIELDS)
    around = [*reversed(after.events), event, *before.events]
    colours = colours_of(one["event"]["action"] for one in around)
    (row,) = rows_of([event], view.zone, colours)
    path = event_path(row.id)
    return {
        "row": row,
        "seen_before": seen_before(log, event, at),
        "event": expand_first(claims, view),
        "expanded": {},
        "events": around,
        "around": rows_of(around, view.zone, colours),
        "window": window,
        "windows": [(name, f"{view.other_page(path, window=name)}#around") for name in WINDOWS],
        "later": after.events,
        "later_left": after.cursor is not None,
        "earlier_left": before.cursor is not None,
        "in_log": view.expanding_between(row.id, start, end),
    }


def _place(event: Mapping[str, Any], at: datetime) -> tuple[int, int, int]:
    """Return where an event stands in the order of the log; Elasticsearch counts milliseconds."""
    kafka = event["audit"].get("kafka", {})
    millis = int((at - datetime.fromtimestamp(0, at.tzinfo)) // timedelta(milliseconds=1))
    return millis, kafka.get("partition", 0), kafka.get("offset", 0)
