"""The mapping file (TOML): how a row becomes an event. See docs/migrating.md."""

import tomllib
from collections.abc import Mapping as Table
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from audit_admin.importing.condition import Selection
from audit_admin.importing.errors import MappingError
from audit_admin.importing.extract import Extraction
from audit_admin.importing.mapping_file import MappingFile, sentence_of
from audit_admin.importing.row_path import RowPath, read_path
from audit_admin.importing.rows import FileFormat
from audit_admin.importing.timestamps import TimestampRule
from audit_admin.importing.values import ChangeRule, ValueRule

__all__ = ["Mapping", "load_mapping"]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping file, read and checked."""

    name: str
    file_format: FileFormat
    ids: tuple[RowPath, ...]
    """Fields that identify a row; if empty, the whole row does."""
    time: TimestampRule
    activities: tuple[ValueRule, ...]
    """The first that knows an activity for a row counts."""
    fields: Table[str, ValueRule]
    changes: tuple[ChangeRule, ...]
    each: RowPath | None
    """The list of which each entry is an event; a path that leads through it is of the entry."""
    skips: tuple[Selection, ...]
    """The rows that are left out."""
    extractions: tuple[Extraction, ...]

    def sources(self) -> list[tuple[RowPath, ...]]:
        """Return every path into a row that is used; of those in one tuple, one has to be there."""
        rules = [*self.activities, *self.fields.values()]
        for change in self.changes:
            rules += [rule for rule in (change.field, change.before, change.after) if rule is not None]
        asked = [path for rule in rules for path in rule.rows.paths()]
        asked += [path for skip in self.skips for path in skip.paths()]
        asked += [*self.ids, *self.time.sources, *(one.source for one in self.extractions)]
        asked += [change.each for change in self.changes if change.each is not None]
        asked += [self.each] if self.each is not None else []
        return [rule.sources for rule in rules if rule.sources] + [(path,) for path in asked]

    def missing_column(self, row: Table[str, object]) -> str | None:
        """Return a column that is used but that a row of a CSV file does not have."""
        there = {*row, *(one.name for one in self.extractions)}
        lacking = [
            paths[0].text
            for paths in self.sources()
            if not any(path.text in row or there & set(path.steps[:1]) for path in paths)
        ]
        return min(lacking, default=None)


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file. Raises MappingError, which says where, and what is allowed there."""
    try:
        found = MappingFile.model_validate(tomllib.loads(path.read_text("utf-8-sig")))
    except OSError as error:
        raise MappingError(f"{path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"{path} is not valid TOML: {error}") from None
    except ValidationError as error:
        raise MappingError(f"{path}: {sentence_of(error)}") from None
    source, nothing = found.source, found.source.nothing
    return Mapping(
        name=source.name,
        file_format=FileFormat(
            source.format,
            source.encoding,
            source.delimiter,
            source.columns or None,
            source.skip_lines,
            source.records,
            source.invalid_bytes,
        ),
        ids=tuple(map(read_path, source.id)),
        time=found.time.rule(),
        activities=tuple(rule.rule(nothing) for rule in found.activity),
        fields={name: value.rule(nothing) for name, value in found.fields.items()},
        changes=tuple(change.rule() for change in found.changes),
        each=read_path(source.each) if source.each else None,
        skips=tuple(skip.selection() for skip in found.skip),
        extractions=tuple(table.extraction(name) for name, table in found.extract.items()),
    )
