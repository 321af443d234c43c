"""Events as CSV or NDJSON, in order of time, row by row as they come. Pure but for the scan."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import orjson

from audit_query.filter import Filter
from audit_query.log import AuditLog

__all__ = ["COLUMNS", "MEDIA_TYPES", "Format", "Rows", "csv_cell", "export"]

Format = Literal["csv", "ndjson"]

MEDIA_TYPES: Mapping[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
}

COLUMNS = (
    ("Date and Time", "@timestamp"),
    ("User", "audit.user"),
    ("IP Address", "source.ip"),
    ("Activity", "event.action"),
    ("Outcome", "event.outcome"),
    ("Reason", "event.reason"),
    ("User ID", "user.id"),
    ("Target User ID", "user.target.id"),
    ("Target User", "user.target.name"),
    ("Organization", "organization.id"),
    ("Service", "service.name"),
    ("Chat", "audit.chat.id"),
    ("Session", "audit.session.id"),
    ("Target Type", "audit.target.type"),
    ("Target ID", "audit.target.id"),
    ("Changes", "audit.changes"),
    ("Labels", "labels"),
    ("Message", "message"),
    ("Event ID", "event.id"),
)
"""What a CSV file has: headings, and the fields below them. Objects are written as JSON."""

Rows = tuple[int, bytes]
"""Some rows of an export: how many events they are, and their text."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export(
    log: AuditLog, wanted: Filter, form: Format, *, newest_first: bool = False
) -> Iterator[Rows]:
    """Yield all events that match, as of now, oldest first unless told otherwise.

    Memory is bounded by two pages. Raises ExportError, or what the client of Elasticsearch raises,
    if it can't be whole; a caller must not let that look like the end. Closing the generator ends
    the scan.
    """
    write = _WRITERS[form]
    fields = [path for _, path in COLUMNS] if form == "csv" else True
    with log.scan(wanted, newest_first=newest_first, _source=fields) as pages:
        yield 0, _heading() if form == "csv" else b""
        for hits in pages:
            yield len(hits), write([hit["_source"] for hit in hits])


def csv_cell(value: object) -> str:
    """Return a cell that a spreadsheet shows and never computes.

    What looks like a formula gets an apostrophe before it, as OWASP's advice on CSV injection has
    it; objects are JSON.
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return f"'{text}" if text.startswith(_FORMULA) else text


def _heading() -> bytes:
    return _lines([[heading for heading, _ in COLUMNS]])


def _csv(events: Sequence[Mapping[str, Any]]) -> bytes:
    return _lines([[csv_cell(find(event)) for find in _FINDERS] for event in events])


def _ndjson(events: Sequence[Mapping[str, Any]]) -> bytes:
    return b"\n".join(map(orjson.dumps, events)) + b"\n"


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)  # line ends are CR LF, as RFC 4180 has it
    return text.getvalue().encode()


def _finder(path: str) -> Callable[[Mapping[str, Any]], object]:
    *parents, name = path.split(".")

    def find(event: Mapping[str, Any]) -> object:
        found: Any = event
        for parent in parents:
            found = found.get(parent)
            if found is None:
                return None
        return found.get(name)

    return find


_FINDERS = [_finder(path) for _, path in COLUMNS]
_WRITERS: Mapping[Format, Callable[[Sequence[Mapping[str, Any]]], bytes]] = {
    "csv": _csv,
    "ndjson": _ndjson,
}
