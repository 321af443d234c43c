"""Teams: which users belong to which, from a TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audit_schemas import visible_name

from audit_query.errors import ParameterError, QueryError

__all__ = ["Teams", "TeamsFileError"]

_BYTES_MAX = 1024**2
_MEMBERS_MAX = 1000
"""Of one team, which a search names one by one."""


class TeamsFileError(QueryError):
    """The file of teams can't be read, or is not valid."""


@dataclass(frozen=True, slots=True)
class Teams:
    """The users of each team, by whole ids or names; a user may be in several."""

    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path | None) -> "Teams":
        """Read a file; no path is no teams. Raises TeamsFileError."""
        if path is None:
            return cls()
        try:
            with Path(path).open("rb") as file:
                text = file.read(_BYTES_MAX + 1)
            if len(text) > _BYTES_MAX:
                raise TeamsFileError(f"{path} has more than {_BYTES_MAX:,} bytes")
            content = tomllib.loads(text.decode())
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise TeamsFileError(f"can't read {path} (AUDITLOG_TEAMS_FILE): {reason}") from None
        except ValueError as error:  # of TOML, or of UTF-8
            raise TeamsFileError(f"{path} (AUDITLOG_TEAMS_FILE) is not valid TOML: {error}") from None
        return cls(_members(path, content))

    def of(self, user: str | None, user_id: str | None) -> tuple[str, ...]:
        """Return the teams of a user, who may be listed by either."""
        return tuple(team for team, users in self.members.items() if user in users or user_id in users)

    def users(self, team: str) -> tuple[str, ...]:
        """Return whom a team consists of. Raises ParameterError."""
        if team not in self.members:
            raise ParameterError(
                "team", "there is no such team in the file of teams (AUDITLOG_TEAMS_FILE)"
            )
        return self.members[team]


def _members(path: str | Path, content: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    teams = content.get("teams")
    if not isinstance(teams, dict) or set(content) != {"teams"}:
        raise TeamsFileError(f"{path} must have one table, [teams], of names and lists of users")
    for team, users in teams.items():
        right = isinstance(users, list) and all(isinstance(user, str) and user for user in users)
        if not team.strip() or not right or not 0 < len(users) <= _MEMBERS_MAX:
            raise TeamsFileError(
                f"{path}: the team {team!r} must be a list of 1 to {_MEMBERS_MAX:,} users' ids or names"
            )
    return {team: tuple(map(visible_name, users)) for team, users in teams.items()}
