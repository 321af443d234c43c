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
        None, ge=1, description="Replicas of a new topic; 3, or as many as there are brokers."
    )
    topic_retention_days: int = Field(
        30, ge=1, description="How long a new events topic keeps its records."
    )
    shards: int = Field(1, ge=1, le=64, description="Primary shards of an index.")
    replicas: str = Field(
        "0-1", description="Replicas of an index: a number, or a range that follows the nodes."
    )
    refresh: str = Field("1s", description="How often new events become searchable.")
    codec: str = Field("default", description="default, or best_compression for less disk.")
    granularity: Granularity = Field("month", description="An index a month, or a day.")

    def index_settings(self, lifecycle: str | None = None) -> IndexSettings:
        """Return what new indices are made with. Raises ValidationError."""
        return IndexSettings(
            shards=self.shards,
            replicas=self.replicas,
            refresh=self.refresh,
            codec=self.codec,
            lifecycle=lifecycle,
        )
