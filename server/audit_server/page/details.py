"""A whole event as a reader wants it: fields in groups, changes before and after. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit_schemas import SYSTEM, printable, shown_person

__all__ = ["Details", "Fact", "FieldChange", "FieldGroup", "details_of", "flattened"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A field of an event; `parameter` names the filter that filters by its value, if there is one."""

    label: str
    value: str
    parameter: str | None = None


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields that belong together."""

    title: str
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """What a field was, and what it is; None where there was nothing, or is nothing."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Details:
    """All there is to see of one event."""

    message: str | None
    groups: Sequence[FieldGroup]
    changes: Sequence[FieldChange]
    json: str


_GROUPS: Mapping[str, Mapping[str, tuple[str, str | None]]] = {
    "What happened": {
        "event.action": ("Activity", "activity"),
        "event.outcome": ("Outcome", "outcome"),
        "event.reason": ("Reason", None),
        "@timestamp": ("Date and Time", None),
        "audit.chat.id": ("Chat", "chat"),
        "audit.target.type": ("Target type", None),
        "audit.target.name": ("Target name", None),
        "audit.target.id": ("Target id", None),
    },
    "Who": {
        "audit.user": ("User", "user"),
        "user.name": ("User name", "user"),
        "user.id": ("User id", "user"),
        "user.email": ("E-mail", None),
        "user.roles": ("Roles", None),
        "audit.actor.kind": ("Person or system", None),
        "audit.session.id": ("Session", "session"),
        "user.effective.name": ("Effective user", "effective_user"),
        "user.effective.id": ("Effective user id", "effective_user"),
        "user.effective.email": ("Effective e-mail", None),
        "user.effective.roles": ("Effective roles", None),
        "user.target.name": ("Target user", "user"),
        "user.target.id": ("Target user id", "user"),
        "user.target.email": ("Target e-mail", None),
        "user.target.roles": ("Target roles", None),
    },
    "Source": {
        "source.ip": ("IP Address", "ip"),
        "audit.source.network": ("Network", "ip"),
        "source.as.organization.name": ("Network's owner", None),
        "source.as.number": ("AS number", "asn"),
        "source.geo.country_iso_code": ("Country", "country"),
        "source.geo.city_name": ("City", None),
        "user_agent.original": ("User agent", None),
        "service.name": ("Service", "service"),
        "service.version": ("Service version", None),
        "organization.id": ("Organization", "org"),
        "trace.id": ("Trace", None),
    },
}
_ELSEWHERE = ("message", "audit.changes")
"""Shown in a way of their own."""
_IMPLIED = ("related.", "ecs.version", "event.kind")
"""Of older events: copies of what is shown already, and what is the same for all; the JSON has them."""


def details_of(event: Mapping[str, Any]) -> Details:
    """Return an event's fields in groups; what has no place of its own comes last, under its path."""
    is_system = event["audit"].get("actor", {}).get("kind") == SYSTEM
    flat = dict(flattened(_without_copies(event)))
    groups = []
    for title, known in _GROUPS.items():
        facts = [
            Fact(label, value, parameter if _finds_it(path, value, is_system=is_system) else None)
            for path, (label, parameter) in known.items()
            if (value := flat.pop(path, None)) is not None
        ]
        groups.append(FieldGroup(title, _without_echoes(facts)))
    labels = event.get("labels") or {}
    groups.append(
        FieldGroup("Labels", [Fact(_text(name), _text(labels[name])) for name in sorted(labels)])
    )
    rest = [
        Fact(_text(path), value)
        for path, value in flat.items()
        if path not in _ELSEWHERE and not path.startswith(_IMPLIED)
    ]
    groups.append(FieldGroup("Record", rest))
    return Details(
        flat.get("message"),
        [group for group in groups if group.facts],
        [_field_change(change) for change in event.get("audit", {}).get("changes") or ()],
        printable(json.dumps(event, ensure_ascii=False, indent=2)).replace("\\u000a", "\n"),
    )


def flattened(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each leaf's dotted path and its text; lists are joined by commas, empty ones left out."""
    for name, inner in value.items():
        here = f"{path}.{name}" if path else name
        if isinstance(inner, Mapping):
            yield from flattened(inner, here)
        elif isinstance(inner, list):
            if inner:
                yield here, ", ".join(map(_text, inner))
        elif inner is not None:
            yield here, _text(inner)


def _without_copies(event: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out labels, which have a group of their own, and the published bytes, in the JSON alone."""
    inner = {name: value for name, value in event["event"].items() if name != "original"}
    return {name: value for name, value in event.items() if name != "labels"} | {"event": inner}


def _finds_it(path: str, value: str, *, is_system: bool) -> bool:
    """Tell whether a filter for the value finds its bearer: of a person called system, the system."""
    is_own = path in ("user.name", "user.id")
    is_targets = path.startswith("user.target.")
    return not (is_targets or (is_own and not is_system)) or shown_person(value) == value


def _without_echoes(facts: Sequence[Fact]) -> list[Fact]:
    """Leave out `User` where a name or id beside it says the same."""
    values = [fact.value for fact in facts if fact.label != "User"]
    return [fact for fact in facts if fact.label != "User" or fact.value not in values]


def _field_change(change: Mapping[str, Any]) -> FieldChange:
    before, after = change.get("before"), change.get("after")
    return FieldChange(
        _text(change.get("field", "")),
        None if before is None else _text(before),
        None if after is None else _text(after),
    )


def _text(value: object) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
