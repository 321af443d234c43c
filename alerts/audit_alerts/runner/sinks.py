"""Where alerts go besides their index: standard output, a topic, a webhook. Each tries once."""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol, TextIO
from urllib.parse import urlsplit

from audit_runtime import CredentialsError, signed_headers
from audit_runtime.http_client import HttpClient, NoAnswerError
from audit_runtime.kafka import KafkaProducer
from audit_schemas import shown_alert
from confluent_kafka import KafkaException

from audit_alerts.runner.settings import RunnerSettings

__all__ = [
    "NotDeliveredError",
    "OutputSink",
    "Sink",
    "TopicSink",
    "WebhookSink",
    "body_of",
    "sinks_of",
]


class NotDeliveredError(Exception):
    """A sink did not take an alert. `alert_specific`: others may fare better."""

    def __init__(self, reason: str, *, alert_specific: bool = False) -> None:
        super().__init__(reason)
        self.alert_specific = alert_specific


class Sink(Protocol):
    """Takes an alert or raises NotDeliveredError."""

    name: str

    def send(self, alert: Mapping[str, Any]) -> None:
        """Deliver an alert; it has been taken when this returns."""
        ...

    def close(self) -> None:
        """Give back what is open."""
        ...


def body_of(alert: Mapping[str, Any]) -> bytes:
    """Return an alert as sinks get it."""
    return json.dumps(shown_alert(alert), ensure_ascii=True, separators=(",", ":")).encode()


def sinks_of(settings: RunnerSettings) -> list[Sink]:
    """Return the sinks that the settings name. Raises CredentialsError for a webhook without TLS."""
    if settings.webhook_url is not None:
        settings.secret()  # better now than with the first alert
        parts = urlsplit(settings.webhook_url)
        if parts.scheme == "http":
            fix = "Set AUDITLOG_WEBHOOK_URL to https"
            settings.require_tls("The webhook", f"http://{parts.netloc}", fix, carried="alerts")
    found: list[Sink] = [OutputSink(), TopicSink(settings)]
    if settings.webhook_url is not None:
        found.append(WebhookSink(settings, settings.webhook_url))
    return found


class OutputSink:
    """Standard output, a line of JSON an alert."""

    name = "output"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def send(self, alert: Mapping[str, Any]) -> None:
        """Write the line."""
        stream = self._stream or sys.stdout
        try:
            stream.write(body_of(alert).decode() + "\n")
            stream.flush()
        except OSError as error:
            raise NotDeliveredError(f"standard output: {error.strerror}") from error

    def close(self) -> None:
        """Do nothing: it is not ours."""


class TopicSink:
    """The topic of alerts; one alert's revisions are in one partition, in order."""

    name = "topic"

    def __init__(self, settings: RunnerSettings) -> None:
        self._topic = settings.alerts_topic
        self._seconds = settings.alert_attempt_seconds
        self._settings = settings
        self._producer = self._connect()

    def send(self, alert: Mapping[str, Any]) -> None:
        """Publish, and wait until it is acknowledged. After a fatal error, by a new client."""
        if self._producer.fatal_error is not None:
            self._producer = self._connect()
        outcome: list[str | None] = []
        try:
            self._producer.produce(
                self._topic,
                body_of(alert),
                key=alert["event"]["id"],
                on_delivery=lambda error, _: outcome.append(error.str() if error else None),
            )
        except (KafkaException, BufferError) as error:
            raise NotDeliveredError(f"topic {self._topic}: {error}") from error
        deadline = time.monotonic() + self._seconds + 5
        while not outcome and time.monotonic() < deadline:
            self._producer.poll(0.1)
        if (fatal := self._producer.fatal_error) is not None:
            raise NotDeliveredError(f"topic {self._topic}: {fatal.str()}")
        if not outcome or outcome[0] is not None:
            raise NotDeliveredError(f"topic {self._topic}: {outcome[0] if outcome else 'no answer'}")

    def close(self) -> None:
        """Forget what was not acknowledged; it is still in the outbox."""
        self._producer.purge()
        self._producer.flush(1)

    def _connect(self) -> KafkaProducer:
        timeout = round(self._seconds * 1000)
        return KafkaProducer(self._settings, {"linger.ms": 0, "message.timeout.ms": timeout})


class WebhookSink:
    """An address that alerts are posted to, signed. It follows no redirect, to wherever."""

    name = "webhook"

    def __init__(self, settings: RunnerSettings, url: str) -> None:
        self._settings = settings
        self._post = HttpClient(url, settings.alert_attempt_seconds)

    def send(self, alert: Mapping[str, Any]) -> None:
        """Post the alert; any 2xx response means that it was delivered."""
        body = body_of(alert)
        try:
            answer = self._post.send(body, self._headers(alert, body))
        except NoAnswerError as error:
            raise NotDeliveredError(f"the webhook does not answer ({error})") from error
        except CredentialsError as error:
            raise NotDeliveredError(str(error)) from error
        if not answer.is_success:
            raise NotDeliveredError(
                f"the webhook answers {answer.status}", alert_specific=answer.refuses_contents
            )

    def close(self) -> None:
        """Do nothing: each post has a connection of its own."""

    def _headers(self, alert: Mapping[str, Any], body: bytes) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": "auditlog",
            "X-Auditlog-Alert": alert["event"]["id"],
            "X-Auditlog-Revision": str(alert["audit"]["alert"]["revision"]),
            **signed_headers(body, self._settings.secret()),
        }
