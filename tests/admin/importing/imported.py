"""What becomes of the rows of a file under a mapping."""

import io
from pathlib import Path

from audit_admin.importing.errors import RowError
from audit_admin.importing.mapping import Mapping, load_mapping
from audit_admin.importing.row import Row
from audit_admin.importing.rows import FileFormat, read_rows
from audit_admin.importing.translate import Translator
from audit_schemas import AuditEvent, EventRefusedError

__all__ = ["SIMPLE", "events", "rows", "simple"]

SIMPLE = """
[source]
name = "test"
format = "csv"
[time]
from = "when"
[activity]
from = "what"
[fields]
"user.name" = "who"
"""


def simple(tmp_path: Path, text: str = SIMPLE) -> Mapping:
    """Return a mapping."""
    path = tmp_path / "mapping.toml"
    path.write_text(text)
    return load_mapping(path)


def rows(data: bytes, file_format: FileFormat | None = None) -> list[Row]:
    """Return the rows of a file, CSV if nothing else is said."""
    return list(read_rows(io.BytesIO(data), file_format or FileFormat("csv")))


def events(data: bytes, mapping: Mapping) -> list[AuditEvent | str]:
    """Return for each row or entry its event, or why there is none."""
    translator = Translator(mapping)
    found: list[AuditEvent | str] = []
    for row in rows(data, mapping.file_format):
        for record in translator.records_of(row):
            try:
                found.append(translator.event_of(record))
            except (RowError, EventRefusedError) as error:
                found.append(f"{row.number} {error}")
    return found
