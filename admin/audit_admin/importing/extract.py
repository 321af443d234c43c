"""Values inside a text of a row, such as JSON in a cell: `[extract.NAME]` of a mapping. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import re2

from audit_admin.importing.depth import is_too_deep
from audit_admin.importing.row_path import RowPath, text_of

__all__ = ["Extraction", "InvalidPatternError", "compile_pattern"]

_PAIR = re.compile(r'(?<![\w.@-])([\w.@-]++)=(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*))')
"""A name is tried from its first character alone: from each, a long text would take quadratic time."""
_QUIET = re2.Options()
_QUIET.log_errors = False


class InvalidPatternError(ValueError):
    """A pattern of a mapping can't be used."""


class Pattern(Protocol):
    """A compiled pattern. It takes linear time, whatever the text is: texts may be an attacker's."""

    groupindex: Mapping[str, int]

    def search(self, text: str) -> Any:
        """Return the first match."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """Adds what is inside of a text to its row, as an object under `name`."""

    name: str
    source: RowPath
    how: Literal["json", "key=value"] | Pattern

    def added_to(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the row with the values; without them if the text has none."""
        found = self.source.of(row)
        if isinstance(found, str) or self.how != "json":
            text = text_of(found)
            found = None if text is None else self._values(text)
        return row if found is None else {**row, self.name: found}

    def _values(self, text: str) -> Any:
        match self.how:
            case "json":
                try:
                    found = json.loads(text)
                    return None if is_too_deep(found, text) else found
                except (ValueError, RecursionError):
                    return None
            case "key=value":
                pairs = _PAIR.findall(text)
                return {
                    name: quoted.replace(r"\"", '"') or bare for name, quoted, bare in pairs
                } or None
            case pattern:
                # What is not valid Unicode can't be searched, and is shown as everywhere.
                found = pattern.search(text.encode("utf-8", "backslashreplace").decode())
                return None if found is None else found.groupdict()


def compile_pattern(text: str) -> Pattern:
    """Compile a pattern with named groups (RE2's syntax). Raises InvalidPatternError."""
    try:
        pattern = re2.compile(text, _QUIET)
    except re2.error as error:
        said = error.args[0] if error.args else error
        raise InvalidPatternError(said.decode() if isinstance(said, bytes) else str(said)) from None
    if not pattern.groupindex:
        raise InvalidPatternError("it names no group, such as (?P<user>\\w+)")
    return pattern  # type: ignore[no-any-return]  # re2 has no types
