"""Conditions on a row: `when = { type = "login", status = ["fail", "denied"] }`. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit_admin.importing.row_path import RowPath, text_of

__all__ = ["ALWAYS", "Condition", "Selection"]


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds if each path has one of its texts; True asks for any value, False for none."""

    tests: tuple[tuple[RowPath, frozenset[str] | bool], ...]

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Tell whether it holds for a row."""
        return all(
            (text is not None) == wanted if isinstance(wanted, bool) else text in wanted
            for text, wanted in ((text_of(path.of(row)), wanted) for path, wanted in self.tests)
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows for which one condition holds and another does not."""

    when: Condition | None = None
    unless: Condition | None = None

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row is one of them."""
        return (self.when is None or self.when.holds(row)) and not (
            self.unless is not None and self.unless.holds(row)
        )

    def paths(self) -> list[RowPath]:
        """Return what is asked about."""
        return [path for one in (self.when, self.unless) if one is not None for path, _ in one.tests]


ALWAYS = Selection()
"""Takes every row."""
