"""A table of results, for the terminal and for a README."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Sheet"]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with a title, and a sentence below it that says how to read it."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
