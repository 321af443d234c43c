"""Kafka's client, as the producer needs it: its own end is an answer to each event, not an error."""

import time

from confluent_kafka import KafkaError, KafkaException, Producer

from audit_producer.settings import ProducerSettings

__all__ = ["Client", "no_topic"]

_POLL_SECONDS = 0.1


def no_topic(topic: str, error: KafkaError) -> str:
    """Say why a topic can't be published to, and what to do."""
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return _forbidden(topic)
    return f"Topic {topic} can't be published to ({error.str()}). Create it with: auditlog setup"


class Client(Producer):
    """Takes a password that was changed in its file; serves reports also after a fatal error.

    Raises KafkaException where it can't be set up, SchemaError or OSError for its credentials.
    """

    def __init__(self, settings: ProducerSettings) -> None:
        self._settings = settings
        self.refusal: KafkaError | None = None
        """Why it will never publish again."""
        self._is_purged = False
        self._is_refused = False
        super().__init__(settings.producer_config(), error_cb=self._on_trouble)

    def poll(self, timeout: float = -1) -> int:
        """Serve delivery reports for so long."""
        try:
            served = super().poll(timeout)
        except KafkaException as error:
            return self._end(error)
        if self._is_refused:
            self._is_refused = False
            self._settings.renew_login(self)
        return served

    def flush(self, timeout: float = -1) -> int:
        """Wait for acknowledgements; return how many are still missing.

        By polling: the client's own flush goes on to call us after a fatal error was raised, with that
        error still set, so that what we lock then stays locked.
        """
        deadline = None if timeout < 0 else time.monotonic() + timeout
        while (left := len(self)) and (deadline is None or time.monotonic() < deadline):
            self.poll(_POLL_SECONDS)
        return left

    def give_up(self) -> None:
        """Answer what is queued, as not delivered."""
        self._is_purged = True
        self.purge()
        self.flush(1)

    def why(self, error: KafkaError) -> str:
        """Say why an event was not delivered, and what to do where that is known."""
        code = (self.refusal or error).code()
        if code in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED):
            return _forbidden(self._settings.topic)
        if self.refusal is not None:
            return f"Kafka's client gave up: {self.refusal.str()}"
        if code == KafkaError._PURGE_QUEUE:  # noqa: SLF001 - librdkafka's public code
            if self._is_purged:
                return "the producer closed before Kafka took the event"
            # librdkafka purges at a fatal error, and may tell of that before it tells the error.
            return f"Kafka's client gave up. {_forbidden(self._settings.topic, sure=False)}"
        return f"Kafka did not take the event: {error.str()}"

    def _end(self, error: KafkaException) -> int:
        """Answer what is queued: librdkafka never will."""
        self.refusal = error.args[0]
        self.purge()
        return self.flush(1)

    def _on_trouble(self, error: KafkaError) -> None:
        if error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001 - librdkafka's public code
            self._is_refused = True


def _forbidden(topic: str, *, sure: bool = True) -> str:
    does_not = "does not" if sure else "may not"
    return (
        f"Kafka {does_not} let this user write to topic {topic}. Let it by: auditlog setup --acls, or "
        "set AUDITLOG_KAFKA_USERNAME to another"
    )
