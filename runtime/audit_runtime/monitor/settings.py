"""Settings of what a process shows of itself; a part of those of each such process."""

from pydantic import BaseModel, Field

__all__ = ["MonitorSettings"]


class MonitorSettings(BaseModel):
    """Where metrics and health are served, if at all."""

    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port of /metrics, /healthz (or /livez) and /readyz; unset turns them off.",
    )
    metrics_host: str = Field("127.0.0.1", description="Address that the metrics port listens on.")
