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
@pytest.mark.parametrize(("read_one_by_one", "users"), [(20_000, 50), (500, 10)])
def test_large_attack_is_one_alert_in_bounded_memory(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, read_one_by_one: int, users: int
) -> None:
    """Counted exactly, read one by one or by cells; of cells, a window may begin one early."""
    monkeypatch.setattr("audit_alerts.log_reader.FLOOD", read_one_by_one)
    for page in ("_ONE_PAGE", "PAGE"):
        monkeypatch.setattr(f"audit_alerts.log_reader.{page}", 100)
    rules = shipped("brute-force", "password-spraying")
    flood(deployment, COUNT, start=START, length=timedelta(minutes=MINUTES), users=users)
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
    window = COUNT * 10 // MINUTES
    assert window <= found["brute-force"]["size"] <= window * 61 // 60 + 1
    assert all(len(alert["samples"]) == 10 for alert in found.values())
