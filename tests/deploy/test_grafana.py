"""The dashboard: all that is exported, and nothing that is not."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.exported_metrics import Exported, exported, unknown_names
from support.promtool import checked_rules
from support.servers import ROOT

DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in PANELS
    for target in panel["targets"]
}

every_metric = pytest.mark.parametrize("metric", exported(), ids=lambda metric: metric.name)
every_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])


@every_metric
def test_every_metric_has_a_panel(metric: Exported) -> None:
    """One that nobody looks at need not be counted."""
    shown = {name for text in EXPRESSIONS.values() for name in re.findall(r"\bauditlog_\w+", text)}
    assert metric.series & shown


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_panel_shows_what_is_exported(name: str) -> None:
    """By names of metrics and labels that there are."""
    assert unknown_names(EXPRESSIONS[name]) == set()


def test_every_expression_is_one(tmp_path: Path) -> None:
    """Prometheus parses each, once Grafana has put in its own variables."""
    rules = [
        {"record": f"panel:{number}", "expr": text.replace("$__rate_interval", "5m")}
        for number, text in enumerate(EXPRESSIONS.values())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert checked_rules(file) == ""


@every_panel
def test_legends_are_of_labels_that_are_left(panel: dict[str, Any]) -> None:
    """A label that a sum has taken away would show as nothing."""
    for target in panel["targets"]:
        grouped = re.findall(r"\bby \(([^)]*)\)", target["expr"])
        left = {label.strip() for labels in grouped for label in labels.split(",")} or {"instance"}
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= left


@every_panel
def test_panels_use_the_variables_that_there_are(panel: dict[str, Any]) -> None:
    """The data source and the processes that are chosen above."""
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    named = set(re.findall(r"\$\{?(?!__)(\w+)", json.dumps(panel)))
    assert named == {"datasource", "instance"} == variables


def test_panels_are_beside_each_other() -> None:
    """Each has an id, a unit and a place of its own, and a title that no other has."""
    all_of_them = DASHBOARD["panels"]
    assert len({panel["id"] for panel in all_of_them}) == len(all_of_them)
    assert len({panel["title"] for panel in all_of_them}) == len(all_of_them)
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in PANELS)
    cells = sorted(
        (y, x)
        for panel in all_of_them
        for place in [panel["gridPos"]]
        for y in range(place["y"], place["y"] + place["h"])
        for x in range(place["x"], place["x"] + place["w"])
    )
    assert all(one != other for one, other in pairwise(cells))
    assert max(x for _, x in cells) < 24


def test_dashboard_is_no_installations_own() -> None:
    """It can be imported anywhere: no number of a database, no data source by name."""
    assert "id" not in DASHBOARD
    assert DASHBOARD["uid"] == "auditlog"
    uids = re.findall(r'"uid": "([^"]*)"', json.dumps(DASHBOARD["panels"]))
    assert set(uids) == {"${datasource}"}
