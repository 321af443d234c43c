"""Rules that get one value of an event out of a row. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from audit_admin.importing.condition import ALWAYS, Selection
from audit_admin.importing.errors import RowError, quoted
from audit_admin.importing.row_path import RowPath, text_of

__all__ = ["ChangeRule", "UncleanError", "ValueRule"]


@dataclass(frozen=True, slots=True)
class ValueRule:
    """Where a value comes from, and how it is translated."""

    sources: tuple[RowPath, ...] = ()
    """The first that has a value counts, unless they are joined."""
    constant: str | None = None
    joined: str | None = None
    """What stands between the values of all sources; None: they are not joined."""
    table: Mapping[str, str] | None = None
    """Value in the file -> value in the event; an empty one leaves the field out."""
    otherwise: str | None = None
    """Used for values that are not in the table; None: such a row is rejected."""
    default: str | None = None
    """Used where the row has no value."""
    split: str | None = None
    """Separator of several values in one text; a JSON list always has several values."""
    clean: Callable[[str], str | None] | None = None
    keep: str | None = None
    """The label that a text goes into which can't be cleaned; None: its row is rejected."""
    rows: Selection = ALWAYS
    nothing: frozenset[str] = frozenset()
    """Texts, in lower case, that stand for no value unless the table has them."""

    @property
    def name(self) -> str:
        """The fields that it is read from."""
        return ", ".join(source.text for source in self.sources)

    def of(self, row: Mapping[str, Any]) -> str | list[str] | None:
        """Return the value, None if there is none. Raises RowError."""
        if self.rows is not ALWAYS and not self.rows.takes(row):
            return None
        raw, found = self.found(row)
        if found is None:
            return self.default
        if self.split is None:
            return self._translated(found)
        parts = map(text_of, raw) if isinstance(raw, list) else found.split(self.split)
        translated = [self._translated(part.strip()) for part in parts if part and part.strip()]
        return [part for part in translated if part] or None

    def one(self, row: Mapping[str, Any]) -> str | None:
        """Return the value as one text."""
        found = self.of(row)
        return ", ".join(found) if isinstance(found, list) else found

    def found(self, row: Mapping[str, Any]) -> tuple[Any, str | None]:
        """Return what the row has, as it is and as text, before it is translated."""
        if self.constant is not None:
            return self.constant, text_of(self.constant)
        texts = []
        for source in self.sources:
            raw = source.of(row)
            text = text_of(raw)
            if text is None or (text.lower() in self.nothing and text not in (self.table or ())):
                continue
            if self.joined is None:
                return raw, text
            texts.append(text)
        text = (self.joined or "").join(texts) or None
        return text, text

    def _translated(self, text: str) -> str | None:
        if self.table is not None:
            found = self.table.get(text, self.otherwise)
            if found is None:
                raise RowError(self.name, f"{quoted(text)} is not in the mapping's table")
            text = found
        if self.clean is not None and text:
            cleaned = self.clean(text)
            if cleaned is None:
                raise UncleanError(self.name, text)
            text = cleaned
        return text or None


class UncleanError(RowError):
    """A value can't be cleaned; `text` is what it is."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(path, f"{quoted(text)} can't be cleaned: set keep to put it into a label")
        self.text = text


@dataclass(frozen=True, slots=True)
class ChangeRule:
    """Entries of audit.changes: one for a row, or one for each entry of a list in it."""

    field: ValueRule
    before: ValueRule | None
    after: ValueRule | None
    each: RowPath | None = None
    """The list. A path that leads through it is of the entry, as if that stood in the list's place."""
