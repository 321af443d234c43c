"""The values of an event, put together as it is written: in the model's order. Pure.

An event in that order is judged by one match, where another one takes the model ten times as long.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from audit_schemas import AuditEvent, default_values, leaves

__all__ = ["FEW_VALUED", "wire_writer"]

FEW_VALUED = ("event.action", "event.outcome", "audit.actor.kind")
"""The paths at which there are few values."""
_LABELS = "labels."
_DEFAULTS = dict(default_values(AuditEvent))

_Tree = dict[str, Any]
_Node = tuple[str, str, Any, "list[_Node] | None"]


def wire_writer(paths: Iterable[str]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return a function that makes wire fields of the values at some of these paths of an event."""
    places = {leaf.path: at for at, leaf in enumerate(leaves(AuditEvent, into_lists=False))}
    last = len(places)

    def place(path: str) -> tuple[int, str]:
        return places.get("labels" if path.startswith(_LABELS) else path, last), path

    tree: _Tree = {}
    for path in sorted({*paths, *_DEFAULTS}, key=place):
        parent, name = _split(path)
        inside = tree
        for step in filter(None, parent.split(".")):
            inside = inside.setdefault(step, {})
        inside[name] = path
    nodes = _nodes(tree)
    return lambda values: _written(nodes, values)


def _split(path: str) -> tuple[str, str]:
    """Return an object's path, and the name inside of it; that of a label may contain dots."""
    if path.startswith(_LABELS):
        return "labels", path.removeprefix(_LABELS)
    parent, _, name = path.rpartition(".")
    return parent, name


def _nodes(tree: _Tree) -> list[_Node]:
    return [
        (name, "", None, _nodes(inside))
        if isinstance(inside, dict)
        else (name, inside, _DEFAULTS.get(inside), None)
        for name, inside in tree.items()
    ]


def _written(nodes: list[_Node], values: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, path, default, inner in nodes:
        value = values.get(path, default) if inner is None else _written(inner, values) or None
        if value is not None:
            found[name] = value
    return found
