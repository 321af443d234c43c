"""Settings of the server."""

from audit_alerts import AlertSettings
from audit_runtime import LogSettings
from audit_runtime.monitor import MonitorSettings
from pydantic import Field, FilePath, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict

from audit_server.networks import networks
from audit_server.sign_in_settings import SignInSettings

__all__ = ["ServeSettings"]


class ServeSettings(AlertSettings, SignInSettings, MonitorSettings, LogSettings):
    """Where the server listens, whom it trusts, and how much it takes on."""

    model_config = SettingsConfigDict(env_prefix="AUDITLOG_", extra="ignore")

    serve_host: str = Field(
        "127.0.0.1",
        description="Address that `auditlog serve` listens on; others than loopback require tokens.",
    )
    serve_port: int = Field(
        8484, ge=0, le=65535, description="Port of `auditlog serve`; 0 picks a free one."
    )
    tokens_file: str | None = Field(
        None, description="File of API tokens, written by `auditlog tokens`."
    )
    serve_cert_file: FilePath | None = Field(
        None, description="Server certificate chain (PEM), for TLS."
    )
    serve_key_file: FilePath | None = Field(
        None, description="Private key (PEM) of the server certificate."
    )
    serve_trusted_proxies: str = Field(
        "",
        description="Proxies whose X-Forwarded-For is trusted: addresses or CIDR ranges, by commas.",
    )
    serve_requests: int = Field(32, ge=1, description="Concurrent requests; further ones get a 503.")
    serve_exports: int = Field(
        4, ge=1, description="Concurrent exports, as part of the concurrent requests."
    )
    serve_send_seconds: float = Field(
        60.0,
        gt=0,
        description="How long a client may read nothing before its response is aborted.",
    )
    serve_self_audit: bool = Field(
        True, description="Publish searches, exports and rejected requests as events."
    )

    views_index: str = Field(
        "audit-views",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$",
        description="Index of saved views. Lowercase letters, digits, - and _.",
    )

    @field_validator("views_index", "sessions_index")
    @classmethod
    def _is_of_its_own(cls, name: str, info: ValidationInfo) -> str:
        others = {info.data.get("alerts_index"), info.data.get("index_prefix")}
        if name in others or name.startswith(f"{info.data.get('index_prefix')}-"):
            raise PydanticCustomError("not_its_own", "must be an index of its own")
        return name

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
