"""Where the log's servers are and what its parts are called: settings that components share.

Plain models: they read no environment. The command line fills them from `AUDITLOG_*` variables.
"""

import re
from base64 import b64encode
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import SplitResult, urlsplit

from audit_schemas import Catalogue, TimeBounds
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FilePath,
    SecretStr,
    field_validator,
)
from pydantic_core import PydanticCustomError

from audit_runtime.errors import CredentialsError
from audit_runtime.kafka_log import KAFKA_LOG

__all__ = [
    "ElasticsearchSettings",
    "EventSettings",
    "KafkaSettings",
    "LogFormat",
    "LogSettings",
    "OptionalPath",
    "PageSettings",
    "SecretSettings",
    "TopicName",
    "check_web_address",
    "secret_of",
]

OptionalPath = Annotated[Path | None, BeforeValidator(lambda found: None if found == "" else found)]
"""A file or folder that need not be; an empty variable names none, and never the current folder."""


def _check_topic(name: str) -> str:
    if not re.fullmatch("[a-zA-Z0-9._-]{1,249}", name) or name in (".", ".."):
        raise PydanticCustomError("topic", "must be 1 to 249 letters, digits, . _ and -")
    return name


TopicName = Annotated[str, AfterValidator(_check_topic)]
"""A topic's name, as Kafka takes it."""

_FROZEN_BROKER = {"socket.timeout.ms": 20_000, "topic.metadata.refresh.interval.ms": 30_000}
"""Who leads a partition is asked now and then, and one that does not answer is given up: a broker that
is frozen closes no connection. librdkafka's own 60 and 300 seconds held events up for two minutes."""

LogFormat = Literal["auto", "console", "json"]


class _LogsIn(Protocol):
    def set_sasl_credentials(self, username: str, password: str, /) -> None: ...


class SecretSettings(BaseModel):
    """What holds for all secrets: they are shown nowhere, and sent only where nobody listens."""

    model_config = ConfigDict(hide_input_in_errors=True, defer_build=True)

    allow_plain_text: bool = Field(
        False,
        description="Allow credentials and alerts to be sent to other machines without TLS.",
    )

    def require_tls(self, what: str, addresses: str, fix: str, *, carried: str = "credentials") -> None:
        """Raise CredentialsError if addresses, which have no TLS, are not all on this machine.

        What stays on the loopback device crosses no network: who can listen there can read our
        memory too.
        """
        hosts = [_host(address) for address in addresses.split(",")]
        away = [host for host in hosts if not _is_loopback(host)]
        if away and not self.allow_plain_text:
            raise CredentialsError(
                f"{what} would get {carried} in plain text, over the network to {away[0]}. {fix}, "
                "or set AUDITLOG_ALLOW_PLAIN_TEXT=true if that network is yours alone"
            )


class KafkaSettings(SecretSettings):
    """How to reach Kafka, and the topics."""

    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", description="Kafka brokers, separated by commas: host:port,host:port."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Security protocol of connections to Kafka."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism, if the protocol is a SASL one."
    )
    kafka_username: str | None = Field(None, description="SASL user of Kafka.")
    kafka_password: SecretStr | None = Field(None, description="SASL password of Kafka.")
    kafka_password_file: FilePath | None = Field(
        None, description="File that contains Kafka's SASL password."
    )
    kafka_ca_file: FilePath | None = Field(
        None, description="CA certificates (PEM) for the brokers' certificates."
    )
    topic: TopicName = Field("audit.events", description="Topic of events.")
    dead_letter_topic: TopicName = Field(
        "audit.events.dead-letter", description="Topic of dead letters."
    )

    alerts_topic: TopicName = Field("audit.alerts", description="Topic of alerts.")
    seals_topic: TopicName = Field(
        "audit.seals", description="Topic of the sealed log's signed checkpoints."
    )

    def kafka_config(self) -> dict[str, Any]:
        """Return what every librdkafka client of ours is configured with.

        Secrets that are in files are read at each call. Raises CredentialsError.
        """
        config: dict[str, Any] = {
            "bootstrap.servers": self.kafka_bootstrap_servers,
            "security.protocol": self.kafka_security_protocol,
            "client.id": "auditlog",
            "logger": KAFKA_LOG,  # else it writes to standard error
            **_FROZEN_BROKER,
        }
        if self.kafka_ca_file is not None:
            config["ssl.ca.location"] = str(self.kafka_ca_file)
        if self.kafka_security_protocol == "SASL_PLAINTEXT":
            self.require_tls(
                "Kafka",
                self.kafka_bootstrap_servers,
                "Set AUDITLOG_KAFKA_SECURITY_PROTOCOL=SASL_SSL",
            )
        if self.kafka_security_protocol.startswith("SASL"):
            config["sasl.mechanism"] = self.kafka_sasl_mechanism
            config["sasl.username"] = self.kafka_username or ""
            config["sasl.password"] = secret_of(self.kafka_password, self.kafka_password_file) or ""
        return config

    def renew_login(self, client: _LogsIn) -> None:
        """Give a client the credentials as they are now, after it was refused those that it had.

        Never from within a callback: confluent-kafka 2.16 aborts the process at the poll's next one.
        """
        if self.kafka_username is not None:
            with suppress(CredentialsError):  # its file is being replaced: it is asked again
                config = self.kafka_config()
                client.set_sasl_credentials(config["sasl.username"], config["sasl.password"])


