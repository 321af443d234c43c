"""The mapping file (TOML): how a row becomes an event. See docs/migrating.md."""

import codecs
import tomllib
from collections.abc import Mapping as Table
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from audit_schemas import AuditEvent, leaves

from audit_admin.importing.errors import MappingError
from audit_admin.importing.rows import FileFormat
from audit_admin.importing.rules import TIME_FORMS, TimestampRule, ValueRule
from audit_admin.importing.time_format import wrong_in

__all__ = ["ChangeRule", "Mapping", "load_mapping"]

_OWN = {
    "event.id": "[source] id",
    "@timestamp": "[time]",
    "event.action": "[activity]",
    "audit.changes": "[[changes]]",
    "audit.altered": "auditlog itself",
}
_LABELS = "labels."


@dataclass(frozen=True, slots=True)
class ChangeRule:
    """One entry of audit.changes."""

    field: ValueRule
    before: ValueRule | None
    after: ValueRule | None


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping file, read and checked."""

    name: str
    file_format: FileFormat
    ids: tuple[str, ...]
    """Fields that identify a row; if empty, the whole row does."""
    time: TimestampRule
    activity: ValueRule
    fields: Table[str, ValueRule]
    changes: tuple[ChangeRule, ...]

    def sources(self) -> set[str]:
        """Return every field of a row that is used."""
        values = [self.activity, *self.fields.values()]
        for change in self.changes:
            values += [value for value in (change.field, change.before, change.after) if value]
        asked = {value.source for value in values if value.source is not None}
        return {self.time.source, *self.ids, *asked}


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file. Raises MappingError, which says where, and what is allowed there."""
    try:
        found = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise MappingError(f"{path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"{path} is not valid TOML: {error}") from None
    return _Reader(path).read(found)


class _Reader:
    """Reads the tables; errors name the place."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, found: dict[str, Any]) -> Mapping:
        self._only(found, "the file", "source", "time", "activity", "fields", "changes")
        source = self._table(found, "source")
        self._only(source, "[source]", "name", "format", "encoding", "delimiter", "columns", "id")
        return Mapping(
            name=self._text(source, "[source]", "name"),
            file_format=self._file_format(source),
            ids=tuple(self._names(source, "id")),
            time=self._time(self._table(found, "time")),
            activity=self._value(found.get("activity"), "[activity]"),
            fields={
                self._field(path): self._value(value, f"[fields] {path}")
                for path, value in found.get("fields", {}).items()
            },
            changes=tuple(self._change(change) for change in found.get("changes", [])),
        )

    def _file_format(self, source: dict[str, Any]) -> FileFormat:
        kind = source.get("format")
        if kind not in ("csv", "ndjson"):
            self._wrong("[source] format", 'must be "csv" or "ndjson"')
        encoding = source.get("encoding")
        try:
            codecs.lookup(encoding or "utf-8")
        except (LookupError, TypeError):
            self._wrong("[source] encoding", "is not a known encoding, such as utf-8 or windows-1254")
        delimiter = source.get("delimiter", ",")
        if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
            self._wrong("[source] delimiter", "must be one character")
        return FileFormat(kind, encoding, delimiter, self._names(source, "columns") or None)

    def _time(self, table: dict[str, Any]) -> TimestampRule:
        self._only(table, "[time]", "from", "format", "zone")
        form = table.get("format", "rfc3339")
        if not isinstance(form, str) or (form not in TIME_FORMS and "%" not in form):
            self._wrong(
                "[time] format", f"must be one of {', '.join(TIME_FORMS)}, or like %d/%m/%Y %H:%M:%S"
            )
        if form not in TIME_FORMS and (wrong := wrong_in(form)):
            self._wrong("[time] format", wrong)
        zone = table.get("zone")
        try:
            place = ZoneInfo(zone) if zone is not None else None
        except (ValueError, TypeError, OSError, KeyError):
            self._wrong("[time] zone", "is not a time zone, such as Europe/Istanbul or UTC")
        return TimestampRule(self._text(table, "[time]", "from"), form, place)

    def _field(self, path: str) -> str:
        if path in _OWN:
            self._wrong(f"[fields] {path}", f"is set by {_OWN[path]}")
        if path not in _PATHS and not (path.startswith(_LABELS) and len(path) > len(_LABELS)):
            self._wrong(
                f"[fields] {path}", "is not a field of an event; put fields of your own under labels"
            )
        return path

    def _change(self, table: object) -> ChangeRule:
        if not isinstance(table, dict):
            self._wrong("[[changes]]", "must be a table")
        self._only(table, "[[changes]]", "field", "before", "after")
        before, after = (
            self._value(table[name], f"[[changes]] {name}") if name in table else None
            for name in ("before", "after")
        )
        return ChangeRule(self._value(table.get("field"), "[[changes]] field"), before, after)

    def _value(self, found: object, place: str) -> ValueRule:
        if isinstance(found, str):
            return ValueRule(found)
        if not isinstance(found, dict):
            self._wrong(place, 'must be the name of a field, or like { from = "name", map = {…} }')
        self._only(found, place, "from", "constant", "map", "otherwise", "default", "split")
        if ("from" in found) == ("constant" in found):
            self._wrong(place, "must have either from or constant")
        table = found.get("map")
        if table is not None and not isinstance(table, dict):
            self._wrong(f"{place} map", "must be a table of strings")
        for name, text in [*found.items(), *(table or {}).items()]:
            if name != "map" and not isinstance(text, str):
                self._wrong(f"{place} {name}", "must be a string")
        return ValueRule(
            found.get("from"),
            found.get("constant"),
            table,
            found.get("otherwise"),
            found.get("default"),
            found.get("split"),
        )

    def _table(self, found: dict[str, Any], name: str) -> dict[str, Any]:
        table = found.get(name)
        if not isinstance(table, dict):
            self._wrong(f"[{name}]", "is missing")
        return table

    def _names(self, table: dict[str, Any], name: str) -> list[str]:
        names = table.get(name, [])
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            self._wrong(f"[source] {name}", "must be a list of names")
        return names

    def _text(self, table: dict[str, Any], place: str, name: str) -> str:
        text = table.get(name)
        if not isinstance(text, str) or not text:
            self._wrong(f"{place} {name}", "is missing")
        return text

    def _only(self, table: dict[str, Any], place: str, *names: str) -> None:
        strange = sorted(set(table) - set(names))
        if strange:
            self._wrong(f"{place} {strange[0]}", f"is not a known key; known are {', '.join(names)}")

    def _wrong(self, place: str, what: str) -> NoReturn:
        raise MappingError(f"{self._path}: {place} {what}")


_PATHS = {leaf.path for leaf in leaves(AuditEvent, into_lists=False)} - {"labels"}
