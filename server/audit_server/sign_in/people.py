"""The file of people: what the members of the provider's groups may do, and in which organization."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from audit_runtime import FileState
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit_server.roles import Permission, Role, permissions_of
from audit_server.sign_in.errors import NoRoleError, PeopleFileError

__all__ = ["Grant", "PeopleFile"]

_ASK = "Ask whoever operates the log"


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    organization: Annotated[str, Field(min_length=1, max_length=256)] | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    groups: Annotated[Mapping[str, _Group], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody may do by their groups; organization None: in all of them."""

    roles: tuple[Role, ...]
    organization: str | None

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the roles permit."""
        return permissions_of(self.roles)


class PeopleFile:
    """The file; read again whenever it has changed. Raises PeopleFileError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: FileState | None = None
        self._groups: Mapping[str, _Group] = {}

    def check(self) -> None:
        """Read it, so that an invalid one is an error now."""
        self._read_if_changed()

    def mapped(self, groups: Iterable[str]) -> tuple[str, ...]:
        """Return the groups that the file names: all that is kept of a person's."""
        self._read_if_changed()
        return tuple(sorted(self._groups.keys() & set(groups)))

    def grant(self, groups: Iterable[str]) -> Grant:
        """Return what groups give. Raises SignInError where that is nothing, or contradicts itself.

        Roles of two organizations are not added up: nobody would be told where they hold.
        """
        self._read_if_changed()
        found = [self._groups[name] for name in groups if name in self._groups]
        if not found:
            raise NoRoleError(
                f"None of your groups has a role here. {_ASK} to give one of them a role, "
                "or to add you to one that has"
            )
        organizations = {group.organization for group in found}
        if len(organizations) > 1:
            names = " and ".join(sorted(name or "all organizations" for name in organizations))
            raise NoRoleError(
                f"Your groups have roles in {names}, and one person sees one of these. {_ASK} to "
                "leave you in groups of one"
            )
        roles = {role for group in found for role in group.roles}
        return Grant(tuple(role for role in Role if role in roles), organizations.pop())

    def _read_if_changed(self) -> None:
        try:
            state = FileState.of(self.path)
            if state == self._state:
                return
            if state.is_writable_by_others:
                raise self._broken("others may write to it, and give themselves roles; chmod 644 it")
            read = _File.model_validate(tomllib.loads(self.path.read_text("utf-8")))
        except OSError as error:
            raise self._broken(error.strerror or "it can't be read") from None
        except ValidationError as error:
            raise self._broken(_why_not(error)) from None
        except ValueError as error:  # no TOML, or no UTF-8
            raise self._broken(f"it is not valid TOML ({error})") from None
        self._groups = read.groups
        self._state = state

    def _broken(self, why: str) -> PeopleFileError:
        return PeopleFileError(f"The file of people {self.path} (AUDITLOG_PEOPLE_FILE): {why}")


def _why_not(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}"