class ElasticsearchSettings(SecretSettings):
    """How to reach Elasticsearch, and the indices."""

    elasticsearch_url: str = Field(
        "http://127.0.0.1:9200",
        description="Elasticsearch nodes, separated by commas; if one is away, others are asked.",
    )
    elasticsearch_username: str | None = Field(
        None, description="Elasticsearch user, for basic authentication."
    )
    elasticsearch_password: SecretStr | None = Field(None, description="Elasticsearch password.")
    elasticsearch_password_file: FilePath | None = Field(
        None,
        description="File that contains Elasticsearch's password; read again if it is rejected.",
    )
    elasticsearch_api_key: SecretStr | None = Field(
        None, description="Elasticsearch API key, instead of user and password."
    )
    elasticsearch_api_key_file: FilePath | None = Field(
        None, description="File that contains the API key; read again if it is rejected."
    )
    elasticsearch_ca_file: FilePath | None = Field(
        None, description="CA certificates (PEM) for Elasticsearch's certificate."
    )
    index_prefix: str = Field(
        "audit-events",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$",
        description="Alias of all events, and prefix of their indices: PREFIX-YYYY.MM. "
        "Lowercase letters, digits, - and _.",
    )

    @field_validator("elasticsearch_url")
    @classmethod
    def _has_scheme(cls, urls: str) -> str:
        for url in urls.split(","):
            parts = urlsplit(url.strip())
            port = _port_of(parts)
            if parts.scheme not in ("http", "https") or not parts.hostname or port is None:
                raise PydanticCustomError("url", "must be like https://host:9200")
            if parts.username is not None or parts.password is not None:
                raise PydanticCustomError(
                    "credentials_in_url",
                    "must not hold credentials; they have variables of their own, which are not shown",
                )
        return urls

    def elasticsearch_options(self) -> dict[str, Any]:
        """Return keyword arguments for `elasticsearch.Elasticsearch`, all but the credentials.

        The client's own retries are off: they hide back-pressure, and every caller has its own way
        to wait. (`connect` lets a request go on to another node that did not reach this one.)
        """
        options: dict[str, Any] = {
            "hosts": [url.strip() for url in self.elasticsearch_url.split(",")],
            "max_retries": 0,
            "retry_on_timeout": False,
        }
        if self.elasticsearch_ca_file is not None:
            options["ca_certs"] = str(self.elasticsearch_ca_file)
        return options

    def elasticsearch_authorization(self) -> str | None:
        """Return the Authorization header; None without credentials.

        Secrets that are in files are read at each call. Raises CredentialsError.
        """
        key = secret_of(self.elasticsearch_api_key, self.elasticsearch_api_key_file)
        if key is None and self.elasticsearch_username is None:
            return None
        urls = self.elasticsearch_url.split(",")
        plain = ",".join(url for url in urls if url.strip().startswith("http://"))
        if plain:
            self.require_tls("Elasticsearch", plain, "Set AUDITLOG_ELASTICSEARCH_URL to https")
        if key is not None:
            return f"ApiKey {key}"
        password = secret_of(self.elasticsearch_password, self.elasticsearch_password_file)
        login = f"{self.elasticsearch_username}:{password or ''}"
        return f"Basic {b64encode(login.encode()).decode()}"


class LogSettings(BaseModel):
    """How a long-running process logs."""

    log_format: LogFormat = Field(
        "auto", description="Log format; auto is text on a terminal and JSON lines elsewhere."
    )


class PageSettings(BaseModel):
    """Where people find the page."""

    page_url: str = Field(
        "http://127.0.0.1:8484",
        description="Public address of the page: alerts link to it, and signing in returns to it.",
    )

    @field_validator("page_url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        return check_web_address(url)


class EventSettings(BaseModel):
    """What an event may be."""

    catalogue: OptionalPath = Field(
        None,
        description="TOML file of the deployment's own activities, in addition to the shipped ones.",
    )
    max_past_days: int = Field(
        400,
        ge=1,
        le=400_000,
        description="Events may be at most this many days older than their receipt by Kafka.",
    )
    max_future_seconds: int = Field(
        300,
        ge=0,
        description="Events may be at most this many seconds newer than their receipt by Kafka.",
    )

    def load_catalogue(self) -> Catalogue:
        """Return the catalogue in force. Raises CatalogueError."""
        return Catalogue.load(self.catalogue)

    def time_bounds(self) -> TimeBounds:
        """Return the bounds that `@timestamp` is held to."""
        return TimeBounds(
            timedelta(days=self.max_past_days), timedelta(seconds=self.max_future_seconds)
        )


def check_web_address(url: str) -> str:
    """Return the address of a page or service. Raises ValueError if it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PydanticCustomError("url", "must be like https://host/path")
    if parts.username is not None or parts.password is not None:
        raise PydanticCustomError("credentials_in_url", "must not hold credentials")
    _ = parts.port  # raises ValueError, which pydantic tells
    return url


def secret_of(value: SecretStr | None, file: Path | None) -> str | None:
    """Return the variable's value, else what the file holds, without the newline at its end.

    Raises CredentialsError for a file that can't be read.
    """
    if value is not None:
        return value.get_secret_value()
    try:
        return file.read_text("utf-8").strip() if file is not None else None
    except OSError as error:
        raise CredentialsError(f"{file} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise CredentialsError(f"{file} is not UTF-8 text") from None


def _port_of(parts: SplitResult) -> int | None:
    """Return an address's port, None where it is none; only https has one that goes without saying."""
    try:
        return parts.port or (443 if parts.scheme == "https" else None)
    except ValueError:  # no number, or too large
        return None


def _host(address: str) -> str:
    text = address.strip()
    return urlsplit(text if "://" in text else f"//{text}").hostname or text


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
