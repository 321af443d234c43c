"""A Kafka that is busy, or away, and the runner that asks it how far the log is complete."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from audit_alerts.runner import kafka_source
from audit_alerts.runner.changes import EpisodeTarget
from audit_alerts.runner.dead_letter_step import DeadLetterStep
from audit_alerts.runner.kafka_source import KafkaSource
from audit_alerts.runner.settings import RunnerSettings
from audit_alerts.times import as_time, millis_now
from audit_producer.build import new_event
from audit_schemas import encode, format_timestamp
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from support.alert_runner import START, millis, running, shipped
from support.consumers import settle
from support.servers import Deployment

BEGIN = format_timestamp(START)


class BusyConsumer:
    """Answers each question with what a broker says that has just started, and then rightly."""

    def __init__(self, _: dict[str, Any]) -> None:
        self.said: set[str] = set()

    def _busy(self, question: str, code: int) -> None:
        if question not in self.said:
            self.said.add(question)
            raise KafkaException(KafkaError(code))

    def list_topics(self, topic: str, **_: Any) -> Any:
        """Name one partition."""
        self._busy("topics", KafkaError.LEADER_NOT_AVAILABLE)
        described = type("Topic", (), {"error": None, "partitions": {0: None}})
        return type("Metadata", (), {"topics": {topic: described}})

    def committed(self, points: list[TopicPartition], **_: Any) -> list[TopicPartition]:
        """Say that all is settled."""
        self._busy("load", KafkaError.COORDINATOR_LOAD_IN_PROGRESS)
        self._busy("coordinator", KafkaError.NOT_COORDINATOR)
        return [TopicPartition(point.topic, point.partition, 7) for point in points]

    def get_watermark_offsets(self, *_: Any, **__: Any) -> tuple[int, int]:
        """Say that nothing more is there."""
        self._busy("ends", KafkaError.LEADER_NOT_AVAILABLE)
        return 0, 7


def test_broker_that_has_just_started_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run --once beside it does not fail for a coordinator that is still loading."""
    monkeypatch.setattr(kafka_source, "Consumer", BusyConsumer)
    now = millis_now()
    found = KafkaSource(RunnerSettings(alert_margin_seconds=0), clock=lambda: now).ingest_watermark()
    assert found == now


class Letters(BusyConsumer):
    """Has one dead letter for each time of receipt that is claimed."""

    claimed = (b"9999-12-31T23:59:59Z", b"0001-01-01T00:00:00Z", b"2026-11-20T08:00:00Z")

    def get_watermark_offsets(self, *_: Any, **__: Any) -> tuple[int, int]:
        """Say how many there are."""
        return 0, len(self.claimed)

    def offsets_for_times(self, points: list[TopicPartition], **_: Any) -> list[TopicPartition]:
        """Say that all are late enough."""
        return [TopicPartition(point.topic, point.partition, 0) for point in points]

    def assign(self, _: list[TopicPartition]) -> None:
        """Begin."""

    unassign = close = lambda _: None

    def consume(self, *_: Any, **__: Any) -> list[Any]:
        """Return all, and the end."""
        end = KafkaError(KafkaError._PARTITION_EOF)  # noqa: SLF001 - its only name
        return [*map(letter, self.claimed), letter(b"", end)]


def letter(received: bytes, error: KafkaError | None = None) -> Any:
    """Return a dead letter that Kafka took at the tests' beginning."""
    headers = [
        ("audit.errors.reason", b"id-conflict"),
        ("__connect.errors.topic", b"t"),
        ("audit.errors.received", received),
    ]
    said = {"error": error, "headers": headers, "timestamp": (2, millis(START)), "offset": 0}
    return type("Letter", (), {name: lambda _, value=value: value for name, value in said.items()})()


def test_dead_letter_of_a_time_that_no_record_has_ends_no_runner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An alert is looked for a day before and after it, where there may be no year any more."""
    monkeypatch.setattr(kafka_source, "Consumer", Letters)
    read = list(KafkaSource(RunnerSettings()).dead_letters(0, millis_now()))
    assert {each["audit.errors.received"] for each in read} == {"2026-11-20T08:00:00Z", BEGIN}
    (rule,) = shipped("id-conflict")
    step = DeadLetterStep(lambda *_: iter(read), rule, 0, millis_now())
    ((span,),) = step.spans().values()
    assert as_time(span.last + rule.alert_span) > START > as_time(span.first - rule.alert_span)


@pytest.mark.servers
def test_what_repair_writes_is_looked_at(deployment: Deployment, log: Path) -> None:
    """It comes after the rules have covered its time, and is new to them all the same."""
    begin = datetime.now(UTC) - timedelta(hours=1)
    attack = [
        new_event("login-failed", user="root", ip="203.0.113.9", at=begin + timedelta(seconds=n))
        for n in range(8)
    ]
    with running(deployment) as run, deployment.client() as client:
        deployment.publish_raw(*map(encode, attack))
        with deployment.consuming(log=log) as consumer:
            settle(deployment, log, consumer)
        for index in client.indices.get(index=f"{deployment.name}-*"):
            client.indices.delete(index=index)
        run.once(since=datetime.now(UTC) - timedelta(hours=2))
        assert not run.alerts()
        deployment.run("verify", "--repair")
        run.once()
        found = [alert for alert in run.alerts() if alert["rule"]["name"] == "brute-force"]
    assert [alert["source"]["ip"] for alert in found] == ["203.0.113.9"]


@pytest.mark.servers
def test_dead_letter_that_nobody_can_read_counts_and_ends_no_rule(deployment: Deployment) -> None:
    """Its time and its offset are nonsense: what Kafka says of the letter itself stands in for them."""
    before, topic = millis_now() - 1, f"{deployment.name}.dead-letter"
    conflict: list[Any] = [("audit.errors.reason", b"id-conflict"), ("__connect.errors.topic", b"t")]
    producer = Producer({"bootstrap.servers": deployment.servers.kafka})
    made: tuple[list[Any], ...] = (
        [*conflict, ("audit.errors.received", b"x"), ("__connect.errors.offset", b"9" * 5000)],
        [*conflict, ("audit.errors.received", b"9999-12-31T23:59:59-14:00")],
        [*conflict, ("__connect.errors.partition", b"\xff"), ("audit.errors.path", b"a" * 40_000)],
        [("audit.errors.received", b"x")],
    )
    for headers in made:
        producer.produce(topic, b"", headers=headers)
    assert producer.flush(30) == 0
    settings = RunnerSettings(kafka_bootstrap_servers=deployment.servers.kafka, dead_letter_topic=topic)
    kafka = KafkaSource(settings)
    upto = millis_now() + 1
    (rule,) = shipped("id-conflict")
    step = DeadLetterStep(kafka.dead_letters, rule, before, upto)
    episodes = [EpisodeTarget(group, span) for group, some in step.spans().items() for span in some]
    (evidence,) = step.evidence(episodes)
    assert evidence.count == 3
    read = list(kafka.dead_letters(before, upto))
    kafka.close()
    assert max(len(value) for letter in read for value in letter.values()) == 1000
