"""Settings of signing in by OpenID Connect."""

from pathlib import Path

from audit_runtime import PageSettings, SecretSettings, check_web_address, secret_of
from pydantic import Field, FilePath, SecretStr, field_validator

__all__ = ["SignInSettings"]


class SignInSettings(SecretSettings, PageSettings):
    """The identity provider, the file of people, and how long a session lasts."""

    oidc_issuer: str | None = Field(
        None,
        description="Issuer of the OpenID Connect provider that people sign in with, in its own words.",
    )
    oidc_client_id: str | None = Field(
        None, description="Client id that the provider has registered for the page."
    )
    oidc_client_secret: SecretStr | None = Field(
        None, description="Client secret; a public client has none."
    )
    oidc_client_secret_file: FilePath | None = Field(
        None, description="File that contains the client secret; read again at each sign-in."
    )
    oidc_ca_file: FilePath | None = Field(
        None, description="CA certificates (PEM) for the provider's certificate."
    )
    oidc_scopes: str = Field(
        "openid profile email",
        pattern=r"^([\x21\x23-\x5b\x5d-\x7e]+ )*openid( [\x21\x23-\x5b\x5d-\x7e]+)*$",
        description="Scopes that are requested, separated by spaces; openid must be among them.",
    )
    oidc_groups_claim: str = Field(
        "groups",
        min_length=1,
        description="Claim of the ID token with a person's groups; dots lead into objects.",
    )
    oidc_name_claim: str = Field(
        "preferred_username",
        min_length=1,
        description="Claim with the name that is displayed and recorded; else the email, else sub.",
    )
    oidc_display_name: str = Field(
        "single sign-on",
        min_length=1,
        max_length=60,
        description="What the login page calls the provider: Sign in with ...",
    )
    people_file: Path | None = Field(
        None, description="TOML file that gives the provider's groups roles and an organization."
    )
    sign_in_idle_minutes: int = Field(
        60, ge=1, le=10_080, description="A session ends after so many minutes without a request."
    )
    sign_in_hours: int = Field(
        12, ge=1, le=168, description="A session ends so many hours after signing in, used or not."
    )
    sessions_index: str = Field(
        "audit-sessions",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$",
        description="Index of the sessions of people who signed in.",
    )

    @field_validator("oidc_issuer")
    @classmethod
    def _is_issuer(cls, url: str | None) -> str | None:
        return None if url is None else check_web_address(url)

    @property
    def callback_url(self) -> str:
        """Where the provider sends people back to; it has to be registered there."""
        return f"{self.page_url.rstrip('/')}/sign-in/callback"

    def client_secret(self) -> str | None:
        """Return the client's secret, read anew if it is in a file. Raises CredentialsError."""
        return secret_of(self.oidc_client_secret, self.oidc_client_secret_file)
