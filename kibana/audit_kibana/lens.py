"""Lens charts as a dashboard keeps them inside itself: columns, what they show, and where. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["RECORDS", "Chart", "count", "distinct", "over_time", "panel", "top"]

RECORDS = "___records___"
"""The field that Lens counts documents by."""

Column = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chart:
    """One panel: columns by name in their order, and how the visualization uses them."""

    name: str
    title: str
    kind: str
    columns: Mapping[str, Column]
    visualization: Mapping[str, Any]
    grid: tuple[int, int, int, int]
    """x, y, width, height; the width of all is 48."""
    query: str = ""

    @property
    def layer(self) -> str:
        """The name of its one layer."""
        return f"{self.name}-layer"

    @property
    def reference(self) -> str:
        """What its layer calls the data view."""
        return f"indexpattern-datasource-layer-{self.layer}"


def count(label: str = "Events") -> Column:
    """Return a column that counts documents."""
    return {
        "label": label,
        "customLabel": True,
        "dataType": "number",
        "operationType": "count",
        "scale": "ratio",
        "sourceField": RECORDS,
        "isBucketed": False,
        "params": {"emptyAsNull": True},
    }


def distinct(field: str, label: str) -> Column:
    """Return a column that counts the values of a field."""
    return {
        "label": label,
        "customLabel": True,
        "dataType": "number",
        "operationType": "unique_count",
        "scale": "ratio",
        "sourceField": field,
        "isBucketed": False,
        "params": {"emptyAsNull": True},
    }


def over_time(field: str = "@timestamp") -> Column:
    """Return a column of times, in an interval that fits the range."""
    return {
        "label": field,
        "dataType": "date",
        "operationType": "date_histogram",
        "scale": "interval",
        "sourceField": field,
        "isBucketed": True,
        "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False},
    }


def top(
    field: str,
    label: str,
    size: int,
    *,
    kind: str = "string",
    by: str | None = None,
    other: bool = False,
) -> Column:
    """Return a column of a field's values: those with the most in column `by`, else in their order."""
    order: dict[str, Any] = (
        {"type": "column", "columnId": by} if by else {"type": "alphabetical", "fallback": False}
    )
    return {
        "label": label,
        "customLabel": True,
        "dataType": kind,
        "operationType": "terms",
        "scale": "ordinal",
        "sourceField": field,
        "isBucketed": True,
        "params": {
            "size": size,
            "orderBy": order,
            "orderDirection": "desc" if by else "asc",
            "otherBucket": other,
            "missingBucket": False,
            "parentFormat": {"id": "terms"},
            "include": [],
            "exclude": [],
            "includeIsRegex": False,
            "excludeIsRegex": False,
        },
    }


def panel(chart: Chart, data_view: str) -> dict[str, Any]:
    """Return the panel of a dashboard; the same reference stands in it and beside the dashboard."""
    x, y, width, height = chart.grid
    layer = {
        "columns": dict(chart.columns),
        "columnOrder": _order(chart.columns),
        "incompleteColumns": {},
    }
    return {
        "version": "8.9.0",
        "type": "lens",
        "panelIndex": chart.name,
        "gridData": {"x": x, "y": y, "w": width, "h": height, "i": chart.name},
        "title": chart.title,
        "embeddableConfig": {
            "hidePanelTitles": False,
            "enhancements": {},
            "attributes": {
                "title": chart.title,
                "description": "",
                "type": "lens",
                "visualizationType": chart.kind,
                "references": [{"type": "index-pattern", "id": data_view, "name": chart.reference}],
                "state": {
                    "visualization": dict(chart.visualization),
                    "query": {"query": chart.query, "language": "kuery"},
                    "filters": [],
                    "datasourceStates": {"formBased": {"layers": {chart.layer: layer}}},
                    "internalReferences": [],
                    "adHocDataViews": {},
                },
            },
        },
    }


def _order(columns: Mapping[str, Column]) -> Sequence[str]:
    """Return the names as Lens wants them: what is grouped by before what is counted."""
    return sorted(columns, key=lambda name: not columns[name]["isBucketed"])
