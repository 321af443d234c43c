"""Make events: pure functions from a service's own terms to the event's fields."""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from typing import Any, TypedDict, Unpack
from uuid import UUID

from audit_schemas import AuditEvent, format_timestamp, new_event_id, present_timestamp, validate

from audit_producer.masking import MASK, is_secret_name, masked

__all__ = [
    "Changes",
    "Context",
    "Person",
    "complete",
    "event_fields",
    "new_event",
    "settle",
    "settled",
    "shown_changes",
    "with_id",
]

_VALUE_MAX = 8192
_OF_EVENT = ("outcome", "reason", "sequence")
_OBJECTS = (
    ("ip", "source", "ip"),
    ("service", "service", "name"),
    ("organization", "organization", "id"),
    ("user_agent", "user_agent", "original"),
    ("trace", "trace", "id"),
)
"""Context that is the one value of an object: its name, the object's, and the value's there."""
_WHOLE = ("labels", "message")

Changes = Mapping[str, tuple[object, object]]
"""What was changed: field -> (before, after). Values under secret-looking names are masked."""


class Person(TypedDict, total=False):
    """A user account. A plain string stands for its id."""

    id: str
    name: str
    email: str
    roles: list[str]


class Context(TypedDict, total=False):
    """What any event may come with."""

    effective_user: str | Person | None
    """As whom `user` acted, where that is somebody else: "log in as", support for a customer."""
    ip: str | IPv4Address | IPv6Address | None
    """The client's address; see `client_ip` behind a proxy."""
    session: str | None
    organization: str | None
    service: str | None
    user_agent: str | None
    trace: str | None
    outcome: str | None
    reason: str | None
    sequence: int | None
    message: str | None
    labels: Mapping[str, str] | None
    at: datetime | None
    """When it happened, with a zone; now, if left out."""
    event_id: str | None
    """An id of the service's own, the same at every retry; a new one, if left out."""


def new_event(
    action: str,
    *,
    user: str | Person | None,
    chat: str | None = None,
    target_user: str | Person | None = None,
    target: Mapping[str, str] | None = None,
    changes: Changes | None = None,
    **context: Unpack[Context],
) -> AuditEvent:
    """Make an event; `user` None means that the system itself acted.

    Invalid names, user agents, messages and labels are sanitized. Raises EventRefusedError for anything
    else that breaks the contract, ValueError for a time without a zone.
    """
    given = settled(
        action=action,
        user=user,
        chat=chat,
        target_user=target_user,
        target=target,
        changes=changes,
        **context,
    )
    return validate(event_fields(given))


def settled(**given: Any) -> dict[str, Any]:
    """Return the arguments of `new_event` as they are written: with an id, and times as texts."""
    settle(given)
    return given


def settle(given: dict[str, Any]) -> None:
    """Turn arguments of `new_event` into what `settled` returns."""
    get = given.get
    given["event_id"] = get("event_id") or new_event_id()
    given["at"] = format_timestamp(at) if (at := get("at")) else present_timestamp()
    if (ip := get("ip")) is not None:
        given["ip"] = str(ip)
    given["changes"] = shown_changes(changes) if (changes := get("changes")) else None


def event_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the wire fields of `settled` arguments in the model's order, not validated.

    Which fields there are depends on which arguments are given, and not on what they say.
    """
    get = given.get
    user = given["user"]
    person = _person(user, get("effective_user"), get("target_user"))
    event: dict[str, Any] = {"id": given["event_id"], "action": given["action"]}
    for name in _OF_EVENT:
        if (value := get(name)) is not None:
            event[name] = value
    fields: dict[str, Any] = {"event": event, "@timestamp": given["at"]}
    if person:
        fields["user"] = person
    for name, place, inner in _OBJECTS:
        if (value := get(name)) is not None:
            fields[place] = {inner: value}
    for name in _WHOLE:
        if (value := get(name)) is not None:
            fields[name] = value
    fields["audit"] = {
        "actor": {"kind": "system" if user is None else "user"},
        **_given(
            chat=_named("id", get("chat")),
            session=_named("id", get("session")),
            target=get("target"),
            changes=get("changes"),
        ),
    }
    return fields


def complete(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of wire fields with a new id and the present time where they have none."""
    whole = with_id(fields, new_event_id)
    if whole.get("@timestamp") is None:
        whole["@timestamp"] = present_timestamp()
    return whole


def with_id(fields: Mapping[str, Any], make: Callable[[], str]) -> dict[str, Any]:
    """Return a copy of wire fields with the id that `make` gives, if they have none."""
    event = fields.get("event", {})
    if not isinstance(event, Mapping) or event.get("id") is not None:
        return dict(fields)
    return {**fields, "event": {**event, "id": make()}}


def _person(
    user: str | Person | None, effective: str | Person | None, target: str | Person | None
) -> dict[str, Any]:
    person = _account(user)
    if effective is not None:
        person["effective"] = _account(effective)
    if target is not None:
        person["target"] = _account(target)
    return person


def _account(user: str | Person | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"id": user} if isinstance(user, str) else dict(user)


def shown_changes(changes: Changes) -> list[dict[str, Any]]:
    """Return entries of audit.changes: texts, cut where they are long, secrets masked."""
    return [
        {"field": field, **_given(before=_shown(field, before), after=_shown(field, after))}
        for field, (before, after) in changes.items()
    ]


def _shown(field: str, value: object) -> str | None:
    if value is None:
        return None
    if is_secret_name(field):
        return MASK
    text = value if isinstance(value, str) else json.dumps(masked(value), default=_plain)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _VALUE_MAX else text[: _VALUE_MAX - 1] + "…"


def _plain(value: object) -> str:
    """Write a value that JSON does not know. What is no plain value may hold secrets: its type only."""
    if isinstance(value, date | time | Decimal | UUID | PurePath | Enum):
        return str(value)
    return f"<{type(value).__name__}>"


def _named(name: str, value: str | None) -> dict[str, str] | None:
    return None if value is None else {name: value}


def _given(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
