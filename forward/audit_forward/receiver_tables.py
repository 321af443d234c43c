"""The table `[to]` of a stream's file: where to, by the kind of receiver."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from audit_runtime import TopicName, check_web_address, did_you_mean
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

__all__ = [
    "FilesTable",
    "KafkaTable",
    "ReceiverTable",
    "S3Table",
    "SplunkTable",
    "SyslogTable",
    "Table",
    "WebhookTable",
    "WrittenTable",
]

Url = Annotated[str, AfterValidator(check_web_address)]


def _matching(pattern: str, what: str) -> AfterValidator:
    """Refuse text of another form, and say in words what it must be."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {what}")
        return value

    return AfterValidator(check)


AppName = Annotated[str, _matching(r"[!-~]{1,48}", "1 to 48 printable ASCII characters, no spaces")]
Hostname = Annotated[str, _matching(r"[!-~]{1,255}", "1 to 255 printable ASCII characters, no spaces")]
Bucket = Annotated[
    str,
    _matching(
        r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "the bucket's name alone: 3 to 63 lowercase letters, digits, . and -",
    ),
]
Prefix = Annotated[
    str,
    _matching(
        r"([A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*)?",
        "names of letters, digits, _ . = and - with / between them, such as audit/events",
    ),
]


class Table(BaseModel):
    """A table whose unknown keys are told, with the one that was meant.

    Paths in it are relative to the folder that the validation's context names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _has_known_keys(cls, found: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items() if name != "name"]
        for key in found if isinstance(found, dict) else ():
            if key not in known:
                meant = did_you_mean(key, known)
                hint = f"; did you mean {meant}?" if meant else f"; known are {', '.join(known)}"
                raise ValueError(f"{key} is not a known key{hint}")
        return found

    @field_validator("*", mode="after")
    @classmethod
    def _is_below_folder(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, Path) and info.context:
            return Path(info.context["folder"]) / value
        return value


class WebhookTable(Table):
    """An address that events are posted to, a line of NDJSON each; a single one as JSON."""

    type: Literal["webhook"]
    url: Url
    secret_file: Path | None = None
    ca_file: Path | None = None
    events_per_request: int = Field(500, ge=1, le=10_000)


class SplunkTable(Table):
    """Splunk's HTTP Event Collector."""

    type: Literal["splunk"]
    url: Url
    token_file: Path
    ca_file: Path | None = None
    index: str | None = None
    source: str = "auditlog"
    sourcetype: str | None = None
    host: str | None = None
    events_per_request: int = Field(500, ge=1, le=10_000)


class SyslogTable(Table):
    """RFC 5424 messages over TLS (RFC 5425), each behind its length."""

    type: Literal["syslog"]
    host: str = Field(min_length=1)
    port: int = Field(6514, ge=1, le=65535)
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    facility: int = Field(13, ge=0, le=23)
    app_name: AppName = "auditlog"
    hostname: Hostname | None = None
    max_message_bytes: int = Field(65_536, ge=2048, le=16 * 1024 * 1024)
    events_per_connection: int = Field(2000, ge=1, le=100_000)

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        return self


class KafkaTable(Table):
    """A topic, of the log's own cluster or of another."""

    type: Literal["kafka"]
    topic: TopicName
    servers: str | None = None
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None


class WrittenTable(Table):
    """What a file holds, wherever it is written; `compress` is for NDJSON."""

    format: Literal["ndjson", "parquet"] = "ndjson"
    compress: bool = False
    seconds: float = Field(60.0, gt=0, le=3600)
    events: int = Field(20_000, ge=1, le=200_000)

    @model_validator(mode="after")
    def _is_compressed_once(self) -> Self:
        if self.compress and self.format == "parquet":
            raise ValueError("compress is for ndjson; Parquet is compressed as it is")
        return self


class FilesTable(WrittenTable):
    """Files of a folder, by time; each appears when it is whole."""

    type: Literal["files"]
    folder: Path

    @field_validator("folder", mode="before")
    @classmethod
    def _is_here(cls, found: Any) -> Any:
        if isinstance(found, str) and "://" in found:
            raise ValueError('must be a folder of this machine; for a bucket, use type = "s3"')
        return found


class S3Table(WrittenTable):
    """Objects of a bucket of S3, or of what speaks like it, by time; each is put whole."""

    type: Literal["s3"]
    bucket: Bucket
    prefix: Prefix = ""
    region: str | None = None
    endpoint: Url | None = None


ReceiverTable = WebhookTable | SplunkTable | SyslogTable | KafkaTable | FilesTable | S3Table
