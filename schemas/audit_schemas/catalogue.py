"""The activity catalogue: what each `event.action` means, and what it must come with."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit_schemas.errors import CatalogueError, EventRefusedError, Problem, Reason
from audit_schemas.event import ACTION_PATTERN, AuditEvent, EventPart, Outcome
from audit_schemas.model import field_at, model_paths

__all__ = ["Activity", "Catalogue", "Category", "Type"]

# ECS 9.4, event.category and event.type: the fixed values.
Category = Literal[
    "api", "authentication", "configuration", "database", "driver", "email", "file", "host", "iam",
    "intrusion_detection", "library", "malware", "network", "package", "process", "registry",
    "session", "threat", "vulnerability", "web",
]  # fmt: skip
Type = Literal[
    "access", "admin", "allowed", "change", "connection", "creation", "deletion", "denied", "device",
    "end", "error", "group", "indicator", "info", "installation", "protocol", "start", "user",
]  # fmt: skip


class Activity(BaseModel):
    """One activity, as the catalogue has it."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    description: Annotated[str, Field(min_length=1)]
    category: list[Category] = []
    type: list[Type] = []
    outcome: Outcome = "success"
    requires: list[str] = []


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    activities: dict[Annotated[str, Field(pattern=ACTION_PATTERN)], Activity]


@dataclass(frozen=True, slots=True)
class Catalogue(Mapping[str, Activity]):
    """Activities by name. Immutable."""

    activities: Mapping[str, Activity]

    @classmethod
    def load(cls, extra: Path | None = None) -> "Catalogue":
        """Return the shipped catalogue, and a deployment's own file on top.

        Raises CatalogueError if the file can't be read, is no catalogue, requires a path that
        events do not have, or gives a shipped activity another meaning.
        """
        shipped = _shipped()
        if extra is None:
            return cls(MappingProxyType(shipped))
        own = _parse(_read(extra), str(extra))
        if taken := own.keys() & shipped.keys():
            raise CatalogueError(
                f"{extra}: {min(taken)} is already in the shipped catalogue, "
                "whose meaning is fixed: choose another name"
            )
        return cls(MappingProxyType({**shipped, **own}))

    def __getitem__(self, action: str) -> Activity:
        return self.activities[action]

    def __iter__(self) -> Iterator[str]:
        return iter(self.activities)

    def __len__(self) -> int:
        return len(self.activities)

    def check(self, event: AuditEvent) -> Activity:
        """Return the event's activity. Raises EventRefusedError (unknown-activity, missing-context)."""
        activity = self.activities.get(event.event.action)
        if activity is None:
            raise EventRefusedError(
                Reason.UNKNOWN_ACTIVITY,
                Problem(
                    "event.action",
                    f"{event.event.action[:64]} is not in the catalogue; "
                    "add it to the file that AUDITLOG_CATALOGUE names",
                ),
            )
        _require_user(event)
        for path in activity.requires:
            if _is_blank(field_at(event, path)):
                raise EventRefusedError(
                    Reason.MISSING_CONTEXT,
                    Problem(path, f"is missing; {event.event.action} requires it"),
                )
        return activity

    def settle(self, event: AuditEvent) -> AuditEvent:
        """Return the event with its activity's default outcome filled in. Raises as `check` does."""
        activity = self.check(event)
        if event.event.outcome is not None:
            return event
        settled = event.event.model_copy(update={"outcome": activity.outcome})
        return event.model_copy(update={"event": settled})


def _is_blank(value: object) -> bool:
    """Tell whether nothing is said: no value, an empty list, an object without one."""
    if isinstance(value, EventPart):
        return all(_is_blank(inner) for _, inner in value)
    return value is None or value == []


def _require_user(event: AuditEvent) -> None:
    """Hold that a person's event names the person; an empty name is a name that someone typed."""
    if event.audit.actor.kind == "system":
        return
    if event.user is None or (event.user.id is None and event.user.name is None):
        raise EventRefusedError(
            Reason.MISSING_CONTEXT,
            Problem(
                "user",
                "is missing; give user.id or user.name, or set audit.actor.kind to system",
            ),
        )


@cache
def _shipped() -> dict[str, Activity]:
    resource = files("audit_schemas").joinpath("activities.toml")
    return _parse(resource.read_text("utf-8"), "activities.toml")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise CatalogueError(f"{path}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CatalogueError(f"{path}: is not UTF-8 text") from None


def _parse(text: str, name: str) -> dict[str, Activity]:
    try:
        found: dict[str, Any] = tomllib.loads(text)
        activities = _File.model_validate(found).activities
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{name}: is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"] if part != "[key]")
        said = (
            "is not a key of a catalogue or an activity"
            if first["type"] == "extra_forbidden"
            else first["msg"]
        )
        raise CatalogueError(f"{name}: {where}: {said}") from None
    known = model_paths(AuditEvent)
    for action, activity in activities.items():
        if unknown := [path for path in activity.requires if path not in known]:
            raise CatalogueError(
                f"{name}: activities.{action}.requires: {unknown[0]} is not a field of an event"
            )
    return activities
