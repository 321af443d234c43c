"""What the runner shows of itself."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_alerts.runner import metrics
from audit_local.ports import free_port
from audit_producer.build import new_event
from audit_schemas import encode
from support.alert_runner import Running, running
from support.command import clean_environment
from support.conditions import wait_until
from support.consumers import settle
from support.metrics_endpoint import get, samples
from support.servers import Deployment

pytestmark = pytest.mark.servers

FIRED = "auditlog_alerts_fired_total{medium,brute-force}"


@pytest.fixture
def run(deployment: Deployment) -> Iterator[Running]:
    """Give what runs rules."""
    with running(deployment) as found:
        yield found


def test_runner_shows_what_it_does_and_what_waits(
    deployment: Deployment, run: Running, log: Path, tmp_path: Path
) -> None:
    """Alerts by rule and level, steps, deliveries by sink, how far behind; all documented names."""
    port = free_port()
    deployment.extra |= {
        "AUDITLOG_ALERTS_INDEX": run.index,
        "AUDITLOG_METRICS_PORT": str(port),
        "AUDITLOG_WEBHOOK_URL": f"http://127.0.0.1:{free_port()}",  # nobody listens
    }
    now = datetime.now(UTC)
    attack = [
        encode(new_event("login-failed", user="root", ip="203.0.113.5", at=now - timedelta(seconds=n)))
        for n in range(8)
    ]
    deployment.publish_raw(*attack)
    with deployment.consuming(log=log) as consumer:
        settle(deployment, log, consumer)
    command = [sys.executable, "-m", "audit_cli", "alerts", "run", "--every", "1s", "--since", "-5m"]
    with (tmp_path / "runner").open("ab") as file:
        process = subprocess.Popen(
            command, env=clean_environment() | deployment.environment, stdout=file, stderr=file
        )
    wait_until(lambda: samples(port).get(FIRED) == 1, what="the alert is counted")
    wait_until(
        lambda: samples(port)["auditlog_alerts_delivery_failures_total{webhook}"] >= 1,
        what="the webhook's failure is counted",
    )
    wait_until(
        lambda: samples(port)["auditlog_alerts_deliveries_pending{topic}"] == 0,
        what="the topic was told of all",
    )
    wait_until(lambda: get(port, "/readyz") == (200, "ok\n"), what="it is ready")
    found = samples(port)
    assert get(port, "/healthz") == (200, "ok\n")
    process.terminate()
    assert process.wait(40) == 0
    told = [each for each in run.alerts() if each["audit"]["alert"]["status"] != "merged"]
    alerts = len(told)
    assert found["auditlog_alerts_deliveries_total{topic}"] == alerts
    assert found["auditlog_alerts_deliveries_pending{webhook}"] == alerts
    assert found["auditlog_alerts_deliveries_total{webhook}"] == 0
    assert found["auditlog_alerts_steps_total{brute-force}"] >= 1
    assert found["auditlog_alerts_rule_seconds_total{brute-force}"] > 0
    assert found["auditlog_alerts_step_seconds_count"] >= 1
    assert 0 < found["auditlog_alerts_lag_seconds"] < 60
    assert found["auditlog_alerts_last_success_timestamp_seconds"] > now.timestamp()
    assert (found["auditlog_alerts_blocked"], found["auditlog_alerts_round_failures_total"]) == (0, 0)
    documented = set(re.findall(r"^auditlog_alerts_\w+", metrics.__doc__ or "", re.MULTILINE))
    shown = {re.sub(r"(_bucket|_count|_sum)?(\{.*)?$", "", name) for name in found}
    assert documented == {name for name in shown if not name.endswith("_created")}
