"""Translating a row into events. Pure."""

import hashlib
import json
import uuid
from collections.abc import Iterator
from collections.abc import Mapping as Table
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from audit_producer import MASK, is_secret_name, masked_text, shown_changes
from audit_schemas import AuditEvent, LineIds, validate

from audit_admin.importing.errors import RowError
from audit_admin.importing.mapping import Mapping
from audit_admin.importing.row import Row
from audit_admin.importing.row_path import RowPath, text_of
from audit_admin.importing.timestamps import Clock
from audit_admin.importing.values import ChangeRule, UncleanError, ValueRule

__all__ = ["Step", "Translator", "event_of"]

_IMPORTS = uuid.UUID("0b7c9f0a-8d6e-5b1c-9a54-2f6f1f5d7e21")
"""Namespace of the ids of imported rows. Changing it would duplicate every repeated import."""
_WHOLE = "event.sequence"
_LABELS = "labels."


class Step(NamedTuple):
    """How one field of an event came about."""

    path: str
    source: str
    """The fields of the row that it is read from; empty for a constant."""
    found: str | None
    """What the row has there."""
    value: str | None
    """What became of it; None if the field is left out."""
    error: str | None = None


class Translator:
    """Translates the rows of one file, with the same result each time.

    An id is a UUIDv5 of the source's name and of the fields that the mapping names, or of the whole row
    and how often it has occurred before. Memory: about 200 bytes per row.
    """

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._clock = Clock(mapping.time)
        self._lines = LineIds()
        self._seen: dict[bytes, tuple[bytes, str]] = {}

    def records_of(self, row: Row) -> Iterator[Row]:
        """Yield what becomes an event each: the row, or each entry of the list that it has.

        Nothing for a row that the mapping leaves out.
        """
        mapping, fields = self._mapping, row.fields
        for extraction in mapping.extractions:
            fields = extraction.added_to(fields)
        if row.problem is not None:
            yield row
        elif mapping.each is not None:
            yield from self._entries(replace(row, fields=fields, raw=row.fields), mapping.each)
        elif not self._is_left_out(fields):
            yield row if fields is row.fields else replace(row, fields=fields, raw=row.fields)

    def event_of(self, row: Row) -> AuditEvent:
        """Return the event of what `records_of` gave. Raises RowError or EventRefusedError."""
        return event_of(self.values_of(row))

    def values_of(self, row: Row) -> dict[str, Any]:
        """Return what stands at each path of the event. Raises RowError."""
        if row.problem is not None:
            raise RowError("", row.problem)
        values: dict[str, Any] = {
            "event.id": self._id(row),
            "event.action": self._activity(row.fields),
            "@timestamp": self._clock.time_of(row.fields),
        }
        for path, rule in self._mapping.fields.items():
            target = path
            try:
                found = rule.of(row.fields)
            except UncleanError as error:
                if rule.keep is None:
                    raise
                target, found = rule.keep, error.text
            if found is not None:
                values[target] = _shown(target, rule, found)
        if changes := self._changes(row.fields):
            values["audit.changes"] = changes
        return values

    def steps_of(self, row: Row) -> Iterator[Step]:
        """Yield how each field of an event comes about, with what is wrong with it."""
        time = self._mapping.time
        found = " ".join(text_of(source.of(row.fields)) or "" for source in time.sources)
        try:
            yield Step("@timestamp", time.name, found, Clock(time).time_of(row.fields))
        except RowError as error:
            yield Step("@timestamp", time.name, found, None, str(error))
        for path, rule in [*self._deciding(row.fields), *self._mapping.fields.items()]:
            _, raw = rule.found(row.fields)
            try:
                value = rule.of(row.fields)
            except RowError as error:
                yield Step(path, rule.name, raw, None, str(error))
                continue
            yield Step(path, rule.name, raw, None if value is None else str(_shown(path, rule, value)))
        for change in self._changes(row.fields):
            value = f"{change['field']}: {change.get('before')} -> {change.get('after')}"
            yield Step("audit.changes", "", None, value)

    def _deciding(self, row: Table[str, Any]) -> list[tuple[str, ValueRule]]:
        """Return the rule that tells a row's activity, the last one if none does."""
        for rule in self._mapping.activities[:-1]:
            with suppress(RowError):
                if rule.of(row) is not None:
                    return [("event.action", rule)]
        return [("event.action", self._mapping.activities[-1])]

    def _entries(self, row: Row, each: RowPath) -> Iterator[Row]:
        entries = each.of(row.fields)
        if not isinstance(entries, list) or not entries:
            yield replace(row, problem=f"has no entries in {each.text}")
            return
        for number, entry in enumerate(entries):
            fields = each.replaced(row.fields, entry)
            if not self._is_left_out(fields):
                yield replace(row, fields=fields, entry=number)

    def _is_left_out(self, row: Table[str, Any]) -> bool:
        return any(skip.takes(row) for skip in self._mapping.skips)

    def _activity(self, row: Table[str, Any]) -> str:
        last: RowError | None = None
        for rule in self._mapping.activities:
            try:
                found = rule.one(row)
            except RowError as error:
                last = error
                continue
            if found is not None:
                return found
        names = dict.fromkeys(rule.name for rule in self._mapping.activities if rule.name)
        raise last or RowError(", ".join(names), "has no activity")

    def _id(self, row: Row) -> str:
        mapping = self._mapping
        raw = row.fields if row.raw is None else row.raw
        entry = [] if row.entry is None else [row.entry]
        whole = _canonical([mapping.name, raw, *entry])
        if not mapping.ids:
            return self._lines.next_id(whole)
        names = ", ".join(path.text for path in mapping.ids)
        values = [text_of(path.of(row.fields)) for path in mapping.ids]
        if None in values:
            raise RowError(mapping.ids[values.index(None)].text, "is empty, but is part of the id")
        each = mapping.each
        if each is None or any(path.starts_with(each) for path in mapping.ids):
            entry = []
        key = hashlib.sha256(_canonical([mapping.name, *values, *entry])).digest()
        digest = hashlib.sha256(whole).digest()[:8]
        before, place = self._seen.setdefault(key[:8], (digest, row.place))
        if before != digest:
            raise RowError(names, f"is also that of {place}, which has different contents")
        return str(uuid.uuid5(_IMPORTS, key.hex()))

    def _changes(self, row: Table[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for rule in self._mapping.changes:
            for fields in _each(rule, row):
                found += _change(rule, fields)
        return found


def event_of(values: Table[str, Any]) -> AuditEvent:
    """Return the event with these values at its paths. Raises EventRefusedError."""
    fields: dict[str, Any] = {}
    for path, value in values.items():
        _set(fields, path, value)
    return validate(fields)


def _each(rule: ChangeRule, row: Table[str, Any]) -> Iterator[Table[str, Any]]:
    if rule.each is None:
        yield row
        return
    entries = rule.each.of(row)
    for entry in entries if isinstance(entries, list) else ():
        yield rule.each.replaced(row, entry)


def _change(rule: ChangeRule, row: Table[str, Any]) -> list[dict[str, Any]]:
    """Return the change that a row describes, if any; secrets are masked."""
    field = rule.field.one(row)
    texts = (value.one(row) if value else None for value in (rule.before, rule.after))
    before, after = (None if text is None else masked_text(text) for text in texts)
    if field is None or (before is None and after is None and (rule.before or rule.after)):
        return []
    return shown_changes({field: (before, after)})


def _shown(path: str, rule: ValueRule, value: str | list[str]) -> Any:
    """Return a value as it goes into the field; what looks like a secret is masked in free text."""
    if path == _WHOLE:
        return _whole(value)
    if path != "message" and not path.startswith(_LABELS):
        return value
    text = ", ".join(value) if isinstance(value, list) else value
    is_secret = any(is_secret_name(name) for name in (path, *(one.text for one in rule.sources)))
    return MASK if is_secret else masked_text(text)


def _whole(text: str | list[str]) -> int:
    if isinstance(text, str) and text.isascii() and text.isdigit():
        return int(text[:40])
    raise RowError(_WHOLE, "must be an integer")


def _set(fields: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a path; a label's name may contain dots."""
    if path.startswith(_LABELS):
        fields.setdefault("labels", {})[path.removeprefix(_LABELS)] = value
        return
    *parents, name = path.split(".")
    for parent in parents:
        fields = fields.setdefault(parent, {})
    fields[name] = value


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
