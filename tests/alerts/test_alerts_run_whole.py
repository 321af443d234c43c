"""The command, with the real Kafka's watermark; runners that are killed, and several at once."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from audit_alerts.runner.alert_store import AlertStore
from audit_alerts.runner.kafka_source import KafkaSource, NoOffsetsError
from audit_alerts.times import millis_now
from audit_local.ports import free_port
from audit_producer.build import new_event
from audit_schemas import encode
from support.alert_runner import FakeSource, Running, at, failures, running, shipped, summaries
from support.command import clean_environment
from support.conditions import wait_until
from support.consumers import settle
from support.metrics_endpoint import get, samples
from support.proxy import proxied
from support.servers import Deployment
from support.stored_events import store

pytestmark = pytest.mark.servers


@pytest.fixture
def run(deployment: Deployment) -> Iterator[Running]:
    """Give what runs rules."""
    with running(deployment) as found:
        deployment.extra["AUDITLOG_ALERTS_INDEX"] = found.index
        yield found


def attack(ip: str, ago: timedelta) -> list[bytes]:
    """Return a brute force that began so long ago."""
    begin = datetime.now(UTC) - ago
    return [
        encode(new_event("login-failed", user="root", ip=ip, at=begin + timedelta(seconds=n)))
        for n in range(8)
    ]


def test_consumer_held_back_for_hours_makes_the_same_alerts(
    deployment: Deployment, run: Running, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing fires, and nothing is passed over, while records wait; then all fires, once."""
    # With the margin, a fast machine would begin before what was settled two seconds ago.
    deployment.extra["AUDITLOG_ALERT_MARGIN_SECONDS"] = "0"
    deployment.publish_raw(*attack("203.0.113.1", timedelta(hours=3)), key=b"a")
    with deployment.consuming(log=log) as consumer:
        settle(deployment, log, consumer)
    run.once()
    assert not run.alerts()  # rules begin now
    deployment.publish_raw(*attack("203.0.113.2", timedelta(hours=2)), key=b"a")
    deployment.publish_raw(*attack("203.0.113.3", timedelta(minutes=1)), key=b"b")
    before = millis_now()
    kafka = KafkaSource(run.settings())
    assert kafka.ingest_watermark() <= before
    held = kafka.ingest_watermark()
    assert kafka.ingest_watermark() == held
    run.once()
    assert not run.alerts()
    with deployment.consuming(log=log) as consumer:
        settle(deployment, log, consumer)
    assert kafka.ingest_watermark() > before
    kafka.close()
    done = deployment.run("alerts", "run", "--once")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    found = {alert["source"]["ip"] for alert in run.alerts()}
    assert found == {"203.0.113.2", "203.0.113.3"}
    told = [one for one in run.alerts() if one["audit"]["alert"]["status"] == "open"]
    ids = {alert["event"]["id"] for alert in told}  # what these include is told to nobody
    assert {line["event"]["id"] for line in lines} == ids
    assert '"event": "covered"' in done.stderr
    capsys.readouterr()
    run.once()
    assert capsys.readouterr().out == ""
    topic = deployment.records(f"{deployment.name}.alerts")
    assert sorted(json.loads(r.value or b"")["event"]["id"] for r in topic) == sorted(ids)


def test_group_that_settled_nothing_is_said_in_a_sentence(deployment: Deployment, run: Running) -> None:
    """Nobody knows how far the log is complete then."""
    done = deployment.run("alerts", "run", "--once", check=False)
    assert done.returncode == 1
    assert f"{deployment.name}-indexer has settled nothing" in done.stderr
    assert "Traceback" not in done.stderr
    kafka = KafkaSource(run.settings())
    with pytest.raises(NoOffsetsError):
        kafka.ingest_watermark()
    kafka.close()
    assert not run.client.indices.exists(index=run.index) or not run.alerts()


class Killed(BaseException):
    """The process is no more."""


def test_runner_that_is_killed_in_the_middle_doubles_and_loses_nothing(
    deployment: Deployment, run: Running
) -> None:
    """After it had claimed its step, with more come since; the next does that very step first."""
    source = FakeSource()

    def die() -> None:
        raise Killed

    store(deployment, *failures(range(6)), ingested=at(10), first=0)
    with pytest.raises(Killed):
        run.step(run.runner(shipped("brute-force"), source, after_claim=die), source, at(20))
    assert not run.alerts()
    store(deployment, *failures(range(6, 9)), ingested=at(30), first=6)
    run.step(run.runner(shipped("brute-force"), source), source, at(40))
    (alert,) = run.alerts()
    assert alert["audit"]["alert"]["count"] == 9
    assert alert["audit"]["alert"]["revision"] == 2  # first as the killed one would have, then more


