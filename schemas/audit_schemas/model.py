"""The event model, walked: its paths, and what is at a path."""

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from operator import attrgetter

from pydantic import BaseModel

from audit_schemas.event import EventPart, Mapped

__all__ = ["Leaf", "default_values", "field_at", "leaves", "model_paths"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field that holds a value: its wire path, and how it is mapped."""

    path: str
    mapped: Mapped


def leaves(model: type[EventPart], prefix: str = "", *, into_lists: bool = True) -> Iterator[Leaf]:
    """Yield each field of the model that holds a value, depth first, in the model's order.

    Without `into_lists`, a list of objects is one field.
    """
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        part = _part_in(field.annotation)
        if part is not None and (into_lists or not _is_list(field.annotation)):
            yield from leaves(part, f"{path}.", into_lists=into_lists)
        else:
            marks = [*field.metadata, *_marks(field.annotation)]
            yield Leaf(path, next((m for m in marks if isinstance(m, Mapped)), Mapped()))


def default_values(model: type[EventPart], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the path and the value of each field that is written where nothing is given."""
    for name, field in model.model_fields.items():
        path, part = f"{prefix}{field.alias or name}", _part_in(field.annotation)
        if field.is_required() or field.default is None:
            continue
        if part is None:
            yield path, field.default
        else:
            yield from default_values(part, f"{path}.")


@cache
def model_paths(model: type[EventPart]) -> frozenset[str]:
    """Return every path at which an event has one thing: an object, a value, or a whole list."""
    paths = [leaf.path.split(".") for leaf in leaves(model, into_lists=False)]
    return frozenset(".".join(path[:n]) for path in paths for n in range(1, len(path) + 1))


def field_at(event: BaseModel, path: str) -> object:
    """Return the value at a dotted path that `model_paths` has, None if any part of it is missing."""
    try:
        return _getter(path)(event)
    except AttributeError:
        return None


@cache
def _getter(path: str) -> "attrgetter[object]":
    return attrgetter("timestamp" if path == "@timestamp" else path)


def _part_in(annotation: object) -> type[EventPart] | None:
    """Return the event part inside `X`, `X | None` or `list[X]`."""
    if isinstance(annotation, type) and issubclass(annotation, EventPart):
        return annotation
    for inner in typing.get_args(annotation):
        if (part := _part_in(inner)) is not None:
            return part
    return None


def _is_list(annotation: object) -> bool:
    """Tell whether there is a list anywhere in `list[X]`, `list[X] | None`, `Annotated[list[X], …]`."""
    return typing.get_origin(annotation) is list or any(
        _is_list(inner) for inner in typing.get_args(annotation)
    )


def _marks(annotation: object) -> Iterator[object]:
    """Yield what is annotated anywhere inside, the outermost first."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        inner, *marks = typing.get_args(annotation)
        yield from reversed(marks)
        yield from _marks(inner)
    elif origin in (types.UnionType, typing.Union):
        for inner in typing.get_args(annotation):
            yield from _marks(inner)
