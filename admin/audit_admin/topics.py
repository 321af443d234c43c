"""The topics that the log needs, and their configuration."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from audit_consumer import SetupFaultError
from audit_schemas import MAX_EVENT_BYTES
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from audit_admin.settings import SetupSettings

__all__ = ["TopicPlan", "Topics", "topic_plans"]

_SECONDS = 8.0
_DAY = 24 * 60 * 60 * 1000
_RECORD_OVERHEAD = 64 * 1024
_MIB = 1024 * 1024
_EXISTS = KafkaError.TOPIC_ALREADY_EXISTS


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic as it should be. The log's guarantees depend on the `required` configuration."""

    name: str
    partitions: int
    required: Mapping[str, str]
    initial: Mapping[str, str]
    """Configuration of a new topic that an operator may change."""


def topic_plans(settings: SetupSettings) -> list[TopicPlan]:
    """Return the topics that the log needs."""
    largest = MAX_EVENT_BYTES + _RECORD_OVERHEAD
    stamped = {"message.timestamp.type": "LogAppendTime", "cleanup.policy": "delete"}
    return [
        TopicPlan(
            settings.topic,
            settings.partitions,
            stamped | {"max.message.bytes": str(largest)},
            {"retention.ms": str(settings.topic_retention_days * _DAY)},
        ),
        TopicPlan(
            settings.dead_letter_topic,
            1,
            # A dead letter has additional headers.
            stamped | {"max.message.bytes": str(largest + _MIB), "retention.ms": "-1"},
            {"retention.bytes": "-1"},
        ),
        TopicPlan(settings.alerts_topic, 1, {"cleanup.policy": "delete"}, {"retention.ms": "-1"}),
        TopicPlan(
            settings.seals_topic,
            1,  # so that checkpoints have an order
            {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"},
            {},
        ),
    ]


class Topics:
    """The cluster's topics. Every method raises SetupFaultError if Kafka refuses or does not answer."""

    def __init__(self, settings: SetupSettings) -> None:
        self._servers = settings.kafka_bootstrap_servers
        self._replication = settings.replication
        self._admin = AdminClient(settings.kafka_config())

    def brokers(self) -> int:
        """Return how many brokers there are."""
        return len(self._metadata().brokers)

    def partitions(self) -> dict[str, int]:
        """Return each topic's number of partitions."""
        return {name: len(topic.partitions) for name, topic in self._metadata().topics.items()}

    def config(self, name: str) -> dict[str, str]:
        """Return a topic's configuration."""
        resource = ConfigResource(ResourceType.TOPIC, name)
        entries = self._done(self._admin.describe_configs([resource])[resource], f"read {name}")
        return {key: entry.value or "" for key, entry in entries.items()}

    def ensure(self, plan: TopicPlan) -> Iterator[str]:
        """Create the topic, or correct its required configuration; yield what changed."""
        if plan.name not in self.partitions() and (created := self._create(plan)) is not None:
            yield created
            return
        found = self.config(plan.name)
        wrong = {key: value for key, value in plan.required.items() if found.get(key) != value}
        if wrong:
            self._alter(plan.name, wrong)
            yield f"set {', '.join(f'{k}={v}' for k, v in wrong.items())} on topic {plan.name}"

    def _create(self, plan: TopicPlan) -> str | None:
        """Create the topic; return None if another process has done so in the meantime."""
        brokers = self.brokers()
        replicas = self._replication or min(3, brokers)
        config = dict(plan.required | plan.initial)  # type: ignore[operator]
        config["min.insync.replicas"] = str(min(2, max(1, replicas - 1)))
        topic = NewTopic(
            plan.name, num_partitions=plan.partitions, replication_factor=replicas, config=config
        )
        created = self._admin.create_topics([topic])[plan.name]
        try:
            self._done(created, f"create topic {plan.name}")
        except SetupFaultError as fault:
            why = fault.__cause__
            if isinstance(why, KafkaException) and why.args[0].code() == _EXISTS:
                return None
            raise
        return f"created topic {plan.name} ({plan.partitions} partitions, {replicas} replicas)"

    def _alter(self, name: str, config: Mapping[str, str]) -> None:
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
            for key, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        self._done(self._admin.incremental_alter_configs([resource])[resource], f"change {name}")

    def _metadata(self) -> ClusterMetadata:
        try:
            return self._admin.list_topics(timeout=_SECONDS)
        except KafkaException as error:
            raise SetupFaultError(
                f"Kafka at {self._servers} does not answer ({error.args[0].str()}). Is it running? "
                "Set AUDITLOG_KAFKA_BOOTSTRAP_SERVERS, or start one with: auditlog local up"
            ) from error

    @staticmethod
    def _done(future: Future[dict[str, ConfigEntry]], what: str) -> dict[str, ConfigEntry]:
        try:
            return future.result(_SECONDS)
        except TimeoutError as error:
            raise SetupFaultError(f"Kafka took too long to {what}; run it again") from error
        except KafkaException as error:
            raise SetupFaultError(f"Kafka refuses to {what}: {error.args[0].str()}") from error