def test_runner_that_is_killed_after_its_alerts_fires_nothing_twice(
    deployment: Deployment, run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its alerts are stored, its source is not."""
    source = FakeSource()
    runner = run.runner(shipped("brute-force"), source)
    store(deployment, *failures(range(6)), ingested=at(10), first=0)
    record = AlertStore.record

    def die(*given: Any) -> None:
        record(*given)
        raise Killed

    monkeypatch.setattr(AlertStore, "record", die)
    with pytest.raises(Killed):
        run.step(runner, source, at(20))
    monkeypatch.undo()
    before = run.alerts()
    assert len(before) == 1
    run.step(run.runner(shipped("brute-force"), source), source, at(20))
    assert run.alerts() == before


def test_two_runners_at_once_fire_each_alert_once(deployment: Deployment, run: Running) -> None:
    """They race for every step, over an hour, with a source of their own each."""
    bounds = FakeSource(), FakeSource()
    rules = shipped("brute-force", "brute-force-unknown-address", "success-after-failures")
    runners = [run.runner(rules, source) for source in bounds]
    for number in range(6):
        events = [
            event
            for n in range(5)
            for event in failures([600 * number + 60 * n + s for s in range(5)], f"203.0.113.{n}")
        ]
        store(deployment, *events, ingested=at(600 * number + 400), first=100 * number)
        threads = [
            threading.Thread(target=run.step, args=(runner, source, at(600 * number + 410 + 5 * which)))
            for which, (runner, source) in enumerate(zip(runners, bounds, strict=True))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    alone = f"{run.index}-alone"
    run.step(run.runner(rules, bounds[0], index=alone), bounds[0], at(9000))
    run.step(runners[0], bounds[0], at(9000))
    assert summaries(run.alerts()) == summaries(run.alerts(alone))


def test_runner_killed_again_and_again_tells_each_alert(
    deployment: Deployment, run: Running, log: Path, tmp_path: Path
) -> None:
    """Kill -9 of the real command while attacks go on: in the end each has one alert, and was told."""
    deployment.extra["AUDITLOG_ALERT_MARGIN_SECONDS"] = "0"
    deployment.extra["AUDITLOG_ALERT_ATTEMPT_SECONDS"] = "1"
    command = [sys.executable, "-m", "audit_cli", "alerts", "run", "--every", "0.2s", "--since", "-1h"]
    output = tmp_path / "runner"
    with deployment.consuming(log=log) as consumer:
        for number in range(3):
            deployment.publish_raw(*attack(f"203.0.113.{number}", timedelta(minutes=2)))
            settle(deployment, log, consumer)
            with output.open("ab") as file:
                process = subprocess.Popen(
                    command, env=clean_environment() | deployment.environment, stdout=file, stderr=file
                )
            if number < 2:
                wait_until(lambda: b'"event": "running"' in output.read_bytes(), what="it runs")
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                continue
            wait_until(lambda: len(sources(deployment)) == 3, what="all were told")
            process.terminate()
            assert process.wait(30) == 0, output.read_text()
    assert sorted(alert["source"]["ip"] for alert in run.alerts() if is_brute(alert)) == [
        f"203.0.113.{number}" for number in range(3)
    ]


def is_brute(alert: dict[str, dict[str, str]]) -> bool:
    """Tell whether it is of the rule that every attack here fires."""
    return alert["rule"]["name"] == "brute-force"


def sources(deployment: Deployment) -> set[str]:
    """Return the addresses that the topic was told of."""
    found = [
        json.loads(record.value or b"") for record in deployment.records(f"{deployment.name}.alerts")
    ]
    return {alert["source"]["ip"] for alert in found if is_brute(alert)}


def test_runner_waits_for_an_elasticsearch_that_is_away(
    deployment: Deployment, run: Running, tmp_path: Path
) -> None:
    """It says so once, in a sentence, is alive and not ready meanwhile, and ends when it is told to."""
    port = free_port()
    with proxied(deployment.servers.elasticsearch) as proxy:
        proxy.cut()
        environment = deployment.environment | {
            "AUDITLOG_ELASTICSEARCH_URL": proxy.url,
            "AUDITLOG_METRICS_PORT": str(port),
        }
        output = tmp_path / "runner"
        with output.open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "audit_cli", "alerts", "run", "--every", "0.2s"],
                env=clean_environment() | environment,
                stdout=file,
                stderr=file,
            )
        wait_until(lambda: b'"event": "waiting"' in output.read_bytes(), what="it waits")
        failures = "auditlog_alerts_round_failures_total"
        wait_until(lambda: samples(port)[failures] >= 3, what="it tries again and again")
        status, problem = get(port, "/readyz")
        assert status == 503
        assert problem.startswith("Elasticsearch: ")
        assert get(port, "/healthz") == (200, "ok\n")
        assert samples(port)["auditlog_alerts_blocked"] == 1
        proxy.restore()
        wait_until(lambda: run.client.indices.exists(index=run.index), what="it goes on")
        process.terminate()
        assert process.wait(30) == 0, output.read_text()
    assert "Traceback" not in output.read_text()
    assert output.read_text().count('"why": "Elasticsearch: ') == 1
