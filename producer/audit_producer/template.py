"""The text of events that come with the same arguments: what is the same in all, and slots for values.

A template is made from the wire fields of one such event, with marks in place of its values. Pure.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any

from audit_schemas import canonical_form, is_ip
from pydantic_core import to_json

__all__ = ["Template", "is_canonical", "marked"]

Value = str | int

_MARK = os.urandom(12).hex()
"""What nobody can give as a name: a mark is this and the number of the value that it stands for."""
_CHECKED = {"event.id": "x" * 16, "@timestamp": "2026-11-23T09:30:00Z", "source.ip": "::"}
"""Examples of what is looked at by itself."""
_USUAL = r"[ !#-\[\]-~]{1,256}+"
"""What all fields of free text take, as it is: printable ASCII that JSON does not escape."""
_is_ip = lru_cache(maxsize=4096)(is_ip)  # the same addresses come again and again
_are_usual = re.compile(rf"{_USUAL}(?:\n{_USUAL})*+").fullmatch


@dataclass(frozen=True, slots=True)
class Template:
    """The text of events that come with the same arguments."""

    _pieces: list[str]
    """In turn what is the same in all, and a slot."""
    _in_order: Callable[[Sequence[Value]], tuple[Value, ...]]
    """Puts an event's values into the order of the slots."""
    _has_numbers: bool
    _quotes: int
    """A text with more has one inside a value, which would be taken for the value's end."""
    _is_free: bool
    """Whether all values are free text, but for id, time and address."""
    time: int
    """The slot of the event's time."""
    _ip: int | None
    _key: int | None

    @classmethod
    def of(cls, fields: Mapping[str, Any], kinds: Sequence[type]) -> "Template":
        """Return the template of wire fields that have marks, given each value's type.

        Raises ValueError unless each value stands in one place, and there are an id and a time.
        """
        pieces = re.split(rf'"{_MARK}(\d+)"', to_json(fields).decode())
        order = list(map(int, pieces[1::2]))
        if sorted(order) != list(range(len(kinds))):  # an argument that events don't have
            raise ValueError("a value has no place, or several")
        for slot, number in enumerate(order):
            pieces[2 * slot + 1] = "0"
            if kinds[number] is str:
                pieces[2 * slot] += '"'
                pieces[2 * slot + 2] = '"' + pieces[2 * slot + 2]
        paths = list(_paths(fields, ""))
        at = {path: slot for slot, path in enumerate(paths)}
        is_system = fields["audit"]["actor"]["kind"] == "system"
        return cls(
            pieces,
            itemgetter(*order),
            int in kinds,
            sum(piece.count('"') for piece in pieces[::2]),
            is_canonical(_text(pieces, [_CHECKED.get(path, "x" * 256) for path in paths])),
            paths.index("@timestamp"),
            at.get("source.ip"),
            None if is_system else at.get("user.id", at.get("user.name")),
        )

    @property
    def size(self) -> int:
        """How many characters are the same in all."""
        return sum(map(len, self._pieces))

    def values(self, values: Sequence[Value]) -> tuple[str, ...]:
        """Return an event's values as texts in the order of the slots."""
        found = self._in_order(values)
        return tuple(map(str, found)) if self._has_numbers else found  # type: ignore[return-value]

    def filled(self, values: tuple[str, ...], *, is_new: bool) -> str | None:
        """Return the text with values in the slots, None unless the model would write the same.

        That the day of its time exists is not looked at; nothing of an id and a time that are new is.
        """
        text = _text(self._pieces, values)
        is_usual = is_new and self._is_free and _are_usual("\n".join(values)) is not None
        if not is_usual and (text.count('"') != self._quotes or not is_canonical(text)):
            return None
        return text if self._ip is None or _is_ip(values[self._ip]) else None

    def key(self, values: tuple[str, ...]) -> str | None:
        """Return the record's key: the user's id, else their name."""
        return None if self._key is None else values[self._key]


def marked(given: Mapping[str, Any], fixed: frozenset[str]) -> tuple[dict[str, Any], list[type]]:
    """Return a copy with marks in place of values, but for the fixed ones, and each value's type.

    They are numbered in order, but those that are plain before those inside of others.
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
    plain = {
        name: value if name in fixed else mark(value)
        for name, value in given.items()
        if not is_nested[name]
    }
    nested = {name: mark(value) for name, value in given.items() if is_nested[name]}
    return plain | nested, kinds


def _text(pieces: list[str], values: Sequence[str]) -> str:
    text = pieces.copy()
    text[1::2] = values
    return "".join(text)


def _paths(part: Any, path: str) -> Iterator[str]:
    """Yield the path of each mark in the order of the text; a list's entries are at its path and []."""
    if type(part) is dict:
        for name, inner in part.items():
            yield from _paths(inner, f"{path}.{name}" if path else name)
    elif type(part) is list:
        for inner in part:
            yield from _paths(inner, f"{path}[]")
    elif type(part) is str and part.startswith(_MARK):
        yield path


def is_canonical(text: str) -> bool:
    """Tell whether the grammar of canonical events knows a text; see `canonical_form`."""
    return _canonical(text.isascii())(text) is not None


@cache
def _canonical(is_ascii: bool) -> Callable[[str], object]:  # noqa: FBT001 - the key of a cache
    return canonical_form((), is_ascii=is_ascii).fullmatch
