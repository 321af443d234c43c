"""A record's bytes straight from its arguments, without a model, for most events.

Events that come with the same arguments differ in their values alone. The first of them is arranged as
all are (`event_fields`), with marks for values, and becomes a template; in the others' text, their own
values stand there. The grammar of canonical events, which is generated from the model
(`audit_schemas.grammar`), tells whether the model would accept that text and write the same. What it
does not recognise (an escape, a name to be cut, a mistake) is for the model: it sanitizes or refuses.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from types import NoneType
from typing import Any, NamedTuple

from audit_schemas import Catalogue, EventRefusedError, TimeBounds, is_ip
from pydantic_core import to_json

from audit_producer.build import event_fields
from audit_producer.template import Template, is_canonical, marked

__all__ = ["FastPath", "Ready"]

_TEMPLATES_MOST = 1024
_TEXT_MOST = 4096
"""Templates that are kept, and characters of what is the same in one: 8 MiB at the very most."""


class Ready(NamedTuple):
    """A record that Kafka can have."""

    value: bytes
    key: str | None


class FastPath:
    """Agrees with the model, the catalogue and the bounds, or declines.

    `arrange` makes wire fields in the model's order of the arguments that `ready` gets. Where it puts a
    value may depend on which there are, and on those of the names `fixed`, which have few values.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        bounds: TimeBounds,
        arrange: Callable[[Mapping[str, Any]], dict[str, Any]] = event_fields,
        fixed: Iterable[str] = ("action", "outcome"),
    ) -> None:
        self._requires = {
            action: tuple(path.split(".") for path in activity.requires)
            for action, activity in catalogue.items()
        }
        self._bounds = bounds
        self._arrange = arrange
        self._fixed = frozenset(fixed)
        self._layouts: dict[tuple[tuple[str, ...], tuple[type, ...]], _Layout] = {}

    def ready(self, given: Mapping[str, Any], received: datetime | None) -> Ready | None:
        """Return the record of arguments, None for what the model is to judge.

        Without `received`, the event's id and time are taken to be new.
        """
        layout = self._layouts.get((tuple(given), tuple(map(type, given.values()))))
        try:
            if layout is None:
                layout = self._new_layout(given)
            found = [*layout.plain(given)]
            shape: list[object] = [layout.fixed(given)]
            for name in layout.nested:
                _take_apart(given[name], shape, found)
            template = layout.templates.get(tuple(shape)) or self._new_template(
                given, layout, tuple(shape)
            )
            values = template.values(found)
            if received is not None:
                self._bounds.check(values[template.time], received)
            text = template.filled(values, is_new=received is None)
            return None if text is None else Ready(text.encode(), template.key(values))
        except (_UnusualError, EventRefusedError, ValueError, RecursionError):
            return None  # ValueError: a lone surrogate, an integer of thousands of digits

    def ready_fields(self, fields: Mapping[str, Any], received: datetime) -> Ready | None:
        """Return the record of wire fields that are in the model's order, None for all others."""
        try:
            if not _is_plain(fields):
                return None
            value = to_json(fields)
            if not is_canonical(value.decode()):
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
        kinds = dict(zip(given, map(type, given.values()), strict=True))
        if not set(kinds.values()) <= {str, int, dict, list, NoneType}:
            raise _UnusualError
        fixed = [name for name in given if name in self._fixed and kinds[name] is not NoneType]
        plain = [name for name in given if kinds[name] in (str, int) and name not in fixed]
        nested = [name for name in given if kinds[name] in (dict, list)]
        if not fixed or {kinds[name] for name in fixed} != {str} or len(plain) < 2:  # noqa: PLR2004 - no id and time, and a getter of one gives no tuple
            raise _UnusualError
        if len(self._layouts) >= _TEMPLATES_MOST:
            self._layouts.clear()
        layout = _Layout(itemgetter(*fixed), itemgetter(*plain), nested, {})
        self._layouts[tuple(given), tuple(kinds.values())] = layout
        return layout

    def _new_template(
        self, given: Mapping[str, Any], layout: "_Layout", shape: tuple[object, ...]
    ) -> Template:
        """Make and keep the template of an event.

        Raises _UnusualError or ValueError if the catalogue wants more than it has, or less.
        """
        example, kinds = marked(given, self._fixed)
        fields = self._arrange(example)
        if type(labels := fields.get("labels")) is dict:
            if not set(map(type, labels)) <= {str}:
                raise _UnusualError
            fields["labels"] = dict(sorted(labels.items()))  # as the model does
        try:
            is_complete = self._is_complete(fields["event"]["action"], fields)
        except (KeyError, TypeError):  # without an actor, for instance, which the model would add
            raise _UnusualError from None
        if not is_complete:
            raise _UnusualError
        template = Template.of(fields, kinds)
        layouts = list(self._layouts.values())  # a copy: other threads add to them meanwhile
        if sum(len(each.templates) for each in layouts) >= _TEMPLATES_MOST:
            self._layouts.clear()
        if template.size <= _TEXT_MOST:
            layout.templates[shape] = template
        return template

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


class _UnusualError(Exception):
    """Only the model knows."""


class _Layout(NamedTuple):
    """What arguments of these names and types have in common."""

    fixed: Callable[[Mapping[str, Any]], object]
    plain: Callable[[Mapping[str, Any]], Sequence[str | int]]
    nested: Sequence[str]
    """Objects and lists."""
    templates: dict[tuple[object, ...], Template]


def _take_apart(part: Any, shape: list[object], values: list[str | int]) -> None:
    """Append the values of an object or a list to `values`, and all else that it is to `shape`.

    Raises _UnusualError for what is not of JSON's own types; the model refuses some of these too.
    """
    if type(part) is dict:
        shape.append(tuple(part))
        part = part.values()
    kinds = tuple(map(type, part))
    shape.append(kinds)
    if kinds.count(str) == len(kinds):
        values += part
        return
    for kind, value in zip(kinds, part, strict=True):
        if kind is str or kind is int:
            values.append(value)
        elif kind is dict or kind is list:
            _take_apart(value, shape, values)
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


def _is_given(fields: Mapping[str, Any], path: list[str]) -> bool:
    found: Any = fields
    for name in path:
        found = found.get(name) if type(found) is dict else None
    if type(found) is dict:
        return any(type(inner) is str for inner in found.values())
    return found is not None and found != []


def _key(user: Mapping[str, str] | None) -> str | None:
    return None if user is None else user.get("id") or user.get("name")
