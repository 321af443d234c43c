"""What a consumer shows of itself: metrics, health, and the status that anyone may ask for."""

import json
from pathlib import Path

import pytest
from audit_admin.status import PartitionStatus
from audit_admin.status_commands import summary
from audit_local.ports import free_port
from support.conditions import wait_until
from support.consumers import settle
from support.events import chat_opened
from support.metrics_endpoint import get, samples
from support.proxy import proxied
from support.servers import Deployment, Servers


@pytest.mark.servers
def test_metrics_count_what_became_of_records(deployment: Deployment, log: Path) -> None:
    """By outcome; with what a bulk takes, and the lag, which ends at none."""
    port = free_port()
    deployment.extra["AUDITLOG_METRICS_PORT"] = str(port)
    value = chat_opened(0)
    deployment.publish_raw(value, value, *(chat_opened(n) for n in range(1, 50)), b"poison")
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
        wait_until(
            lambda: samples(port).get("auditlog_lag_records{0}") == 0, what="the lag is shown as none"
        )
        found = samples(port)
    assert found["auditlog_records_total{indexed}"] == 50
    assert found["auditlog_records_total{duplicate}"] == 1
    assert found["auditlog_records_total{dead-lettered}"] == 1
    assert found["auditlog_bulk_seconds_count"] >= 1
    assert found["auditlog_bulk_bytes_total"] > 50 * 300
    assert (found["auditlog_retries_total"], found["auditlog_blocked"]) == (0, 0)
    assert (found["auditlog_buffered_bytes"], found["auditlog_oldest_record_age_seconds"]) == (0, 0)


@pytest.mark.servers
def test_consumer_that_waits_is_alive_and_not_ready(
    servers: Servers, deployment: Deployment, log: Path
) -> None:
    """`/readyz` says what it waits for; `/livez` stays well; the oldest record's age grows."""
    port = free_port()
    deployment.extra["AUDITLOG_METRICS_PORT"] = str(port)
    with proxied(servers.elasticsearch) as proxy:
        deployment.servers = Servers(servers.kafka, proxy.url)
        with deployment.consuming(log=log) as process:
            deployment.publish_raw(chat_opened(0))
            settle(deployment, log, process)
            wait_until(lambda: get(port, "/readyz") == (200, "ok\n"), what="it is ready")
            proxy.cut()
            deployment.publish_raw(chat_opened(1))
            wait_until(lambda: get(port, "/readyz")[0] == 503, what="it is not ready")
            assert "does not answer" in get(port, "/readyz")[1]
            assert get(port, "/livez") == get(port, "/healthz") == (200, "ok\n")
            wait_until(
                lambda: samples(port)["auditlog_oldest_record_age_seconds"] > 1, what="the age grows"
            )
            wait_until(lambda: samples(port)["auditlog_blocked"] == 1, what="it says that it waits")
            assert samples(port)["auditlog_retries_total"] >= 1
            proxy.restore()
            wait_until(lambda: get(port, "/readyz")[0] == 200, what="it is ready again")
        deployment.servers = servers
    assert get(port, "/elsewhere")[0] == 0


@pytest.mark.servers
def test_nothing_listens_unless_asked_for(deployment: Deployment, log: Path) -> None:
    """And a port that is taken is one sentence."""
    with proxied("http://127.0.0.1:1") as taken:
        port = taken.url.rpartition(":")[2]
        deployment.extra["AUDITLOG_METRICS_PORT"] = port
        with deployment.consuming(log=log) as process:
            assert process.wait(120) == 1
    assert log.read_text().splitlines()[-1] == (
        f"auditlog: Metrics can't be served on 127.0.0.1:{port}: Address already in use. "
        "Set AUDITLOG_METRICS_PORT to a free port, or leave it out"
    )


@pytest.mark.servers
def test_status_shows_how_far_a_group_is_behind(deployment: Deployment, log: Path) -> None:
    """Before anything is consumed all of it, afterwards nothing."""
    deployment.publish_raw(*(chat_opened(n) for n in range(30)))
    before = json.loads(deployment.run("status", "--seconds", "0.2", "--json").stdout)
    assert (30, 30) == (sum(p["log_end_offset"] for p in before), sum(p["lag"] for p in before))
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    assert "Caught up" in deployment.run("status", "--seconds", "0.2").stdout


@pytest.mark.servers
def test_status_of_a_topic_that_is_not_there_is_one_sentence(bare: Deployment) -> None:
    """With what to do."""
    done = bare.run("status", check=False)
    assert done.returncode == 1
    assert "can't be read" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("current", "log_end", "rates", "says"),
    [
        (10, 10, (5.0, 5.0), "Caught up"),
        (400, 1000, (0.0, 0.0), "600 records behind, and none was consumed just now"),
        (400, 1000, (10.0, 20.0), "more are published than consumed"),
        (400, 1000, (10.0, 0.0), "caught up in 1 min"),
        (0, 100_000, (1.0, 0.0), "caught up in 27.8 h"),
    ],
)
def test_summary_says_when_it_will_be_caught_up(
    current: int, log_end: int, rates: tuple[float, float], says: str
) -> None:
    """At the present rates, or why it will not."""
    assert says in summary([PartitionStatus(0, current, log_end, *rates)])
