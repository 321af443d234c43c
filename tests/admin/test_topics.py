"""The creation of topics, beside another process that does the same."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from audit_admin import SetupSettings
from audit_admin.topics import Topics, topic_plans
from audit_consumer import SetupFaultError
from confluent_kafka import KafkaError, KafkaException


class Cluster:
    """A cluster that shows no topics, and refuses to create one for a reason."""

    def __init__(self, code: int, config: dict[str, str]) -> None:
        self.code = code
        self.held = config
        self.changed: list[Any] = []

    def list_topics(self, **_: object) -> Any:
        """Return what another process has not created yet."""
        return SimpleNamespace(brokers={1: None}, topics={})

    def create_topics(self, topics: list[Any]) -> dict[str, Future[None]]:
        """Refuse."""
        refused: Future[None] = Future()
        refused.set_exception(KafkaException(KafkaError(self.code)))
        return {topic.topic: refused for topic in topics}

    def describe_configs(self, resources: list[Any]) -> dict[Any, Future[Any]]:
        """Return the configuration that the topic has by now."""
        done: Future[Any] = Future()
        done.set_result({key: SimpleNamespace(value=value) for key, value in self.held.items()})
        return dict.fromkeys(resources, done)

    def incremental_alter_configs(self, resources: list[Any]) -> dict[Any, Future[Any]]:
        """Note the change."""
        self.changed += resources
        done: Future[Any] = Future()
        done.set_result({})
        return dict.fromkeys(resources, done)


def ensured(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ensure the topic of events; return what changed."""
    monkeypatch.setattr("audit_admin.topics.AdminClient", lambda _: cluster)
    settings = SetupSettings()
    return list(Topics(settings).ensure(topic_plans(settings)[0]))


def test_topic_that_another_process_creates_at_the_same_moment_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its configuration is looked at as that of any topic that is there."""
    plan = topic_plans(SetupSettings())[0]
    exists = KafkaError.TOPIC_ALREADY_EXISTS
    assert ensured(Cluster(exists, dict(plan.required)), monkeypatch) == []
    wrong = Cluster(exists, {**plan.required, "cleanup.policy": "compact"})
    assert ensured(wrong, monkeypatch) == [f"set cleanup.policy=delete on topic {plan.name}"]
    assert len(wrong.changed) == 1
    with pytest.raises(SetupFaultError, match="Kafka refuses to create topic"):
        ensured(Cluster(KafkaError.TOPIC_AUTHORIZATION_FAILED, {}), monkeypatch)
