"""Settings of the query client."""

from audit_runtime import ElasticsearchSettings, OptionalPath
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from audit_query.objectives import Objective, ObjectiveError, parse_objectives

__all__ = ["QuerySettings"]


class QuerySettings(BaseSettings, ElasticsearchSettings):
    """Where the log is, and how long an answer may take."""

    model_config = SettingsConfigDict(env_prefix="AUDITLOG_", extra="ignore")

    query_seconds: float = Field(30.0, gt=0, description="Timeout of a query.")
    time_zone: str = Field(
        "UTC", description="Time zone of times that are entered and displayed, such as Europe/Istanbul."
    )
    chat_objectives: str = Field(
        "assigned=60s",
        description="What chats should reach within how long after they are opened, by commas: "
        "`assigned`, `joined`, `answered`, `closed`, such as `assigned=60s,answered=2m`.",
    )
    teams_file: str | None = Field(
        None, description="TOML file of teams and their users, for reports by team."
    )

    lists: OptionalPath = Field(
        None,
        description="Folder of lists (*.txt) of addresses, ranges, AS numbers or names that filters "
        "and alert rules can name.",
    )

    denied_ranges: OptionalPath = Field(
        None,
        description="File of CIDR ranges, one per line, that logins must not come from: the list "
        "`denied`.",
    )

    @field_validator("chat_objectives")
    @classmethod
    def _are_objectives(cls, text: str) -> str:
        try:
            parse_objectives(text)
        except ObjectiveError as error:
            raise PydanticCustomError("objectives", "{reason}", {"reason": str(error)}) from None
        return text

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives, one by one."""
        return parse_objectives(self.chat_objectives)
