"""The Kafka client of `AuditProducer`: it says why an event was not delivered, and what to do."""

from collections.abc import Callable
from functools import partial

from audit_runtime.kafka import KafkaProducer
from confluent_kafka import KafkaError, Message

from audit_producer.settings import ProducerSettings

__all__ = ["Client", "no_topic"]


def no_topic(topic: str, error: KafkaError) -> str:
    """Say why a topic can't be published to, and what to do."""
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return _forbidden(topic)
    return f"Topic {topic} can't be published to ({error.str()}). Create it with: auditlog setup"


class Client(KafkaProducer):
    """Reports what is not delivered, and nothing else, and says why in words."""

    def __init__(
        self, settings: ProducerSettings, on_failure: Callable[["Client", KafkaError, Message], None]
    ) -> None:
        self._topic = settings.topic
        self._is_purged = False
        reports = {"delivery.report.only.error": True, "on_delivery": partial(on_failure, self)}
        super().__init__(settings, settings.producer_config() | reports)

    def give_up(self) -> None:
        """Answer what is queued, as not delivered."""
        self._is_purged = True
        self.purge()
        self.flush(1)

    def why(self, error: KafkaError) -> str:
        """Say why an event was not delivered, and what to do where that is known."""
        code = (self.fatal_error or error).code()
        if code in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED):
            return _forbidden(self._topic)
        if self.fatal_error is not None:
            return f"Kafka's client gave up: {self.fatal_error.str()}"
        if code == KafkaError._PURGE_QUEUE:  # noqa: SLF001 - librdkafka's public code
            if self._is_purged:
                return "the producer closed before Kafka took the event"
            # librdkafka purges at a fatal error, and may tell of that before it tells the error.
            return f"Kafka's client gave up. {_forbidden(self._topic, sure=False)}"
        return f"Kafka did not take the event: {error.str()}"


def _forbidden(topic: str, *, sure: bool = True) -> str:
    does_not = "does not" if sure else "may not"
    return (
        f"Kafka {does_not} let this user write to topic {topic}. Let it by: auditlog setup --acls, or "
        "set AUDITLOG_KAFKA_USERNAME to another"
    )
