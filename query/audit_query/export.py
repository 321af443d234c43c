"""Events as CSV or NDJSON, in order of time, page by page as they come."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import msgspec
from audit_runtime.hits import Hit

from audit_query.csv_format import CsvFormat, csv_cell, utc_cell
from audit_query.filter import Filter
from audit_query.log import AuditLog

__all__ = ["COLUMNS", "MEDIA_TYPES", "Format", "Rows", "export"]

Format = Literal["csv", "ndjson"]

MEDIA_TYPES: Mapping[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
}

COLUMNS = {
    "Date and Time": "@timestamp",
    "User": "audit.user",
    "IP Address": "source.ip",
    "Activity": "event.action",
    "Outcome": "event.outcome",
    "Reason": "event.reason",
    "User ID": "user.id",
    "Effective User ID": "user.effective.id",
    "Effective User": "user.effective.name",
    "Target User ID": "user.target.id",
    "Target User": "user.target.name",
    "Organization": "organization.id",
    "Service": "service.name",
    "Chat": "audit.chat.id",
    "Session": "audit.session.id",
    "Target Type": "audit.target.type",
    "Target ID": "audit.target.id",
    "Changes": "audit.changes",
    "Labels": "labels",
    "Message": "message",
    "Event ID": "event.id",
}
"""What a CSV file has: headings, and the fields below them. Times are in UTC; objects are JSON."""

Rows = tuple[int, bytes]
"""Some rows of an export: how many events they are, and their text."""


_PLAIN_CSV = CsvFormat()


def export(
    log: AuditLog,
    wanted: Filter,
    kind: Format,
    *,
    newest_first: bool = False,
    csv_format: CsvFormat = _PLAIN_CSV,
) -> Iterator[Rows]:
    """Yield all events that match, as of now, oldest first unless told otherwise.

    Memory is bounded by two pages. Raises ExportError, or what the client of Elasticsearch raises,
    if it can't be whole; a caller must not let that look like the end. Closing the generator ends
    the scan.
    """
    write = _ndjson if kind == "ndjson" else partial(_csv, csv_format)
    with log.scan(wanted, newest_first=newest_first) as pages:
        if kind == "csv":
            yield 0, csv_format.heading(COLUMNS)
        for hits in pages:
            yield len(hits), write(hits)


def _csv(csv_format: CsvFormat, hits: Sequence[Hit]) -> bytes:
    events = (_EVENT.decode(hit.source) for hit in hits)
    return csv_format.rows([[cell(find(event)) for cell, find in _CELLS] for event in events])


def _ndjson(hits: Sequence[Hit]) -> bytes:
    """Events as they are stored: the consumer wrote each on one line."""
    return b"".join([bytes(part) for hit in hits for part in (hit.source, b"\n")])


def _shape(name: str, paths: Sequence[str]) -> type[msgspec.Struct]:
    """Return a type that takes these paths from JSON, and passes over everything else."""
    inner: dict[str, list[str]] = {}
    for path in paths:
        head, _, rest = path.partition(".")
        inner.setdefault(head, []).extend([rest] if rest else [])
    fields = [
        (
            _attribute(head),
            _shape(f"{name}_{_attribute(head)}", rest) | None if rest else Any,
            msgspec.field(default=None, name=head),
        )
        for head, rest in inner.items()
    ]
    return msgspec.defstruct(name, fields, gc=False)


def _finder(path: str) -> Callable[[object], object]:
    names = [_attribute(name) for name in path.split(".")]

    def find(value: object) -> object:
        for name in names:
            if value is None:
                return None
            value = getattr(value, name)
        return value

    return find


def _attribute(name: str) -> str:
    return name.replace("@", "at_")


_EVENT = msgspec.json.Decoder(_shape("Event", list(COLUMNS.values())))
_CELLS = [(utc_cell if path == "@timestamp" else csv_cell, _finder(path)) for path in COLUMNS.values()]
