"""Settings of whoever brings rules and dashboards into Kibana."""

import base64
from urllib.parse import urlsplit

from audit_alerts import AlertSettings
from audit_runtime import secret_of
from pydantic import Field, FilePath, SecretStr, field_validator
from pydantic_core import PydanticCustomError

from audit_kibana.errors import KibanaError

__all__ = ["KibanaSettings"]


class KibanaSettings(AlertSettings):
    """Where Kibana is, and as whom to speak to it."""

    kibana_url: str = Field(
        "http://127.0.0.1:5601", description="Kibana's address, including its base path if any."
    )
    kibana_space: str = Field(
        "default",
        pattern=r"^[a-z0-9_-]{1,100}$",
        description="Kibana space to import into. Lowercase letters, digits, - and _.",
    )
    kibana_username: str | None = Field(None, description="Kibana user, for basic authentication.")
    kibana_password: SecretStr | None = Field(None, description="Kibana password.")
    kibana_password_file: FilePath | None = Field(
        None, description="File that contains Kibana's password."
    )
    kibana_api_key: SecretStr | None = Field(
        None, description="Kibana API key (encoded), instead of user and password."
    )
    kibana_api_key_file: FilePath | None = Field(
        None, description="File that contains Kibana's API key."
    )
    kibana_ca_file: FilePath | None = Field(
        None, description="CA certificates (PEM) for Kibana's certificate."
    )

    @field_validator("kibana_url")
    @classmethod
    def _is_base(cls, url: str) -> str:
        try:
            parts = urlsplit(url.strip())
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = None
        if not usable or parts.query or parts.fragment:
            raise PydanticCustomError("url", "must be like https://host:5601")
        if parts.username is not None or parts.password is not None:
            raise PydanticCustomError(
                "credentials_in_url",
                "must not hold credentials; they have variables of their own, which are not shown",
            )
        return url.strip().rstrip("/")

    def authorization(self) -> str | None:
        """Return the header's value, None without credentials.

        Raises KibanaError for what can't be sent, CredentialsError for a file that can't be read.
        """
        key = secret_of(self.kibana_api_key, self.kibana_api_key_file)
        if key is not None:
            if not key or not key.isascii() or not key.isprintable() or " " in key:
                raise KibanaError(
                    "the API key is not one: give it as Kibana shows it, encoded, in one line"
                )
            return f"ApiKey {key}"
        if self.kibana_username is None:
            return None
        password = secret_of(self.kibana_password, self.kibana_password_file)
        if password is None:
            raise KibanaError(
                f"no password for {self.kibana_username}: set AUDITLOG_KIBANA_PASSWORD_FILE or "
                "--password-file"
            )
        pair = f"{self.kibana_username}:{password}".encode()
        return "Basic " + base64.b64encode(pair).decode()
