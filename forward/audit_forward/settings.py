"""Settings of the process that forwards streams."""

from pathlib import Path

from audit_query import QuerySettings
from audit_runtime import KafkaSettings, LogSettings, OptionalPath
from audit_runtime.monitor import MonitorSettings
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from audit_forward.errors import ForwardError

__all__ = ["ForwardSettings"]


class ForwardSettings(QuerySettings, KafkaSettings, MonitorSettings, LogSettings):
    """Which streams there are, and where their positions are kept."""

    group: str = Field("audit-indexer", min_length=1, description="Consumer group.")
    streams: OptionalPath = Field(
        None, description="Folder of streams (*.toml) that `auditlog forward` sends to other systems."
    )
    streams_index: str = Field(
        "audit-streams",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$",
        description="Index of the streams' positions, history runs and dead letters. "
        "Lowercase letters, digits, - and _.",
    )
    stream_attempt_seconds: float = Field(
        30.0, gt=0, description="Timeout of one delivery to a stream's receiver."
    )

    @field_validator("streams_index")
    @classmethod
    def _is_not_among_events(cls, name: str, info: ValidationInfo) -> str:
        if name.startswith(f"{info.data.get('index_prefix')}-"):
            raise PydanticCustomError(
                "among_events",
                "must not begin with AUDITLOG_INDEX_PREFIX and a hyphen: those are indices of events",
            )
        return name

    @property
    def folder(self) -> Path:
        """Return the folder of streams. Raises ForwardError where none is set."""
        if self.streams is None:
            raise ForwardError("Set AUDITLOG_STREAMS to the folder of your streams' files (*.toml)")
        return self.streams
