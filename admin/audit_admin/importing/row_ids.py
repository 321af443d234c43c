"""Ids of imported rows: the same at every import of the same rows."""

import hashlib
import json
import uuid
from json.encoder import encode_basestring_ascii
from typing import Any

import msgspec
from audit_schemas import LineIds, uuid5_text

from audit_admin.importing.errors import RowError
from audit_admin.importing.mapping import Mapping
from audit_admin.importing.row import Row
from audit_admin.importing.row_path import text_of

__all__ = ["RowIds"]

_IMPORTS = uuid.UUID("0b7c9f0a-8d6e-5b1c-9a54-2f6f1f5d7e21")
"""Namespace of the ids of imported rows. Changing it would duplicate every repeated import."""
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_SORTED = msgspec.json.Encoder(order="sorted")


class RowIds:
    """Gives each row of one file its id.

    An id is a UUIDv5 of the source's name and of the fields that the mapping names, or of the whole row
    and how often it has occurred before. Memory: about 200 bytes per row.
    """

    def __init__(self, mapping: Mapping) -> None:
        each = mapping.each
        self._name = mapping.name
        self._named = encode_basestring_ascii(mapping.name)
        self._paths = mapping.ids
        self._is_of_entry = each is None or any(path.starts_with(each) for path in mapping.ids)
        """Whether the fields alone tell the entries of a row apart."""
        self._lines = LineIds()
        self._seen: dict[bytes, tuple[int, int, int | None]] = {}

    def id_of(self, row: Row) -> str:
        """Return the id of a row or entry. Raises RowError if it has none, or that of another one."""
        fields, entry = row.fields, row.entry
        raw = fields if row.raw is None else row.raw
        if not self._paths:
            whole = [self._name, raw] if entry is None else [self._name, raw, entry]
            return self._lines.next_id(_CANONICAL.encode(whole).encode())
        named = [self._named]
        for path in self._paths:
            value = text_of(path.of(fields))
            if value is None:
                raise RowError(path.text, "is empty, but is part of the id")
            named.append(encode_basestring_ascii(value))
        if not self._is_of_entry and entry is not None:
            named.append(str(entry))
        key = hashlib.sha256(f"[{','.join(named)}]".encode()).digest()
        digest = hash((_canonical(raw), entry))
        before, number, entry = self._seen.setdefault(key[:8], (digest, row.number, entry))
        if before != digest:
            earlier = row._replace(number=number, entry=entry)
            names = ", ".join(path.text for path in self._paths)
            raise RowError(names, f"is also that of {earlier.place}, which has different contents")
        return uuid5_text(_IMPORTS, key.hex())


def _canonical(raw: dict[str, Any]) -> bytes:
    """Return the same bytes for rows with the same contents, whatever the order of their keys."""
    try:
        return _SORTED.encode(raw)
    except (UnicodeEncodeError, OverflowError):  # what only Python's JSON can write
        return _CANONICAL.encode(raw).encode()
