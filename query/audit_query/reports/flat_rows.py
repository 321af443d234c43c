"""Rows of reports for CSV: no objects in them, times in UTC. Pure."""

from collections.abc import Iterable
from typing import Any

from audit_query.csv_format import utc_cell

__all__ = ["flat_row"]

_TIMES = ("start", "first", "last", "opened", "assigned", "joined", "answered", "closed")


def flat_row(row: dict[str, Any], activities: Iterable[str] = ()) -> dict[str, Any]:
    """Return a row in UTC without objects in it; activities are columns of their own, at the end."""
    flat: dict[str, Any] = {}
    counts = row.pop("activities", {})
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{inner}": deeper for inner, deeper in flat_row(value).items()}
        elif name in _TIMES and isinstance(value, str):
            flat[name] = utc_cell(value)
        else:
            flat[name] = value
    columns = {name: f"activity_{name}" if name in flat else name for name in activities}
    return flat | {column: counts.get(name, 0) for name, column in columns.items()}
