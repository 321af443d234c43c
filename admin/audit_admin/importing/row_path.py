"""Paths into a row: a column, or `actor.id`, `targets.0.id`, `targets[type=User].id`. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["RowPath", "read_path", "text_of"]

_STEPS = re.compile(r"(?:^|\.)([^.\[\]]+)|\[([^=\[\]]+)=([^\[\]]*)\]")
_INDEX_DIGITS = 4


class _Named(NamedTuple):
    """The first entry of a list that has this text under this name."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class RowPath:
    """Where a value is in a row."""

    text: str
    """As written in the mapping. A column of exactly this name comes first."""
    steps: tuple[str | _Named, ...]
    """Empty if `text` can only be the name of a column."""
    of: Callable[[Mapping[str, Any]], Any] = field(init=False, compare=False, repr=False)
    """Returns what is there in a row, None if nothing is."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", _getter(self.text, self.steps))

    def replaced(self, row: Mapping[str, Any], value: object) -> dict[str, Any]:
        """Return a copy of a row, in which something is here, that has `value` in its place."""
        if self.text in row or len(self.steps) == 1:
            return {**row, self.text: value}
        copy: dict[str, Any] = _replaced(row, self.steps, value)
        return copy

    def indices(self) -> list[tuple["RowPath", int]]:
        """Return each list that is read by position, and which position it is."""
        found: list[tuple[RowPath, int]] = []
        for at, step in enumerate(self.steps):
            if at and isinstance(step, str) and _is_index(step):
                before = self.steps[:at]
                text = ".".join(part for part in before if isinstance(part, str))
                if all(isinstance(part, str) for part in before):
                    found.append((RowPath(text, before), int(step)))
        return found

    def starts_with(self, other: "RowPath") -> bool:
        """Tell whether this leads to something inside of what the other one leads to."""
        return self.steps[: len(other.steps)] == other.steps


def read_path(text: str) -> RowPath:
    """Read a path. What is not one can still be the name of a column."""
    steps: list[str | _Named] = []
    at = 0
    while at < len(text):
        step = _STEPS.match(text, at)
        if step is None:
            return RowPath(text, ())
        steps.append(step[1] if step[1] is not None else _Named(step[2], step[3]))
        at = step.end()
    return RowPath(text, tuple(steps))


def text_of(found: Any) -> str | None:
    """Return a value of a row as text without white space around it; None for one that is blank."""
    if isinstance(found, str):  # first, as nearly all are
        return found.strip() or None
    match found:
        case None:
            return None
        case bool():
            return "true" if found else "false"
        case int() | float():
            return str(found)
        case _:
            return json.dumps(found, ensure_ascii=False) if found else None


def _getter(text: str, steps: tuple[str | _Named, ...]) -> Callable[[Mapping[str, Any]], Any]:
    """Return what `RowPath.of` is: made once, since it is called for every field of every row."""
    match steps:
        case () | (_,):
            return lambda row: row.get(text)
        case str(first), str(second):
            return _getter_of_two(text, first, second)

    def of(row: Mapping[str, Any]) -> Any:
        if text in row:
            return row[text]
        found: Any = row
        for step in steps:
            is_name = type(found) is dict and type(step) is str
            found = found.get(step) if is_name else _inside(found, step)
            if found is None:
                return None
        return found

    return of


def _getter_of_two(text: str, first: str, second: str) -> Callable[[Mapping[str, Any]], Any]:
    """Return the function for the most common paths, such as `actor.id`."""

    def of(row: Mapping[str, Any]) -> Any:
        if text in row:
            return row[text]
        inner = row.get(first)
        return inner.get(second) if type(inner) is dict else _inside(inner, second)

    return of


def _inside(found: Any, step: str | _Named) -> Any:
    if isinstance(step, _Named):
        return _named(found, step) if isinstance(found, list) else None
    if isinstance(found, dict):
        return found.get(step)
    if isinstance(found, list) and _is_index(step):
        return found[int(step)] if int(step) < len(found) else None
    return None


def _replaced(found: Any, steps: tuple[str | _Named, ...], value: object) -> Any:
    """Return a copy of an object or list that has another value where these steps lead."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(found, list):
        entry = _inside(found, step)
        return [_replaced(one, rest, value) if one is entry else one for one in found]
    return {**found, str(step): _replaced(found[str(step)], rest, value)}


def _named(entries: list[Any], named: _Named) -> Any:
    name, text = named
    for entry in entries:
        if isinstance(entry, dict) and text_of(entry.get(name)) == text:
            return entry
    return None


def _is_index(step: str) -> bool:
    return step.isascii() and step.isdigit() and len(step) <= _INDEX_DIGITS
