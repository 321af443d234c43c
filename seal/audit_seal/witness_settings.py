"""Settings of a witness."""

from pathlib import Path

from audit_runtime import LogSettings
from audit_runtime.monitor import MonitorSettings
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from audit_seal.errors import SealError

__all__ = ["WitnessSettings"]


class WitnessSettings(BaseSettings, LogSettings, MonitorSettings):
    """Where a witness keeps its key and what it has seen, and where it listens."""

    model_config = SettingsConfigDict(env_prefix="AUDITLOG_", extra="ignore")

    witness_folder: Path | None = Field(
        None, description="Folder of a witness, on a host of its own; `auditlog witness init`."
    )
    witness_key_file: Path | None = Field(
        None, description="File of the witness's key, if it is not `key` in its folder."
    )
    witness_logs_file: Path | None = Field(
        None,
        description="Policy of the sealed log: a witness that knows no log yet takes over its key.",
    )
    witness_host: str = Field(
        "127.0.0.1",
        description="Address that the witness listens on. What it answers is signed and no secret.",
    )
    witness_port: int = Field(8061, ge=1, le=65535, description="Port that the witness listens on.")

    @property
    def folder(self) -> Path:
        """Return the witness's folder. Raises SealError where none is set."""
        if self.witness_folder is None:
            raise SealError("Set AUDITLOG_WITNESS_FOLDER to the folder of the witness")
        return self.witness_folder
