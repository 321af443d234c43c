"""The columns of reports' tables: their headings, their links to sort by them, their order. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeVar

from audit_server.page.report_view import ReportView, split_sort

__all__ = ["Column", "Heading", "headings", "in_order", "runs_of"]

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column that a table can be sorted by: the value that its rows have there, if any."""

    name: str
    title: str
    value: Callable[[Row], Any]
    group: str = ""
    """What stands above it and its neighbours."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading with its link; `order` is that of the table, if it is sorted by this column."""

    name: str
    title: str
    group: str
    link: str
    order: str | None


def headings(columns: Sequence[Column[Any]], view: ReportView, default: str) -> Sequence[Heading]:
    """Return what stands above the columns."""
    name, is_descending = split_sort(view.sort, [column.name for column in columns], default)
    order = "descending" if is_descending else "ascending"
    current = f"-{name}" if is_descending else name
    return [
        Heading(
            column.name,
            column.title,
            column.group,
            view.sorted_by(column.name, current),
            order if column.name == name else None,
        )
        for column in columns
    ]


def in_order(
    rows: Sequence[Row], columns: Sequence[Column[Row]], view: ReportView, default: str
) -> Sequence[Row]:
    """Return the rows as the view sorts them; those without a value come last."""
    name, is_descending = split_sort(view.sort, [column.name for column in columns], default)
    value = next(column.value for column in columns if column.name == name)
    known = [row for row in rows if value(row) is not None]
    known.sort(key=value, reverse=is_descending)
    return [*known, *(row for row in rows if value(row) is None)]


def runs_of(some: Sequence[Heading]) -> Sequence[tuple[str, int]]:
    """Return what stands above headings, with how many neighbours it stands above."""
    return [(group, len(list(run))) for group, run in groupby(some, key=lambda one: one.group)]
