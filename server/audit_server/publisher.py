"""The producer that the log's own use is published with, where Kafka is named."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from audit_producer import AuditProducer, Failure, ProducerSettings
from pydantic_settings import BaseSettings, SettingsConfigDict

from audit_server.settings import ServeSettings

__all__ = ["publishing"]

_log = structlog.get_logger()
_KAFKA = "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS"


class _Settings(BaseSettings, ProducerSettings):
    """The producer's, such that nobody ever waits for Kafka."""

    model_config = SettingsConfigDict(env_prefix="AUDITLOG_", extra="ignore")

    block_seconds: float = 0.0
    close_seconds: float = 3.0
    service: str | None = "audit-log"


@contextmanager
def publishing(settings: ServeSettings) -> Iterator[Callable[..., object] | None]:
    """Give `AuditProducer.record`; None where no Kafka is named, or the setting says so."""
    if not settings.serve_self_audit or _KAFKA not in os.environ:
        yield None
        return
    with AuditProducer(_Settings(), raises=False, on_failure=_tell) as producer:
        yield producer.record


def _tell(failure: Failure) -> None:
    _log.warning("self-audit not published", why=str(failure.error)[:300])
