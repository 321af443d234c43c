"""Rules that get one value out of a row. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from audit_schemas import format_timestamp, printable

from audit_admin.importing.time_format import read_time

__all__ = ["TIME_FORMS", "RowError", "TimestampRule", "ValueRule", "pick", "text_of"]

TIME_FORMS = ("rfc3339", "epoch", "epoch-ms")
_QUOTED_MAX = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RowError(Exception):
    """A row can't be imported; `path` is a field of the event, or a column of the row."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class ValueRule:
    """Where a value comes from, and how it is translated."""

    source: str | None = None
    constant: str | None = None
    table: Mapping[str, str] | None = None
    """Value in the file -> value in the event."""
    otherwise: str | None = None
    """Used for values that are not in the table; None: such a row is rejected."""
    default: str | None = None
    """Used where the row has no value."""
    split: str | None = None
    """Separator of several values in one text; a JSON list always has several values."""

    def of(self, row: Mapping[str, Any]) -> str | list[str] | None:
        """Return the value, None if there is none. Raises RowError."""
        raw = self.constant if self.source is None else pick(row, self.source)
        found = text_of(raw)
        if found is None:
            return self.default
        if self.split is None:
            return self._translated(found)
        parts = map(text_of, raw) if isinstance(raw, list) else found.split(self.split)
        return [self._translated(part.strip()) for part in parts if part and part.strip()] or None

    def one(self, row: Mapping[str, Any]) -> str | None:
        """Return the value as one text."""
        found = self.of(row)
        return ", ".join(found) if isinstance(found, list) else found

    def _translated(self, text: str) -> str:
        if self.table is None:
            return text
        found = self.table.get(text, self.table.get(text.strip(), self.otherwise))
        if found is None:
            raise RowError(self.source or "", f"{_quoted(text)} is not in the mapping's table")
        return found


@dataclass(frozen=True, slots=True)
class TimestampRule:
    """Where the time comes from, and its format."""

    source: str
    format: str
    zone: ZoneInfo | None
    """For times that say none. An hour that occurs twice, in autumn, is taken as the first one."""

    def of(self, row: Mapping[str, Any]) -> str:
        """Return the time as RFC 3339, to the millisecond. Raises RowError."""
        text = text_of(pick(row, self.source))
        if text is None:
            raise RowError(self.source, "has no time")
        text = text.strip()
        try:
            moment = self._read(text)
        except (ValueError, OverflowError, InvalidOperation):
            wanted = "RFC 3339" if self.format == "rfc3339" else self.format
            wanted += ", with UTC, GMT or Z for %Z" if "%Z" in wanted else ""
            raise RowError(
                self.source, f"{_quoted(text)} is not a time in the format {wanted}"
            ) from None
        if moment.tzinfo is None:
            if self.zone is None:
                raise RowError(
                    self.source, f"{_quoted(text)} has no time zone: set zone in the mapping's [time]"
                )
            moment = moment.replace(tzinfo=self.zone)
        return format_timestamp(moment)

    def _read(self, text: str) -> datetime:
        if self.format == "rfc3339":
            return datetime.fromisoformat(text)
        if self.format in TIME_FORMS:
            seconds = Decimal(text) / (1000 if self.format == "epoch-ms" else 1)
            return _EPOCH + timedelta(milliseconds=int(seconds * 1000))
        return read_time(text, self.format)


def pick(row: Mapping[str, Any], path: str) -> Any:
    """Return the value of a column, or at a path such as actor.id or targets.0.id."""
    if path in row:
        return row[path]
    found: Any = row
    for name in path.split("."):
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and name.isascii() and name.isdigit() and len(name) < len("10000"):
            found = found[int(name)] if int(name) < len(found) else None
        else:
            return None
    return found


def text_of(found: Any) -> str | None:
    """Return a value of a row as text; None for one that is blank."""
    match found:
        case None:
            return None
        case str():
            return found if found.strip() else None
        case bool():
            return "true" if found else "false"
        case int() | float():
            return str(found)
        case _:
            return json.dumps(found, ensure_ascii=False) if found else None


def _quoted(text: str) -> str:
    shown = printable(text)
    return f'"{shown[:_QUOTED_MAX]}…"' if len(shown) > _QUOTED_MAX else f'"{shown}"'
