"""Ids of imported rows: the same at every import of the same rows."""

import hashlib
import json
import uuid
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
_FINGERPRINT = msgspec.json.Encoder(order="sorted")


class RowIds:
    """Gives each row of one file its id.

    An id is a UUIDv5 of the source's name and of the fields that the mapping names, or of the whole row
    and how often it has occurred before. Memory: about 200 bytes per row.
    """

    def __init__(self, mapping: Mapping) -> None:
        each = mapping.each
        self._name = mapping.name
        self._paths = mapping.ids
        self._is_of_entry = each is None or any(path.starts_with(each) for path in mapping.ids)
        """Whether the fields alone tell the entries of a row apart."""
        self._lines = LineIds()
        self._seen: dict[bytes, tuple[bytes, int, int | None]] = {}

    def id_of(self, row: Row) -> str:
        """Return the id of a row or entry. Raises RowError if it has none, or that of another one."""
        raw = row.fields if row.raw is None else row.raw
        whole = [self._name, raw] if row.entry is None else [self._name, raw, row.entry]
        if not self._paths:
            return self._lines.next_id(_CANONICAL.encode(whole).encode())
        values = [text_of(path.of(row.fields)) for path in self._paths]
        if None in values:
            path = self._paths[values.index(None)]
            raise RowError(path.text, "is empty, but is part of the id")
        named: list[Any] = [self._name, *values]
        if not self._is_of_entry and row.entry is not None:
            named.append(row.entry)
        key = hashlib.sha256(f"[{','.join(map(_CANONICAL.encode, named))}]".encode()).digest()
        digest = _fingerprint(whole)
        before, number, entry = self._seen.setdefault(key[:8], (digest, row.number, row.entry))
        if before != digest:
            earlier = row._replace(number=number, entry=entry)
            names = ", ".join(path.text for path in self._paths)
            raise RowError(names, f"is also that of {earlier.place}, which has different contents")
        return uuid5_text(_IMPORTS, key.hex())


def _fingerprint(whole: list[Any]) -> bytes:
    try:
        text = _FINGERPRINT.encode(whole)
    except (UnicodeEncodeError, OverflowError):  # what only Python's JSON can write
        text = _CANONICAL.encode(whole).encode()
    return hashlib.blake2b(text, digest_size=8).digest()
