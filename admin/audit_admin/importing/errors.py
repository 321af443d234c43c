"""Errors of an import: those that stop it, and what is wrong with a row, which is only reported."""

from audit_producer import PublishError
from audit_schemas import printable

__all__ = ["ImportFileError", "MappingError", "RowError", "quoted"]

_QUOTED_MAX = 60


class MappingError(PublishError):
    """The mapping file is invalid; the message says where, and what is allowed there."""


class ImportFileError(PublishError):
    """The file can't be read in the format that the mapping names."""


class RowError(Exception):
    """A row can't be imported; `path` is a field of the event, or a column of the row."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def quoted(text: str) -> str:
    """Return a text of a row for a message: on one line, and cut if it is long."""
    shown = printable(text)
    return f'"{shown[:_QUOTED_MAX]}…"' if len(shown) > _QUOTED_MAX else f'"{shown}"'
