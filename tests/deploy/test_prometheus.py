"""Alerts of the product's own metrics: each tried on what it is for, and on what it is not."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.exported_metrics import exported, unknown_names
from support.kustomize import build
from support.promtool import checked_rules, promtool
from support.servers import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("alert_cases.yml").read_text())
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}

every_rule = pytest.mark.parametrize("name", RULES)


def as_promtool_takes_it(case: dict[str, Any]) -> dict[str, Any]:
    """Return a case, with what the rule itself says filled in."""
    rule = RULES[case["alert"]]
    alerts = [
        {
            "exp_labels": rule["labels"] | fires.get("labels", {}),
            "exp_annotations": rule["annotations"] | {"summary": fires["summary"]},
        }
        for fires in case.get("fires", ())
    ]
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": value} for name, value in case["series"].items()],
        "alert_rule_test": [
            {"eval_time": case["at"], "alertname": case["alert"], "exp_alerts": alerts},
        ],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['alert']}: {case['says']}")
def test_alert_fires_when_it_should(case: dict[str, Any], tmp_path: Path) -> None:
    """And says so in these words; or is silent."""
    rules, file = tmp_path / "rules.yml", tmp_path / "case.yml"
    alone = {"name": "alone", "rules": [RULES[case["alert"]]]}  # all of them take three times as long
    rules.write_text(yaml.safe_dump({"groups": [alone]}))
    tests = {"rule_files": [str(rules)], "tests": [as_promtool_takes_it(case)]}
    file.write_text(yaml.safe_dump(tests))
    said = promtool("test", "rules", file)
    assert said.returncode == 0, said.stdout + said.stderr


@every_rule
def test_every_alert_is_tried_both_ways(name: str) -> None:
    """One that never fires is as bad as one that always does."""
    assert {bool(case.get("fires")) for case in CASES if case["alert"] == name} == {True, False}


def test_rules_are_what_prometheus_takes() -> None:
    """Their syntax, and their templates."""
    assert checked_rules(FOLDER / "alerts.yml") == ""


def test_wrong_rules_would_be_told(tmp_path: Path) -> None:
    """The check is one."""
    file = tmp_path / "rules.yml"
    file.write_text("groups: [{name: x, rules: [{alert: X, expr: 'sum(('}]}]")
    assert "parse error" in checked_rules(file)


@every_rule
def test_every_alert_goes_by_metrics_that_are_there(name: str) -> None:
    """By their names, and by labels that they have."""
    assert unknown_names(RULES[name]["expr"]) == set()


def test_unknown_names_are_found() -> None:
    """Of metrics, in matchers and in groupings."""
    assert unknown_names('auditlog_record{outcome="x"}') == {"auditlog_record", "outcome"}
    assert unknown_names('sum by (user) (auditlog_records_total{what="x"})') == {"user", "what"}
    assert unknown_names("histogram_quantile(0.9, sum by (le) (auditlog_bulk_seconds_bucket))") == set()
    assert len(exported()) > 25


@every_rule
def test_every_alert_says_what_is_wrong_and_what_to_do(name: str) -> None:
    """How urgent it is, in a sentence, in more of them, and where its runbook is."""
    rule = RULES[name]
    assert set(rule["labels"]) == {"severity"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["runbook_url"] == f"docs/operating.md#{name.lower()}"
    assert len(notes["summary"]) < 100
    assert re.fullmatch(r"[^{}]+\.", notes["description"])


def test_scraping_is_what_prometheus_takes(tmp_path: Path) -> None:
    """All but the finding of pods, which Debian's build of the tool does not know."""
    found = yaml.safe_load((FOLDER / "scrape.yml").read_text())
    (by_pod,) = (one for one in found["scrape_configs"] if "kubernetes_sd_configs" in one)
    assert by_pod.pop("kubernetes_sd_configs") == [
        {"role": "pod", "namespaces": {"names": ["auditlog"]}}
    ]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(found))
    said = promtool("check", "config", "--syntax-only", file)
    assert said.returncode == 0, said.stdout + said.stderr


def test_jobs_are_those_that_alerts_go_by() -> None:
    """By their names where addresses are fixed, by a label of the pods in Kubernetes."""
    text = (FOLDER / "scrape.yml").read_text()
    jobs = set(re.findall(r"job_name: (auditlog-\w+)", text))
    assert set(re.findall(r'job="(auditlog-\w+)"', (FOLDER / "alerts.yml").read_text())) <= jobs
    roles = set()
    for found in build(ROOT / "deploy" / "kubernetes" / "base"):
        if found["kind"] == "Deployment":
            pod = found["spec"]["template"]
            labels = {
                re.sub(r"\W", "_", name): value for name, value in pod["metadata"]["labels"].items()
            }
            assert labels["app_kubernetes_io_part_of"] == "auditlog"
            roles.add(f"auditlog-{labels['app_kubernetes_io_component']}")
            assert "metrics" in {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    assert roles == jobs
