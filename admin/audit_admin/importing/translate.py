"""Translating a row into an event. Pure."""

import hashlib
import json
import uuid
from collections.abc import Mapping as Table
from typing import Any

from audit_producer import shown_changes
from audit_schemas import AuditEvent, LineIds, validate

from audit_admin.importing.mapping import ChangeRule, Mapping
from audit_admin.importing.rows import Row
from audit_admin.importing.rules import RowError, pick, text_of

__all__ = ["Translator"]

_IMPORTS = uuid.UUID("0b7c9f0a-8d6e-5b1c-9a54-2f6f1f5d7e21")
"""Namespace of the ids of imported rows. Changing it would duplicate every repeated import."""
_WHOLE = "event.sequence"


class Translator:
    """Translates the rows of one file, with the same result each time.

    An id is a UUIDv5 of the source's name and of the fields that the mapping names, or of the whole row
    and how often it has occurred before. Memory: about 200 bytes per row.
    """

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._lines = LineIds()
        self._seen: dict[bytes, tuple[bytes, int]] = {}

    def event_of(self, row: Row) -> AuditEvent:
        """Return the event of a row. Raises RowError or EventRefusedError."""
        if row.problem is not None:
            raise RowError("", row.problem)
        event_id = self._id(row)
        fields: dict[str, Any] = {
            "event": {"id": event_id, "action": self._activity(row)},
            "@timestamp": self._mapping.time.of(row.fields),
        }
        for path, value in self._mapping.fields.items():
            found = value.of(row.fields)
            if found is not None:
                _set(fields, path, _whole(found) if path == _WHOLE else found)
        if changes := self._changes(row.fields):
            fields.setdefault("audit", {})["changes"] = changes
        return validate(fields)

    def _activity(self, row: Row) -> str:
        found = self._mapping.activity.one(row.fields)
        if found is None:
            raise RowError(self._mapping.activity.source or "", "has no activity")
        return found

    def _id(self, row: Row) -> str:
        mapping = self._mapping
        whole = _canonical([mapping.name, row.fields])
        if not mapping.ids:
            return self._lines.next_id(whole)
        values = [text_of(pick(row.fields, name)) for name in mapping.ids]
        if None in values:
            raise RowError(mapping.ids[values.index(None)], "is empty, but is part of the id")
        key = hashlib.sha256(_canonical([mapping.name, *values])).digest()
        digest = hashlib.sha256(whole).digest()[:8]
        before, number = self._seen.setdefault(key[:8], (digest, row.number))
        if before != digest:
            raise RowError(
                ", ".join(mapping.ids), f"is also that of line {number}, which has different contents"
            )
        return str(uuid.uuid5(_IMPORTS, key.hex()))

    def _changes(self, row: Table[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for rule in self._mapping.changes:
            found += _change(rule, row)
        return found


def _change(rule: ChangeRule, row: Table[str, Any]) -> list[dict[str, Any]]:
    """Return the change that a row describes, if any; secrets are masked."""
    field = rule.field.one(row)
    before, after = (value.one(row) if value else None for value in (rule.before, rule.after))
    if field is None or (before is None and after is None and (rule.before or rule.after)):
        return []
    return shown_changes({field: (before, after)})


def _whole(text: str | list[str]) -> int:
    if isinstance(text, str) and text.strip().isascii() and text.strip().isdigit():
        return int(text[:40])
    raise RowError(_WHOLE, "must be an integer")


def _set(fields: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a path; a label's name may contain dots."""
    parent, name = fields, path
    while "." in name and not (parent is not fields and path.startswith("labels.")):
        head, name = name.split(".", 1)
        parent = parent.setdefault(head, {})
    parent[name] = ", ".join(value) if path.startswith("labels.") and isinstance(value, list) else value


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
