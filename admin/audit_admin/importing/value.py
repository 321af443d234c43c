"""How one value is got out of a row: pure functions, whose refusals are sentences."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from audit_schemas import format_timestamp, printable

__all__ = ["TIME_FORMS", "Moment", "RowError", "Value", "pick", "text_of"]

TIME_FORMS = ("rfc3339", "epoch", "epoch-ms")
_QUOTED_MAX = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RowError(Exception):
    """A row can't be imported; `path` is the field of the event, or of the row."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class Value:
    """Where a value comes from, and what becomes of it."""

    source: str | None = None
    constant: str | None = None
    table: Mapping[str, str] | None = None
    """Their word -> ours."""
    otherwise: str | None = None
    """What stands for a word that the table has not; None: the row is rejected."""
    default: str | None = None
    """What stands where the row has nothing."""
    split: str | None = None
    """What separates several values in one text; a JSON list is several values as it is."""

    def of(self, row: Mapping[str, Any]) -> str | list[str] | None:
        """Return the value, None where there is none. Raises RowError."""
        there = self.constant if self.source is None else pick(row, self.source)
        found = text_of(there)
        if found is None:
            return self.default
        if self.split is None:
            return self._meant(found)
        parts = map(text_of, there) if isinstance(there, list) else found.split(self.split)
        return [self._meant(part.strip()) for part in parts if part and part.strip()] or None

    def one(self, row: Mapping[str, Any]) -> str | None:
        """Return the value as one text."""
        found = self.of(row)
        return ", ".join(found) if isinstance(found, list) else found

    def _meant(self, text: str) -> str:
        if self.table is None:
            return text
        found = self.table.get(text, self.table.get(text.strip(), self.otherwise))
        if found is None:
            raise RowError(self.source or "", f"{_quoted(text)} is not in the mapping's table")
        return found


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the time comes from, and how it is written."""

    source: str
    form: str
    zone: ZoneInfo | None
    """Of times that don't say. An hour that stands twice, in autumn, is taken for the first."""

    def of(self, row: Mapping[str, Any]) -> str:
        """Return the time as RFC 3339, to the millisecond. Raises RowError."""
        text = text_of(pick(row, self.source))
        if text is None:
            raise RowError(self.source, "has no time")
        text = text.strip()
        try:
            moment = self._read(text)
        except (ValueError, OverflowError, InvalidOperation):
            wanted = "RFC 3339" if self.form == "rfc3339" else self.form
            raise RowError(self.source, f"{_quoted(text)} is no time of the form {wanted}") from None
        if moment.tzinfo is None:
            if self.zone is None:
                raise RowError(
                    self.source, f"{_quoted(text)} has no zone: name one in the mapping's [time]"
                )
            moment = moment.replace(tzinfo=self.zone)
        return format_timestamp(moment)

    def _read(self, text: str) -> datetime:
        if self.form == "rfc3339":
            return datetime.fromisoformat(text)
        if self.form in TIME_FORMS:
            seconds = Decimal(text) / (1000 if self.form == "epoch-ms" else 1)
            return _EPOCH + timedelta(milliseconds=int(seconds * 1000))
        return datetime.strptime(text, self.form)  # noqa: DTZ007 - its zone is looked at next


def pick(row: Mapping[str, Any], path: str) -> Any:
    """Return what stands under a column's name, or under a path such as actor.id or targets.0.id."""
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
