"""Settings of the consumer."""

from pathlib import Path
from typing import Any, Literal

from audit_runtime import ElasticsearchSettings, EventSettings, KafkaSettings, LogSettings
from audit_runtime.monitor import MonitorSettings
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["ConsumerSettings"]


_FETCHED_BYTES = 256 * 1024
"""Compressed; some thousands of usual events. A broker returns the first batch whole all the same."""
_FULL_MILLISECONDS = 20
"""How long librdkafka waits before it fetches again where it holds enough. Its own choice, a second, is
longer than it takes to index what it holds: the consumer would wait for most of it."""
_LONGEST_HEARTBEAT = 3000
"""Milliseconds, librdkafka's own choice; shorter where a session is short."""


class ConsumerSettings(
    BaseSettings, KafkaSettings, ElasticsearchSettings, EventSettings, MonitorSettings, LogSettings
):
    """How the consumer reads, writes and waits."""

    model_config = SettingsConfigDict(env_prefix="AUDITLOG_", extra="ignore")

    group: str = Field("audit-indexer", min_length=1, description="Consumer group.")
    group_protocol: Literal["classic", "consumer"] = Field(
        "classic", description="Kafka's group protocol; consumer is the one of KIP-848."
    )
    session_seconds: int = Field(
        20,
        ge=6,
        le=1800,
        description="How long a dead consumer keeps its partitions (classic protocol).",
    )
    bulk_events: int | None = Field(
        None,
        ge=1,
        le=20_000,
        description="Documents per bulk request; unset adapts it while running.",
    )
    bulks: int | None = Field(
        None, ge=1, le=32, description="Bulk requests in flight; unset adapts it while running."
    )
    bulk_bytes: int = Field(
        8 * 1024 * 1024, ge=64 * 1024, description="Approximate maximum size of a bulk request's body."
    )
    memory_bytes: int = Field(
        64 * 1024 * 1024,
        ge=1024 * 1024,
        description="Bytes of records in memory that are not finished; above it, reading pauses.",
    )
    fetch_bytes: int = Field(
        8 * 1024 * 1024, ge=1024 * 1024, description="Bytes of records to prefetch from Kafka."
    )
    careful_reading: bool = Field(
        False,
        description="Unpack each batch of Kafka's as a stream, in bounded memory, which is slower. "
        "The consumer does so by itself from the first batch on that unpacks to too much.",
    )
    geo_files: str = Field(
        "",
        description="Databases in MaxMind's format (*.mmdb), by commas, that say where an address is "
        "and whose network it is in: country, city, ASN. Read again when they change.",
    )
    request_seconds: float = Field(60.0, gt=0, description="Timeout of a request to Elasticsearch.")
    backoff_seconds: float = Field(
        10.0, gt=0, description="Longest delay between two attempts; the first is a tenth of a second."
    )
    drain_seconds: float = Field(
        30.0,
        ge=0,
        description="How long a stop waits for records in memory; a running request may take longer.",
    )

    @property
    def geo_paths(self) -> tuple[Path, ...]:
        """The databases of addresses, one by one."""
        return tuple(Path(name) for part in self.geo_files.split(",") if (name := part.strip()))

    def consumer_config(self) -> dict[str, Any]:
        """Return librdkafka's configuration: no commit but ours, no silent reset of an offset."""
        config = self.kafka_config() | {
            "group.id": self.group,
            "group.protocol": self.group_protocol,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "queued.max.messages.kbytes": self.fetch_bytes // 1024,
            "fetch.queue.backoff.ms": _FULL_MILLISECONDS,
            # A fetch is unpacked at once: a thousandfold, if a publisher likes.
            "fetch.max.bytes": _FETCHED_BYTES,
            "fetch.message.max.bytes": _FETCHED_BYTES // 4,
            "message.max.bytes": _FETCHED_BYTES,  # may not be more than the first
            "max.poll.interval.ms": 300_000,
        }
        if self.group_protocol == "classic":
            config["partition.assignment.strategy"] = "cooperative-sticky"
            session = self.session_seconds * 1000
            config["session.timeout.ms"] = session
            # A member learns at its next heartbeat that others come or go, and all wait for it.
            config["heartbeat.interval.ms"] = min(_LONGEST_HEARTBEAT, session // 6)
        return config
