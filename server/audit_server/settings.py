"""Settings of the server."""

from audit_query import QuerySettings
from audit_runtime import LogSettings
from audit_runtime.monitor import MonitorSettings
from pydantic import Field, FilePath, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict

from audit_server.networks import networks

__all__ = ["ServeSettings"]


class ServeSettings(QuerySettings, MonitorSettings, LogSettings):
    """Where the server listens, whom it trusts, and how much it takes on."""

    model_config = SettingsConfigDict(env_prefix="AUDITLOG_", extra="ignore")

    serve_host: str = Field(
        "127.0.0.1", description="Address that `auditlog serve` listens on; another one needs tokens."
    )
    serve_port: int = Field(8484, ge=0, le=65535, description="Its port; 0 takes a free one.")
    tokens_file: str | None = Field(
        None, description="File of the tokens that let people ask; `auditlog tokens` writes it."
    )
    serve_cert_file: FilePath | None = Field(
        None, description="Certificate chain (PEM), for TLS; with the key's file."
    )
    serve_key_file: FilePath | None = Field(None, description="The certificate's private key (PEM).")
    serve_trusted_proxies: str = Field(
        "",
        description="Proxies whose X-Forwarded-For is believed: addresses or CIDR ranges, by commas.",
    )
    serve_requests: int = Field(
        32, ge=1, description="Requests that are worked on at a time; more are sent away with a 503."
    )
    serve_exports: int = Field(4, ge=1, description="Exports among them.")
    serve_send_seconds: float = Field(
        60.0,
        gt=0,
        description="How long a reader may take no byte of an answer before it is broken off.",
    )
    serve_self_audit: bool = Field(
        True, description="Whether searches, exports and refusals are published as events themselves."
    )

    @field_validator("serve_trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        try:
            networks(text)
        except ValueError:
            raise PydanticCustomError(
                "networks", "must be addresses or CIDR ranges, such as 10.0.0.0/8,192.0.2.7"
            ) from None
        return text

    @property
    def trusted_proxies(self) -> tuple[str, ...]:
        """The proxies, one by one."""
        return networks(self.serve_trusted_proxies)
