"""A record's bytes straight from its arguments, without a model, for most events.

Events that come with the same arguments differ in their values alone. The first of a form is arranged
as all are (`event_fields`), with marks for values; in the others' text, their own values stand there.
The grammar of canonical events, which is generated from the model (`audit_schemas.grammar`), tells
whether the model would accept that text and write the same. What it does not recognise (an escape, a
name to be cut, a mistake) is for the model: it sanitizes or refuses.
"""

import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from audit_schemas import Catalogue, EventRefusedError, TimeBounds, canonical_form, is_ip
from pydantic_core import to_json

from audit_producer.build import event_fields

__all__ = ["FastPath", "Ready"]

_FORMS_MOST = 1024
_TEMPLATE_MOST = 4096
"""Forms that are kept, and characters of one: 8 MiB at the very most."""

_MARK = os.urandom(12).hex()
"""What nobody can give as a name: a mark is this and the number of the value that it stands for."""


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
        self._forms: dict[tuple[object, ...], _Form] = {}

    def ready(self, given: Mapping[str, Any], received: datetime | None) -> Ready | None:
        """Return the record of `settled` arguments, None for what the model is to judge.

        Without `received`, the event's time is taken to be the present.
        """
        shape: list[object] = []
        values: list[str | int] = []
        try:
            _take_apart(given, shape, values)
            form = self._form(given, shape)
            text = form.template % form.values_of(values)
            value = text.encode()
            if received is not None:
                self._bounds.check(given["at"], received)
        except (_UnusualError, EventRefusedError, ValueError, RecursionError):
            return None  # ValueError: a lone surrogate, an integer of thousands of digits
        if text.count('"') != form.quotes or _canonical().fullmatch(text) is None:
            return None
        if (ip := given.get("ip")) is not None and not is_ip(ip):
            return None
        return Ready(value, _key(given["user"]))

    def ready_fields(self, fields: Mapping[str, Any], received: datetime) -> Ready | None:
        """Return the record of wire fields that are in the model's order, None for all others."""
        try:
            if not _is_plain(fields):
                return None
            value = to_json(fields)
            if _canonical().fullmatch(value.decode()) is None:
                return None  # else it has all that every event has, of the right types
            self._bounds.check(fields["@timestamp"], received)
        except (EventRefusedError, ValueError, RecursionError):
            return None
        labels, ip = fields.get("labels", {}), fields.get("source", {}).get("ip")
        if list(labels) != sorted(labels) or (ip is not None and not is_ip(ip)):
            return None
        if not self._is_complete(fields["event"]["action"], fields):
            return None
        is_system = fields["audit"]["actor"]["kind"] == "system"
        return Ready(value, None if is_system else _key(fields.get("user")))

    def _form(self, given: Mapping[str, Any], shape: list[object]) -> "_Form":
        known = (given["action"], *shape)
        form = self._forms.get(known)
        if form is None:
            form = self._new_form(given)
            if len(self._forms) >= _FORMS_MOST:
                self._forms.clear()
            if len(form.template) <= _TEMPLATE_MOST:
                self._forms[known] = form
        return form

    def _new_form(self, given: Mapping[str, Any]) -> "_Form":
        """Make the form of an event. Raises _UnusualError if the catalogue wants more than it has."""
        kinds: list[type] = []
        fields = event_fields(_marked(given, kinds))
        if type(labels := fields.get("labels")) is dict:
            if not set(map(type, labels)) <= {str}:
                raise _UnusualError
            fields["labels"] = dict(sorted(labels.items()))  # as the model does
        if not self._is_complete(given["action"], fields):
            raise _UnusualError
        order: list[int] = []

        def place(mark: re.Match[str]) -> str:
            order.append(int(mark[1]))
            return '"%s"' if kinds[order[-1]] is str else "%s"

        text = to_json(fields).decode().replace("%", "%%")
        template = re.sub(rf'"{_MARK}(\d+)"', place, text)
        if sorted(order) != list(range(len(kinds))):  # an argument that events don't have
            raise _UnusualError
        return _Form(template, itemgetter(*order), template.count('"'))

    def _is_complete(self, action: str, fields: Mapping[str, Any]) -> bool:
        """Tell whether everything is given that the catalogue requires of the activity."""
        paths = self._requires.get(action)
        if paths is None:
            return False
        user = fields.get("user", {})
        is_system = fields["audit"]["actor"]["kind"] == "system"
        if user.get("id") is None and user.get("name") is None and not is_system:
            return False
        return all(_is_given(fields, path) for path in paths)


class _Form(NamedTuple):
    """The text of events that come with the same arguments."""

    template: str
    values_of: Callable[[list[str | int]], Any]
    """Put an event's values into the template's order."""
    quotes: int
    """A text with more has one inside a value, which the grammar would take for the value's end."""


class _UnusualError(Exception):
    """Only the model knows."""


def _take_apart(part: Mapping[str, Any], shape: list[object], values: list[str | int]) -> None:
    """Append a part's values to `values`, and everything else that it is to `shape`.

    Raises _UnusualError for what is not of JSON's own types; the model refuses some of what can be
    written too.
    """
    shape.append(len(part))
    for name, value in part.items():
        kind = type(value)
        shape += (name, type(name), kind)
        if kind is str or kind is int:
            values.append(value)
        elif kind is dict:
            _take_apart(value, shape, values)
        elif kind is list:
            _take_apart(dict(enumerate(value)), shape, values)  # type: ignore[arg-type]
        elif value is not None:
            raise _UnusualError


def _is_plain(part: Mapping[str, Any]) -> bool:
    """Tell whether there are only JSON's own types: others can be written too, and be refused."""
    for name, value in part.items():
        kind = type(value)
        if type(name) is not str:
            return False
        if kind is dict:
            if not _is_plain(value):
                return False
        elif kind is list:
            if not all(type(one) is str or (type(one) is dict and _is_plain(one)) for one in value):
                return False
        elif kind is not str and kind is not int:
            return False
    return True


def _marked(part: Any, kinds: list[type]) -> Any:
    """Return a copy with marks for values, of which each one's type is appended to `kinds`."""
    if type(part) is dict:
        return {name: _marked(value, kinds) for name, value in part.items()}
    if type(part) is list:
        return [_marked(value, kinds) for value in part]
    if part is None:
        return None
    kinds.append(type(part))
    return f"{_MARK}{len(kinds) - 1}"


def _is_given(fields: Mapping[str, Any], path: list[str]) -> bool:
    found: Any = fields
    for name in path:
        found = found.get(name) if type(found) is dict else None
    if type(found) is dict:
        return any(type(inner) is str for inner in found.values())
    return found is not None and found != []


def _key(user: str | Mapping[str, str] | None) -> str | None:
    if user is None or type(user) is str:
        return user
    return user.get("id") or user.get("name")  # type: ignore[union-attr]


@cache
def _canonical() -> re.Pattern[str]:
    return canonical_form(())
