"""Settings of whoever asks the log."""

from audit_runtime import ElasticsearchSettings
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["QuerySettings"]


class QuerySettings(BaseSettings, ElasticsearchSettings):
    """Where the log is, and how long an answer may take."""

    model_config = SettingsConfigDict(env_prefix="AUDITLOG_", extra="ignore")

    query_seconds: float = Field(30.0, gt=0, description="How long a query may take.")
    time_zone: str = Field(
        "UTC", description="Zone that times are read and shown in, such as Europe/Istanbul."
    )
