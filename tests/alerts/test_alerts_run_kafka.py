"""A Kafka that is busy, or away, and the runner that asks it how far the log is complete."""

from typing import Any

import pytest
from audit_alerts.runner import bound
from audit_alerts.runner.bound import KafkaLog, millis_now
from audit_alerts.runner.settings import RunnerSettings
from confluent_kafka import KafkaError, KafkaException, TopicPartition


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
    monkeypatch.setattr(bound, "Consumer", BusyConsumer)
    now = millis_now()
    found = KafkaLog(RunnerSettings(alert_margin_seconds=0), clock=lambda: now).bound()
    assert found == now
