"""Wire fields as a record's bytes, without a model: for what is valid as it is, as most events are.

The fields are written as JSON, and the grammar of canonical events, which is generated from the model
(`audit_schemas.grammar`), tells whether the model would accept that text and write the same. What it
does not recognise (an escape, a name to be cut, a mistake) is for the model: it sanitizes or refuses.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from audit_schemas import Catalogue, EventRefusedError, TimeBounds, canonical_form, is_ip
from pydantic_core import to_json

__all__ = ["FastPath", "Ready"]


class Ready(NamedTuple):
    """A record that Kafka can have."""

    value: bytes
    key: str | None


class FastPath:
    """Agrees with the model, the catalogue and the bounds, or declines."""

    def __init__(self, catalogue: Catalogue, bounds: TimeBounds) -> None:
        self._requires = {
            action: tuple(path.split(".") for path in activity.requires)
            for action, activity in catalogue.items()
        }
        self._bounds = bounds

    def ready(self, fields: Mapping[str, Any], received: datetime | None) -> Ready | None:
        """Return the record of `event_fields`, None for what the model is to judge.

        Without `received`, the event's time is taken to be the present.
        """
        if not _is_plain(fields):
            return None
        try:
            value = to_json(fields)
        except ValueError:  # a lone surrogate
            return None
        if _form().fullmatch(value.decode()) is None:
            return None
        if not (self._is_complete(fields) and _is_sound(fields)):
            return None
        if received is not None:
            try:
                self._bounds.check(fields["@timestamp"], received)
            except EventRefusedError:
                return None
        return Ready(value, _key(fields))

    def _is_complete(self, fields: Mapping[str, Any]) -> bool:
        """Tell whether everything is given that the catalogue requires of the activity."""
        paths = self._requires.get(fields["event"]["action"])
        if paths is None:
            return False
        user = fields.get("user", {})
        if user.get("id") is None and user.get("name") is None and not _is_system(fields):
            return False
        return all(_is_given(fields, path) for path in paths)


def _is_plain(fields: Mapping[str, Any]) -> bool:
    """Tell whether all is of JSON's own types; the model refuses some that can be written too."""
    waiting: list[Mapping[str, Any]] = [fields]
    for part in waiting:  # which grows meanwhile
        for value in part.values():
            kind = type(value)
            if kind is dict:
                waiting.append(value)
            elif kind is list:
                waiting.append(dict(enumerate(value)))  # type: ignore[arg-type]
            elif kind is not str and kind is not int:
                return False
    return True


def _is_sound(fields: Mapping[str, Any]) -> bool:
    """Look at what the grammar leaves open, but for days that do not exist: a datetime has none."""
    if (source := fields.get("source")) is not None and not is_ip(source["ip"]):
        return False
    labels = fields.get("labels")
    if labels is None:
        return True
    return all(type(key) is str for key in labels) and list(labels) == sorted(labels)


def _is_given(fields: Mapping[str, Any], path: list[str]) -> bool:
    found: Any = fields
    for name in path:
        found = found.get(name)
        if found is None:
            return False
    if type(found) is dict:
        return any(type(inner) is str for inner in found.values())
    return bool(found != [])


def _is_system(fields: Mapping[str, Any]) -> bool:
    return bool(fields["audit"]["actor"]["kind"] == "system")


def _key(fields: Mapping[str, Any]) -> str | None:
    user = fields.get("user")
    if user is None or _is_system(fields):
        return None
    key: str | None = user.get("id") or user.get("name")
    return key


@cache
def _form() -> re.Pattern[str]:
    return canonical_form(())
