"""A record's bytes straight from its arguments, without a model, for most events.

Events that come with the same arguments differ in their values alone. The first of a form is arranged
as all are (`event_fields`), with marks for values; in the others' text, their own values stand there.
The grammar of canonical events, which is generated from the model (`audit_schemas.grammar`), tells
whether the model would accept that text and write the same. What it does not recognise (an escape, a
name to be cut, a mistake) is for the model: it sanitizes or refuses.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import itemgetter
from types import NoneType
from typing import Any, NamedTuple

from audit_schemas import Catalogue, EventRefusedError, TimeBounds, canonical_form, is_ip
from pydantic_core import to_json

from audit_producer.build import event_fields

__all__ = ["FastPath", "Ready"]

_FORMS_MOST = 1024
_TEXT_MOST = 4096
"""Forms that are kept, and characters of what is the same in one: 8 MiB at the very most."""

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
        self._layouts: dict[tuple[tuple[str, ...], tuple[type, ...]], _Layout] = {}

    def ready(self, given: Mapping[str, Any], received: datetime | None) -> Ready | None:
        """Return the record of `settled` arguments, None for what the model is to judge.

        Without `received`, the event's time is taken to be the present.
        """
        layout = self._layouts.get((tuple(given), tuple(map(type, given.values()))))
        try:
            if layout is None:
                layout = self._new_layout(given)
            values = [*layout.plain(given)]
            shape: list[object] = [given["action"]]
            for name in layout.nested:
                _take_apart(given[name], shape, values)
            form = layout.forms.get(tuple(shape)) or self._new_form(given, layout, tuple(shape))
            text = form.text_of(values)
            value = text.encode()
            if received is not None:
                self._bounds.check(given["at"], received)
        except (_UnusualError, EventRefusedError, ValueError, RecursionError):
            return None  # ValueError: a lone surrogate, an integer of thousands of digits
        if text.count('"') != form.quotes or _canonical(text.isascii())(text) is None:
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
            if _canonical(value.isascii())(value.decode()) is None:
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

    def _new_layout(self, given: Mapping[str, Any]) -> "_Layout":
        kinds = tuple(map(type, given.values()))
        if not set(kinds) <= {str, int, dict, list, NoneType}:
            raise _UnusualError
        plain = [name for name, kind in zip(given, kinds, strict=True) if kind is str or kind is int]
        nested = [name for name, kind in zip(given, kinds, strict=True) if kind is dict or kind is list]
        if len(plain) < 2:  # noqa: PLR2004 - no id and time, and a getter of one gives no tuple
            raise _UnusualError
        if len(self._layouts) >= _FORMS_MOST:
            self._layouts.clear()
        layout = _Layout(itemgetter(*plain), nested, {})
        self._layouts[tuple(given), kinds] = layout
        return layout

    def _new_form(
        self, given: Mapping[str, Any], layout: "_Layout", shape: tuple[object, ...]
    ) -> "_Form":
        """Make and keep the form of an event.

        Raises _UnusualError if the catalogue wants more than it has.
        """
        marked, kinds = _marked(given)
        fields = event_fields(marked)
        if type(labels := fields.get("labels")) is dict:
            if not set(map(type, labels)) <= {str}:
                raise _UnusualError
            fields["labels"] = dict(sorted(labels.items()))  # as the model does
        if not self._is_complete(given["action"], fields):
            raise _UnusualError
        pieces = re.split(rf'"{_MARK}(\d+)"', to_json(fields).decode())
        order = list(map(int, pieces[1::2]))
        if sorted(order) != list(range(len(kinds))):  # an argument that events don't have
            raise _UnusualError
        for slot, number in enumerate(order):
            if kinds[number] is str:
                pieces[2 * slot] += '"'
                pieces[2 * slot + 2] = '"' + pieces[2 * slot + 2]
        form = _Form(pieces, itemgetter(*order), int in kinds, sum(p.count('"') for p in pieces[::2]))
        if sum(len(each.forms) for each in self._layouts.values()) >= _FORMS_MOST:
            self._layouts.clear()
        if sum(map(len, pieces)) <= _TEXT_MOST:
            layout.forms[shape] = form
        return form

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

    pieces: list[str]
    """In turn what is the same in all, and something in place of a value."""
    values_of: Callable[[list[str | int]], Any]
    """Put an event's values into the order of the text."""
    has_numbers: bool
    quotes: int
    """A text with more has one inside a value, which the grammar would take for the value's end."""

    def text_of(self, values: list[str | int]) -> str:
        """Return the text of an event with these values."""
        pieces = self.pieces.copy()
        found = self.values_of(values)
        pieces[1::2] = map(str, found) if self.has_numbers else found
        return "".join(pieces)


class _UnusualError(Exception):
    """Only the model knows."""


class _Layout(NamedTuple):
    """What arguments of these names and types have in common."""

    plain: Callable[[Mapping[str, Any]], Sequence[str | int]]
    nested: Sequence[str]
    """Objects and lists."""
    forms: "dict[tuple[object, ...], _Form]"


def _take_apart(part: Any, shape: list[object], values: list[str | int]) -> None:
    """Append the values of an object or a list to `values`, and all else that it is to `shape`.

    Raises _UnusualError for what is not of JSON's own types; the model refuses some of these too.
    """
    items = part.items() if type(part) is dict else enumerate(part)
    shape.append(len(part))
    for name, value in items:
        kind = type(value)
        shape += (name, type(name), kind)
        if kind is str or kind is int:
            values.append(value)
        elif kind is dict or kind is list:
            _take_apart(value, shape, values)
        elif value is not None:
            raise _UnusualError


def _marked(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[type]]:
    """Return a copy with marks for values, and each value's type.

    They are numbered as `ready` takes them: those that are plain before those inside of others.
    """
    kinds: list[type] = []

    def mark(part: Any) -> Any:
        if type(part) is dict:
            return {name: mark(value) for name, value in part.items()}
        if type(part) is list:
            return [mark(value) for value in part]
        if part is None:
            return None
        kinds.append(type(part))
        return f"{_MARK}{len(kinds) - 1}"

    is_nested = {name: type(value) is dict or type(value) is list for name, value in given.items()}
    plain = {name: mark(value) for name, value in given.items() if not is_nested[name]}
    nested = {name: mark(value) for name, value in given.items() if is_nested[name]}
    return plain | nested, kinds


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
def _canonical(is_ascii: bool) -> Callable[[str], object]:  # noqa: FBT001 - the key of a cache
    return canonical_form((), is_ascii=is_ascii).fullmatch
