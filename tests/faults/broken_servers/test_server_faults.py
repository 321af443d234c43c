"""Servers that are killed, frozen, slow or cut off while events flow."""

import json
import random
from pathlib import Path

import pytest
from audit_producer.build import new_event
from audit_schemas import encode
from faults.crew import Crew, conflicts
from faults.fleet import Fleet
from faults.flow import RATE, Flow
from faults.group import lag
from faults.proof import assert_flow_settled
from support.alert_runner import running
from support.command import start_auditlog
from support.conditions import wait_until
from support.consumers import settle
from support.proxy import Network, proxied
from support.servers import Deployment, Servers

pytestmark = pytest.mark.servers

BACKLOG = 4_000
CUTS = 12
REQUEST_SECONDS = 2


def test_elasticsearch_killed_and_started_again(
    fleet: Fleet, deployment: Deployment, tmp_path: Path
) -> None:
    """What it acknowledged it has kept, and what it did not is written again."""
    deployment.extra["AUDITLOG_BACKOFF_SECONDS"] = "1"
    with Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.burst(BACKLOG)
            flow.start()
            crew.join()
            crew.wait_for_work()
            fleet.search.kill()
            assert lag(deployment) > 0, "the kill came too late to prove anything"
            fleet.search.start()
            crew.wait_for_work()
        crew.settle()
    assert_flow_settled(deployment, flow)


def test_time_out_that_hides_a_success(fleet: Fleet, deployment: Deployment, tmp_path: Path) -> None:
    """Elasticsearch is frozen for longer than the time-out, and then does what it was asked."""
    deployment.extra["AUDITLOG_REQUEST_SECONDS"] = str(REQUEST_SECONDS)
    deployment.extra["AUDITLOG_BACKOFF_SECONDS"] = "1"
    with Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.burst(BACKLOG)
            flow.start()
            crew.join()
            crew.wait_for_work()
            fleet.search.freeze()
            long_enough = flow.records + 3 * REQUEST_SECONDS * RATE
            wait_until(lambda: flow.records > long_enough, what="requests have timed out")
            fleet.search.thaw()
            crew.wait_for_work()
        crew.settle()
    assert_flow_settled(deployment, flow)
    assert conflicts(deployment) > flow.repeated, "no time-out hid a success"


def test_broker_killed_and_started_again(fleet: Fleet, deployment: Deployment, tmp_path: Path) -> None:
    """Publishing goes on meanwhile and consuming after it; nothing is published twice."""
    with Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.burst(BACKLOG)
            flow.start()
            crew.join()
            crew.wait_for_work()
            fleet.broker.kill()
            before = flow.records
            fleet.broker.start()
            assert flow.records > before, "publishing stood still"
            crew.wait_for_work()
        crew.settle()
    assert_flow_settled(deployment, flow)


def test_connection_cut_in_the_middle_of_an_answer(
    fleet: Fleet, deployment: Deployment, tmp_path: Path, chance: random.Random
) -> None:
    """Elasticsearch has written the events, and its answer breaks off, again and again."""
    deployment.extra["AUDITLOG_BACKOFF_SECONDS"] = "1"
    with proxied(fleet.search.url) as proxy, Crew(deployment, tmp_path) as crew:
        deployment.servers = Servers(fleet.broker.address, proxy.url)
        proxy.cut_answers(b"/_bulk", (chance.random() for _ in range(CUTS)))
        with Flow(deployment) as flow:
            flow.burst(BACKLOG)
            flow.start()
            crew.join()
            wait_until(lambda: proxy.answers_cut == CUTS, what="all cuts are made")
        crew.settle()
        deployment.servers = fleet.servers
    assert_flow_settled(deployment, flow)
    assert conflicts(deployment) > flow.repeated


def test_slow_network(fleet: Fleet, deployment: Deployment, tmp_path: Path) -> None:
    """At 200 ms and 1 MB/s all takes longer, and nothing else changes."""
    network = Network(round_trip_seconds=0.2, bytes_per_second=1_000_000)
    with proxied(fleet.search.url, network) as proxy, Crew(deployment, tmp_path) as crew:
        deployment.servers = Servers(fleet.broker.address, proxy.url)
        with Flow(deployment, per_second=RATE // 2) as flow:
            flow.burst(BACKLOG)
            flow.start()
            crew.join()
            crew.wait_for_work()
        crew.settle()
        deployment.servers = fleet.servers
    assert_flow_settled(deployment, flow)


def test_alert_runner_without_a_broker_waits_and_passes_nothing_over(
    fleet: Fleet, deployment: Deployment, log: Path, tmp_path: Path
) -> None:
    """It says so once; what was published before and is settled after fires then, and nothing twice."""
    output = tmp_path / "runner"
    with running(deployment) as run:
        deployment.extra |= {
            "AUDITLOG_ALERTS_INDEX": run.index,
            "AUDITLOG_ALERT_MARGIN_SECONDS": "0",
            "AUDITLOG_ALERT_ATTEMPT_SECONDS": "1",
        }
        deployment.publish_raw(*guesses("203.0.113.1"))
        with deployment.consuming(log=log) as consumer:
            settle(deployment, log, consumer)
        words = ("alerts", "run", "--every", "0.2s", "--since", "-5m")
        process = start_auditlog(*words, output=output, **deployment.environment)
        wait_until(lambda: told_of(deployment) == ["203.0.113.1"], what="the first attack is told")
        deployment.publish_raw(*guesses("203.0.113.2"))
        fleet.broker.kill()
        wait_until(lambda: b'"why": "Kafka: ' in output.read_bytes(), what="it waits")
        fleet.broker.start()
        wait_until(lambda: b'"event": "resumed"' in output.read_bytes(), what="it goes on")
        assert told_of(deployment) == ["203.0.113.1"]  # the second is not settled
        with deployment.consuming(log=log) as consumer:
            settle(deployment, log, consumer)
        wait_until(lambda: len(told_of(deployment)) > 1, what="the second attack is told")
        process.terminate()
        assert process.wait(120) == 0, output.read_text()
        brute = [alert for alert in run.alerts() if alert["rule"]["name"] == "brute-force"]
    assert [alert["source"]["ip"] for alert in brute] == ["203.0.113.1", "203.0.113.2"]
    assert sorted(told_of(deployment)) == ["203.0.113.1", "203.0.113.2"]
    assert output.read_text().count('"event": "waiting"') == 1


def guesses(ip: str) -> list[bytes]:
    """Return a brute force of just now."""
    return [encode(new_event("login-failed", user="root", ip=ip)) for _ in range(8)]


def told_of(deployment: Deployment) -> list[str]:
    """Return the address of each brute force that the topic was told of."""
    found = [
        json.loads(record.value or b"") for record in deployment.records(f"{deployment.name}.alerts")
    ]
    return [alert["source"]["ip"] for alert in found if alert["rule"]["name"] == "brute-force"]
