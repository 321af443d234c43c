"""A row of another log."""

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["LINE_MAX", "Fields", "Row"]

Fields = Mapping[str, Any]
"""The fields of a row."""

LINE_MAX = 8 * 1024 * 1024
"""Characters in a line or record. An event has at most a megabyte, and a row is not much larger."""


class Row(NamedTuple):
    """A row: its number and its fields; `problem` if it is malformed."""

    number: int
    """The line at which it begins, from 1; in a JSON document its place among the records."""
    fields: dict[str, Any]
    problem: str | None = None
    is_record: bool = False
    """Whether `number` counts records instead of lines."""
    entry: int | None = None
    """Which entry of the list this is an event of, from 0."""
    raw: dict[str, Any] | None = None
    """The row as the file has it, if `fields` has more."""

    @property
    def place(self) -> str:
        """Where it is, for a message."""
        entry = "" if self.entry is None else f", entry {self.entry + 1}"
        return f"{'record' if self.is_record else 'line'} {self.number}{entry}"
