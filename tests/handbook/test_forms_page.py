"""The table of docs/forms.md is the one that the forms are written by."""

from audit_forward.forms.ocsf_classes import ACTIVITIES
from audit_schemas import Catalogue
from support.servers import ROOT

__all__ = ["activities_table"]


def activities_table() -> str:
    """Return a row for each shipped activity: its names in ECS and CEF, its class in OCSF."""
    rows = ["| activity | OCSF class | OCSF activity | CEF name |", "| --- | --- | --- | --- |"]
    for name, activity in Catalogue.load().items():
        found = ACTIVITIES[name]
        ocsf_class = f"{found.ocsf_class.uid} {found.ocsf_class.caption}"
        rows.append(f"| `{name}` | {ocsf_class} | {found.id} {found.name} | {activity.description} |")
    return "\n".join(rows)


def test_page_has_the_class_of_each_activity() -> None:
    """Paste `activities_table` into docs/forms.md where it differs."""
    table = activities_table()
    assert table in (ROOT / "docs" / "forms.md").read_text(), table
