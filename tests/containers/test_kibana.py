"""`make test-containers KIBANA=1`: Kibana from the compose file, and all that we import into it.

Where its image is not to be had, these fail. `tests/kibana/test_kibana_trial.py` runs the same trial
against a stub.
"""

from collections.abc import Iterator

import pytest
from audit_kibana import ExportTarget, bundle_of
from audit_local.ports import LOOPBACK
from containers.project import Project
from server.page.chromium import chromium
from support.conditions import wait_until
from support.kibana_trial import KibanaTrial
from support.shipped_rules import shipped_rules

pytestmark = [pytest.mark.containers, pytest.mark.kibana, pytest.mark.timeout(1800)]

BUNDLE = bundle_of(shipped_rules(), ExportTarget())


@pytest.fixture(scope="module")
def trial(project: Project) -> Iterator[KibanaTrial]:
    """Give a Kibana over a log with events and alerts, into which everything was imported."""
    project.run("publisher", "generate", "--count", "2000")
    with project.elasticsearch("audit-reader") as client:

        def has_alerts() -> bool:
            return int(client.count(index="audit-alerts", ignore_unavailable=True)["count"]) > 0

        wait_until(has_alerts, seconds=180, pause=1, what="there are events and alerts")
    project.up("kibana")
    project.run("kibana-import")
    url = f"https://{LOOPBACK}:{project.ports['KIBANA']}"
    password = project.secrets()["elasticsearch.audit-admin.password"].decode()
    found = KibanaTrial(url, "audit-admin", password, project.folder / "ca.crt")
    yield found
    found.close()


def test_each_object_is_read_back(trial: KibanaTrial) -> None:
    """By Kibana's own export, in whatever form it has them by now."""
    assert [] == trial.wrong_objects(BUNDLE)


def test_each_rule_runs_without_an_error(trial: KibanaTrial) -> None:
    """And is what was sent."""
    assert [] == trial.wrong_rules(BUNDLE, seconds=600)


def test_the_dashboard_draws_each_panel(trial: KibanaTrial) -> None:
    """In a browser, as the administrator."""
    with chromium() as browser:
        assert [] == trial.wrong_panels(browser, BUNDLE, seconds=180)


def test_a_second_import_replaces_everything(trial: KibanaTrial, project: Project) -> None:
    """By the same job; what it did not replace would end it with an error."""
    said = project.run("kibana-import").stdout
    assert "updated" in said
    assert "created" not in said
    assert [] == trial.wrong_objects(BUNDLE)
