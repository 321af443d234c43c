"""Settings of the sealer."""

from pathlib import Path

from audit_consumer import ConsumerSettings
from audit_runtime import OptionalPath, check_web_address
from pydantic import Field, FilePath, field_validator

from audit_seal.errors import SealError

__all__ = ["SealSettings"]


class SealSettings(ConsumerSettings):
    """Where the sealed log is, and how often it is signed.

    Group, catalogue and time limits are the consumers' own: what has no document is judged by them.
    """

    seal_folder: OptionalPath = Field(
        None, description="Folder of the sealed log, its salts and its keys; `auditlog seal init`."
    )
    seal_name: str = Field(
        "auditlog",
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9./_-]{0,99}$",
        description="Name of the sealed log, best a domain of yours; its origin is NAME/CLUSTER-ID. "
        "Letters, digits, ., /, - and _.",
    )
    seal_seconds: float = Field(60.0, gt=0, description="Seconds from one checkpoint to the next.")
    seal_period_hours: float = Field(
        24.0, gt=0, description="Hours after which a period's signing key is replaced and destroyed."
    )
    seal_witness_url: str | None = Field(
        None, description="Address of a witness that `auditlog seal init` writes into the log's policy."
    )
    seal_witness_key_file: OptionalPath = Field(
        None, description="File of that witness's public key: NAME+ID+KEY."
    )
    stamp_url: str | None = Field(
        None,
        description="Time-stamping authority (RFC 3161) for the last checkpoint of each period.",
    )
    stamp_ca_file: FilePath | None = Field(
        None, description="Root certificates, as PEM, that time stamps must be signed below."
    )
    stamp_tls_ca_file: FilePath | None = Field(
        None,
        description="Certificates, as PEM, that vouch for the time-stamping authority's https address, "
        "if the system's don't.",
    )

    @field_validator("stamp_url", "seal_witness_url")
    @classmethod
    def _is_address(cls, url: str | None) -> str | None:
        return None if url is None else check_web_address(url)

    @property
    def folder(self) -> Path:
        """Return the log's folder. Raises SealError where none is set."""
        if self.seal_folder is None:
            raise SealError("Set AUDITLOG_SEAL_FOLDER to the folder of the sealed log")
        return self.seal_folder
