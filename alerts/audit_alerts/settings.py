"""Settings of whoever evaluates alert rules."""

from audit_query import QuerySettings
from audit_runtime import EventSettings
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

__all__ = ["SHIPPED", "AlertSettings"]

SHIPPED = "shipped"
"""Among the folders of rules: those that come with the product."""


class AlertSettings(QuerySettings, EventSettings):
    """Which rules, over which log."""

    alert_rules: str = Field(
        SHIPPED,
        description="Folders of alert rules, by commas; shipped means those of the distribution.",
    )
    alerts_index: str = Field(
        "audit-alerts",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$",
        description="Index of alerts; the runner's state is in the same name plus -state, exceptions "
        "from rules plus -exceptions. "
        "Lowercase letters, digits, - and _.",
    )

    @property
    def state_index(self) -> str:
        """What the runner remembers."""
        return f"{self.alerts_index}-state"

    @field_validator("alerts_index")
    @classmethod
    def _is_not_among_events(cls, name: str, info: ValidationInfo) -> str:
        prefix = info.data.get("index_prefix")
        if name.startswith(f"{prefix}-"):
            raise PydanticCustomError(
                "among_events",
                "must not begin with AUDITLOG_INDEX_PREFIX and a hyphen: those are indices of events",
            )
        return name
