"""Rules that get one value of an event out of a row, as data: `compiled` makes functions of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from audit_admin.importing.condition import ALWAYS, Selection
from audit_admin.importing.errors import RowError, quoted
from audit_admin.importing.row_path import RowPath

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
