"""The runbook: whoever is paged by an alert finds it under its name."""

import re

import yaml
from support.servers import ROOT

_RUNBOOK = ROOT / "docs" / "operating.md"


def alerts() -> dict[str, str]:
    """Return each alert of Prometheus and the address of its runbook."""
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    return {rule["alert"]: rule["annotations"]["runbook_url"] for rule in rules}


def test_each_alert_has_its_heading_and_each_heading_its_alert() -> None:
    """In the order of the rules, so that related alerts are next to each other."""
    headings = re.findall(r"^### (\w+)$", _RUNBOOK.read_text(), re.MULTILINE)
    assert headings == list(alerts())


def test_each_alert_leads_to_its_heading() -> None:
    """The runbook_url of each alert ends with its heading's anchor."""
    for name, address in alerts().items():
        assert address.endswith(f"docs/operating.md#{name.lower()}")


def test_each_heading_says_what_to_check_and_how_to_fix_it() -> None:
    """Nobody who is paged is left with a description alone."""
    parts = re.split(r"^### (\w+)$", _RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        assert "**Check**" in text, name
        assert "**Fix**" in text, name
