"""The dashboard: events by activity, failed logins by address and place, users, the hours. Pure."""

import json
from typing import Any

from audit_kibana.lens import Chart, count, distinct, over_time, panel, top

__all__ = ["CHARTS", "FAILED", "HOUR", "WEEKDAY", "dashboard"]

FAILED = 'event.action:"login-failed"'
"""Failed logins, in words that mean the same in KQL and in Lucene."""

HOUR, WEEKDAY = "hour_of_day", "day_of_week"
"""Fields of the data view, which Kibana computes from @timestamp, in UTC."""


def _bars(name: str, kind: str, x: str, y: str, split: str | None = None) -> dict[str, Any]:
    layer: dict[str, Any] = {
        "layerId": f"{name}-layer",
        "layerType": "data",
        "seriesType": kind,
        "xAccessor": x,
        "accessors": [y],
    }
    return {
        "legend": {"isVisible": split is not None, "position": "right"},
        "valueLabels": "hide",
        "preferredSeriesType": kind,
        "layers": [layer | ({"splitAccessor": split} if split else {})],
    }


def _table(name: str, *columns: str) -> dict[str, Any]:
    return {
        "layerId": f"{name}-layer",
        "layerType": "data",
        "columns": [{"columnId": column} for column in columns],
    }


def _heat_map(name: str, x: str, y: str, value: str) -> dict[str, Any]:
    return {
        "shape": "heatmap",
        "layerId": f"{name}-layer",
        "layerType": "data",
        "xAccessor": x,
        "yAccessor": y,
        "valueAccessor": value,
        "legend": {"type": "heatmap_legend", "isVisible": True, "position": "right"},
        "gridConfig": {
            "type": "heatmap_grid",
            "isCellLabelVisible": False,
            "isXAxisLabelVisible": True,
            "isYAxisLabelVisible": True,
            "isXAxisTitleVisible": False,
            "isYAxisTitleVisible": False,
            "xSortPredicate": "asc",
            "ySortPredicate": "asc",
        },
    }


def _region_map(name: str, region: str, value: str) -> dict[str, Any]:
    """Countries by two letters; their outlines are those of Elastic's map service."""
    return {
        "layerId": f"{name}-layer",
        "layerType": "data",
        "emsLayerId": "world_countries",
        "emsField": "iso2",
        "regionAccessor": region,
        "valueAccessor": value,
    }


CHARTS = (
    Chart(
        "activity",
        "Events by activity over time",
        "lnsXY",
        {
            # Before the time: the other way round, Lens takes the top nine of each bucket of time.
            "activity": top("event.action", "Activity", 9, by="events", other=True),
            "time": over_time(),
            "events": count(),
        },
        _bars("activity", "bar_stacked", "time", "events", "activity"),
        (0, 0, 48, 14),
    ),
    Chart(
        "failed",
        "Failed logins by IP",
        "lnsDatatable",
        {
            "ip": top("source.ip", "IP", 20, kind="ip", by="failures"),
            "failures": count("Failed logins"),
            "users": distinct("audit.user", "Users tried"),
        },
        _table("failed", "ip", "failures", "users"),
        (0, 14, 24, 15),
        FAILED,
    ),
    Chart(
        "users",
        "Busiest users",
        "lnsXY",
        {"user": top("audit.user", "User", 15, by="events"), "events": count()},
        _bars("users", "bar_horizontal", "user", "events"),
        (24, 14, 24, 15),
    ),
    Chart(
        "hours",
        "Hours of the week (UTC)",
        "lnsHeatmap",
        {
            "hour": top(HOUR, "Hour", 24),
            "weekday": top(WEEKDAY, "Weekday", 7),
            "events": count(),
        },
        _heat_map("hours", "hour", "weekday", "events"),
        (0, 29, 48, 13),
    ),
    Chart(
        "map",
        "Failed logins by country",
        "lnsChoropleth",
        {
            "country": top("source.geo.country_iso_code", "Country", 250, by="failures"),
            "failures": count("Failed logins"),
        },
        _region_map("map", "country", "failures"),
        (0, 42, 24, 15),
        FAILED,
    ),
    Chart(
        "owners",
        "Failed logins by network's owner",
        "lnsDatatable",
        {
            "owner": top("source.as.organization.name", "Owner", 20, by="failures"),
            "failures": count("Failed logins"),
            "users": distinct("audit.user", "Users tried"),
        },
        _table("owners", "owner", "failures", "users"),
        (24, 42, 24, 15),
        FAILED,
    ),
    Chart(
        "acting",
        "Who acted as whom",
        "lnsDatatable",
        {
            "user": top("audit.user", "User", 20, by="events"),
            "effective": top("user.effective.name", "Effective user", 20, by="events"),
            "events": count(),
        },
        _table("acting", "user", "effective", "events"),
        (0, 57, 48, 12),
        "user.effective.name:*",
    ),
)
"""The panels, in the order that they are read in."""


def dashboard(own_id: str, data_view: str) -> dict[str, Any]:
    """Return the saved object."""
    references = [
        {"type": "index-pattern", "id": data_view, "name": f"{chart.name}:{chart.reference}"}
        for chart in CHARTS
    ]
    return {
        "type": "dashboard",
        "id": own_id,
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": "8.9.0",
        "managed": False,
        "references": references,
        "attributes": {
            "title": "Audit log",
            "description": "Who did what, when, and from where.",
            "version": 1,
            "timeRestore": True,
            "timeFrom": "now-7d",
            "timeTo": "now",
            "refreshInterval": {"pause": True, "value": 60_000},
            "optionsJSON": json.dumps({"useMargins": True, "hidePanelTitles": False}),
            "panelsJSON": json.dumps([panel(chart, data_view) for chart in CHARTS]),
            "kibanaSavedObjectMeta": {
                "searchSourceJSON": json.dumps(
                    {"query": {"query": "", "language": "kuery"}, "filter": []}
                )
            },
        },
    }
