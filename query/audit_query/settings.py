"""Settings of the query client."""

from audit_runtime import ElasticsearchSettings
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["QuerySettings"]


class QuerySettings(BaseSettings, ElasticsearchSettings):
    """Where the log is, and how long an answer may take."""

    model_config = SettingsConfigDict(env_prefix="AUDITLOG_", extra="ignore")

    query_seconds: float = Field(30.0, gt=0, description="Timeout of a query.")
    time_zone: str = Field(
        "UTC", description="Time zone of times that are entered and displayed, such as Europe/Istanbul."
    )
