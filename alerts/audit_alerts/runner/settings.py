"""Settings of the runner of alert rules."""

from audit_runtime import (
    CredentialsError,
    KafkaSettings,
    LogSettings,
    PageSettings,
    check_web_address,
    secret_of,
)
from audit_runtime.monitor import MonitorSettings
from pydantic import Field, FilePath, SecretStr, field_validator
from pydantic_core import PydanticCustomError

from audit_alerts.settings import AlertSettings

__all__ = ["RunnerSettings"]


class RunnerSettings(AlertSettings, KafkaSettings, PageSettings, MonitorSettings, LogSettings):
    """Whose offsets it follows, and where alerts are sent."""

    group: str = Field("audit-indexer", min_length=1, description="Consumer group.")
    alert_margin_seconds: float = Field(
        2.0,
        ge=0,
        description="How far alert rules stay behind the consumers, to allow for clock differences.",
    )
    alert_attempt_seconds: float = Field(
        10.0, gt=0, description="Timeout of one delivery of an alert to the webhook or Kafka."
    )
    webhook_url: str | None = Field(None, description="Webhook that alerts are posted to as JSON.")
    webhook_secret: SecretStr | None = Field(
        None, description="Secret that webhook requests are signed with."
    )
    webhook_secret_file: FilePath | None = Field(
        None, description="File that contains the webhook secret."
    )

    @field_validator("webhook_url")
    @classmethod
    def _is_webhook(cls, url: str | None) -> str | None:
        return None if url is None else check_web_address(url)

    @field_validator("webhook_secret")
    @classmethod
    def _is_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not secret.get_secret_value().strip():
            raise PydanticCustomError(
                "empty", "is empty, so that anybody could sign; leave it unset to post unsigned"
            )
        return secret

    def secret(self) -> bytes | None:
        """Return the webhook's secret, read anew if it is in a file; None: posts are not signed.

        Raises CredentialsError for a file that can't be read or is empty: anybody could sign then.
        """
        found = secret_of(self.webhook_secret, self.webhook_secret_file)
        if found == "":
            raise CredentialsError(f"{self.webhook_secret_file} is empty; it must hold a secret")
        return None if found is None else found.encode()
