"""The trial of `make test-containers KIBANA=1`, against the stub: all of it but Kibana itself."""

import subprocess
from collections.abc import Iterator

import pytest
from audit_kibana import ExportTarget, KibanaSettings, bundle_of
from audit_kibana.client import Kibana
from audit_kibana.dashboard import CHARTS
from audit_kibana.importing import imported
from server.page.chromium import chromium
from support.kibana_stub import Stub, serving
from support.kibana_trial import KibanaTrial
from support.servers import ROOT
from support.shipped_rules import shipped_rules

BUNDLE = bundle_of(shipped_rules(), ExportTarget())


@pytest.fixture
def stub() -> Iterator[Stub]:
    """Give a stub into which everything was imported."""
    with serving() as found:
        with Kibana(KibanaSettings(kibana_url=found.url)) as kibana:
            assert all(each.outcome.is_done for each in imported(BUNDLE, kibana))
        yield found


@pytest.fixture
def trial(stub: Stub) -> Iterator[KibanaTrial]:
    """Give the trial of that stub."""
    found = KibanaTrial(stub.url, "audit-admin", "password")
    yield found
    found.close()


def test_what_is_as_it_was_sent_passes(trial: KibanaTrial) -> None:
    """Objects, rules, and that each has run."""
    assert [] == trial.wrong_objects(BUNDLE)
    assert [] == trial.wrong_rules(BUNDLE, seconds=10)


def test_objects_that_are_away_or_changed_are_named(stub: Stub, trial: KibanaTrial) -> None:
    """A missing one fails the whole export, in Kibana's words."""
    view, *_, dashboard = BUNDLE.objects
    stub.objects[dashboard["id"]] = dashboard | {"references": []}
    assert [dashboard["attributes"]["title"]] == trial.wrong_objects(BUNDLE)
    del stub.objects[view["id"]]
    (said,) = trial.wrong_objects(BUNDLE)
    assert view["id"] in said


def test_rules_that_failed_or_are_not_as_sent_are_named(stub: Stub, trial: KibanaTrial) -> None:
    """One of each kind, with why."""
    alerting, other, *_ = (rule for rule in BUNDLE.rules if not rule.type.is_detection)
    detection = next(rule for rule in BUNDLE.rules if rule.type.is_detection)
    stub.failures = {alerting.id: "no such index", detection.id: "no privileges"}
    stub.rules[other.id] |= {"params": other.body["params"] | {"timeField": "@timestamp"}}
    wrong = trial.wrong_rules(BUNDLE, seconds=10)
    assert 3 == len(wrong)
    assert any(each.startswith(f"{alerting.rule}: error") and "no such index" in each for each in wrong)
    assert f"{detection.rule}: failed: no privileges" in wrong
    assert f"{other.rule}: read back otherwise: {{'timeField': '@timestamp'}}" in wrong


@pytest.mark.slow
def test_the_dashboard_is_opened_in_a_browser(stub: Stub, trial: KibanaTrial) -> None:
    """After a login; a panel that can't be drawn is told in its own words."""
    with chromium() as browser:
        assert [] == trial.wrong_panels(browser, BUNDLE, seconds=30)
        stub.panel = '<p data-test-subj="embeddable-lens-failure">No such field</p>'
        assert ["No such field"] * len(CHARTS) == trial.wrong_panels(browser, BUNDLE, seconds=30)
    (sent, *_) = (each for each in stub.requests if each.path == "/login" and each.method == "POST")
    assert b"u=audit-admin&p=password" == sent.body


@pytest.mark.parametrize(("given", "without"), [((), True), (("KIBANA=1",), False)])
def test_kibana_is_tried_where_it_is_asked_for(given: tuple[str, ...], *, without: bool) -> None:
    """Its image is large, and not everywhere to be had. Asked for, it is never left out."""
    done = subprocess.run(
        ["make", "--dry-run", "test-containers", *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert without == ("not kibana" in done.stdout)
    assert "tests/containers" in done.stdout
