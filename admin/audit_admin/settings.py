"""Settings of `auditlog setup`."""

from audit_runtime import ElasticsearchSettings, KafkaSettings
from audit_schemas import Granularity, IndexSettings
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["SetupSettings"]


class SetupSettings(BaseSettings, KafkaSettings, ElasticsearchSettings):
    """What `auditlog setup` creates."""

    model_config = SettingsConfigDict(env_prefix="AUDITLOG_", extra="ignore")

    partitions: int = Field(6, ge=1, description="Partitions of a new events topic.")
    replication: int | None = Field(
        None,
        ge=1,
        description="Replicas of a new topic; unset is 3, or the number of brokers if smaller.",
    )
    topic_retention_days: int = Field(30, ge=1, description="Retention of a new events topic.")
    shards: int = Field(1, ge=1, le=64, description="Primary shards per index.")
    replicas: str = Field(
        "0-1",
        description="Replicas per index: a number, or a range that adapts to the number of nodes.",
    )
    refresh: str = Field("1s", description="Refresh interval: how soon new events become searchable.")
    codec: str = Field(
        "default", description="Index codec: default, or best_compression to save disk space."
    )
    granularity: Granularity = Field("month", description="Period of an index: month or day.")

    def index_settings(self, lifecycle: str | None = None) -> IndexSettings:
        """Return what new indices are made with. Raises ValidationError."""
        return IndexSettings(
            shards=self.shards,
            replicas=self.replicas,
            refresh=self.refresh,
            codec=self.codec,
            lifecycle=lifecycle,
        )
