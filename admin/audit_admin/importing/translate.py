"""Translating a row into events. Pure."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from audit_schemas import AuditEvent, validate

from audit_admin.importing.compiled import (
    CompiledField,
    CompiledValue,
    compile_changes,
    compile_field,
    compile_value,
    is_text,
)
from audit_admin.importing.errors import RowError
from audit_admin.importing.mapping import Mapping
from audit_admin.importing.row import Fields, Row
from audit_admin.importing.row_ids import RowIds
from audit_admin.importing.row_path import RowPath, text_of
from audit_admin.importing.text_fields import TextField, text_putter
from audit_admin.importing.timestamps import Clock
from audit_admin.importing.wire_fields import wire_writer

__all__ = ["Step", "Translator"]


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


class Decision(NamedTuple):
    """Which activity a row is of."""

    by: CompiledValue
    """The rule that decided, or the last one if none did."""
    activity: str | None
    error: RowError | None
    """Why there is none."""


_EVERY_EVENT = ("event.id", "event.action", "@timestamp", "audit.changes")


class Translator:
    """Translates the rows of one file, with the same result each time."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._clock = Clock(mapping.time)
        self._activities = [compile_value(rule) for rule in mapping.activities]
        self._fields = [compile_field(path, rule) for path, rule in mapping.fields.items()]
        texts = [
            TextField(field.path, mapping.fields[field.path], field.put)
            for field in self._fields
            if is_text(field.path, mapping.fields[field.path])
        ]
        others = [field.put for field in self._fields if field.path not in {one.path for one in texts}]
        self._puts = [text_putter(texts), *others] if texts else others
        self._changes = [compile_changes(rule) for rule in mapping.changes]
        self._skips = [test for skip in mapping.skips if (test := skip.compiled()) is not None]
        self._ids = RowIds(mapping)
        kept = [rule.keep for rule in mapping.fields.values() if rule.keep]
        self.written = wire_writer({*_EVERY_EVENT, *mapping.fields, *kept})
        """Makes the wire fields of an event of what `values_of` returns."""

    def records_of(self, row: Row) -> Sequence[Row]:
        """Return what becomes an event each: the row, or each entry of the list that it has.

        Nothing for a row that the mapping leaves out.
        """
        if row.problem is not None:
            return (row,)
        mapping, fields = self._mapping, row.fields
        for extraction in mapping.extractions:
            fields = extraction.added_to(fields)
        if mapping.each is not None:
            return list(self._entries(row._replace(fields=fields, raw=row.fields), mapping.each))
        if self._skips and self._is_left_out(fields):
            return ()
        return (row if fields is row.fields else row._replace(fields=fields, raw=row.fields),)

    def pass_over(self, row: Row) -> None:
        """Learn from a row what those after it depend on: its year, and the ids that it takes."""
        for record in self.records_of(row):
            with suppress(RowError):
                self.values_of(record)

    def event_of(self, row: Row) -> AuditEvent:
        """Return the event of what `records_of` gave. Raises RowError or EventRefusedError."""
        return validate(self.written(self.values_of(row)))

    def values_of(self, row: Row) -> dict[str, Any]:
        """Return what stands at each path of the event. Raises RowError."""
        if row.problem is not None:
            raise RowError("", row.problem)
        fields = row.fields
        values: dict[str, Any] = {"event.id": self._ids.id_of(row)}
        decision = self._decide(fields)
        if decision.error is not None:
            raise decision.error
        values["event.action"] = decision.activity
        values["@timestamp"] = self._clock.time_of(fields)
        for put in self._puts:
            put(fields, values)
        if self._changes and (changes := self._changes_of(fields)):
            values["audit.changes"] = changes
        return values

    def steps_of(self, row: Row) -> Iterator[Step]:
        """Yield how each field of an event comes about, with what is wrong with it."""
        fields, time = row.fields, self._mapping.time
        found = " ".join(text_of(source.of(fields)) or "" for source in time.sources)
        try:
            yield Step("@timestamp", time.name, found, self._clock.time_of(fields))
        except RowError as error:
            yield Step("@timestamp", time.name, found, None, str(error))
        by, activity, why = self._decide(fields)
        found_text = text_of(by.find(fields))
        yield Step("event.action", by.source, found_text, activity, None if why is None else str(why))
        for field in self._fields:
            yield _step(field, fields)
        try:
            for change in self._changes_of(fields):
                value = f"{change['field']}: {change.get('before')} -> {change.get('after')}"
                yield Step("audit.changes", "", None, value)
        except RowError as error:
            yield Step("audit.changes", error.path, None, None, str(error))

    def _entries(self, row: Row, each: RowPath) -> Iterator[Row]:
        entries = each.of(row.fields)
        if not isinstance(entries, list) or not entries:
            yield row._replace(problem=f"has no entries in {each.text}")
            return
        for number, entry in enumerate(entries):
            fields = each.replaced(row.fields, entry)
            if not self._is_left_out(fields):
                yield row._replace(fields=fields, entry=number)

    def _is_left_out(self, fields: Fields) -> bool:
        return any(takes(fields) for takes in self._skips)

    def _decide(self, fields: Fields) -> Decision:
        error: RowError | None = None
        for rule in self._activities:
            try:
                activity = rule.one(fields)
            except RowError as unknown:
                error = unknown
                continue
            if activity is not None:
                return Decision(rule, activity, None)
        names = dict.fromkeys(rule.source for rule in self._activities if rule.source)
        error = error or RowError(", ".join(names), "has no activity")
        return Decision(self._activities[-1], None, error)

    def _changes_of(self, fields: Fields) -> list[dict[str, Any]]:
        return [change for changes in self._changes for change in changes(fields)]


def _step(field: CompiledField, fields: Fields) -> Step:
    values: dict[str, Any] = {}
    found, source = text_of(field.value.find(fields)), field.value.source
    try:
        field.put(fields, values)
    except RowError as error:
        return Step(field.path, source, found, None, str(error))
    for path, value in values.items():  # at most one, which may be the label that keeps a text
        return Step(path, source, found, ", ".join(value) if isinstance(value, list) else str(value))
    return Step(field.path, source, found, None)
