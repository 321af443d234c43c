"""A large attack: the runner's memory does not grow with it, and its alert is right."""

import tracemalloc
from datetime import timedelta

import pytest
from support.alert_runner import START, FakeSource, at, running, shipped
from support.flood import flood
from support.servers import Deployment

COUNT = 4000
MINUTES = 50
MOST = 5 * 1024**2
"""Bytes of all rules together; to hold every event of the attack takes twice as many."""


@pytest.mark.servers
def test_large_attack_is_one_alert_in_bounded_memory(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted exactly."""
    monkeypatch.setattr("audit_alerts.log_reader._ONE_PAGE", 100)
    rules = shipped("brute-force", "password-spraying")
    flood(deployment, COUNT, start=START, length=timedelta(minutes=MINUTES))
    source = FakeSource()
    with running(deployment) as alerts:
        runner = alerts.runner(rules, source)
        tracemalloc.start()
        try:
            alerts.step(runner, source, at(MINUTES * 60))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        found = {alert["rule"]["name"]: alert["audit"]["alert"] for alert in alerts.alerts()}
    assert peak < MOST, f"{peak >> 10} KB"
    assert set(found) == {"brute-force", "password-spraying"}
    assert {alert["count"] for alert in found.values()} == {COUNT}
    assert found["brute-force"]["size"] == COUNT * 10 // MINUTES
    assert all(len(alert["samples"]) == 10 for alert in found.values())
