"""Settings of the embedded servers."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["LocalSettings"]


def _base(variable: str, fallback: str, system: str) -> Path:
    """Return the user's folder for data or caches; root's must be one that others can reach."""
    if os.geteuid() == 0:
        return Path(system)
    return Path(os.environ.get(variable) or Path.home() / fallback) / "auditlog"


class LocalSettings(BaseSettings):
    """Where the embedded servers live, and what they may use."""

    model_config = SettingsConfigDict(env_prefix="AUDITLOG_LOCAL_", extra="ignore")

    home: Path = Field(
        default_factory=lambda: _base("XDG_DATA_HOME", ".local/share", "/var/lib/auditlog") / "local",
        description="Folder of the embedded servers' data, configuration and logs.",
    )
    cache: Path = Field(
        default_factory=lambda: _base("XDG_CACHE_HOME", ".cache", "/var/cache/auditlog"),
        description="Folder of the downloaded servers, shared by all homes.",
    )
    java_home: Path | None = Field(
        None, description="Java home (21 or later), instead of the one that is found."
    )
    kafka_port: int = Field(
        9092,
        ge=1,
        le=65535,
        description="Kafka's port, and the next ones for more brokers; free ones if they are in use.",
    )
    elasticsearch_port: int = Field(
        9200,
        ge=1,
        le=65535,
        description="Elasticsearch's port, and the next ones for more nodes; free ones if they are in "
        "use.",
    )
    keycloak_port: int = Field(
        8180, ge=1, le=65535, description="Keycloak's port; a free one if it is in use."
    )
    kafka_heap: str = Field(
        "512m",
        pattern=r"^\d+[mg]$",
        description="Kafka's heap size, such as 512m; each of several brokers gets half.",
    )
    elasticsearch_heap: str = Field(
        "1g",
        pattern=r"^\d+[mg]$",
        description="Elasticsearch's heap size, such as 1g; each of several nodes gets half.",
    )
    keycloak_heap: str = Field(
        "400m", pattern=r"^\d+[mg]$", description="Keycloak's heap size, such as 400m."
    )
    start_seconds: int = Field(180, ge=10, description="How long to wait for a server to become ready.")
