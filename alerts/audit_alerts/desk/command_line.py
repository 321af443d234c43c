"""What the commands of the desk share: a desk whose steps are published, times, and who acts."""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from audit_producer import AuditProducer, ProducerSettings
from audit_query import parse_time, zone
from pydantic_settings import BaseSettings, SettingsConfigDict

from audit_alerts.desk.desk import AlertDesk
from audit_alerts.desk.self_audit import Actor, Publish
from audit_alerts.settings import AlertSettings

__all__ = ["acting", "moment", "opened_desk"]

_KAFKA = "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS"
_SECONDS = 5.0


class _Settings(BaseSettings, ProducerSettings):
    """The producer's, such that a command ends soon where Kafka is away."""

    model_config = SettingsConfigDict(env_prefix="AUDITLOG_", extra="ignore")

    block_seconds: float = _SECONDS
    close_seconds: float = _SECONDS
    service: str | None = "audit-log"


@contextmanager
def opened_desk(*, triages: bool = False) -> Iterator[tuple[AlertDesk, AlertSettings]]:
    """Give a desk; one that triages publishes each step, and knows whether it was acknowledged."""
    settings = AlertSettings()
    with ExitStack() as open_now:
        publish = open_now.enter_context(_publishing()) if triages else None
        yield open_now.enter_context(AlertDesk(settings, publish=publish)), settings


def acting(who: str | None) -> Actor:
    """Return who acts: the account that runs the command, unless it says otherwise."""
    if who:
        return Actor(who)
    try:
        return Actor(getpass.getuser())
    except (KeyError, OSError):
        return Actor(f"uid-{os.getuid()}")


def moment(text: str | None, settings: AlertSettings) -> datetime | None:
    """Return a time as people give it, in the settings' zone. Raises TimeRangeError."""
    if text is None:
        return None
    return parse_time(text, datetime.now(UTC).astimezone(zone(settings.time_zone)))


@contextmanager
def _publishing() -> Iterator[Publish | None]:
    """Give what publishes and waits until Kafka has taken it; None where no Kafka is named."""
    if _KAFKA not in os.environ:
        yield None
        return
    with AuditProducer(_Settings(), raises=False) as producer:
        yield _acknowledged(producer)


def _acknowledged(producer: AuditProducer) -> Callable[..., object]:
    def publish(action: str, **fields: object) -> bool:
        return producer.record(action, **fields) and producer.flush() == 0  # type: ignore[arg-type]

    return publish
