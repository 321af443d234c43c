"""Mappings and documents with less in them, to see what each field costs. Pure."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

GROUPS: Mapping[str, Sequence[str]] = {
    "@timestamp": ("@timestamp",),
    "event.id": ("event.id",),
    "event.action, outcome": ("event.action", "event.outcome"),
    "event.reason": ("event.reason",),
    "event.category": ("event.category",),
    "event.type": ("event.type",),
    "event.created": ("event.created",),
    "event.ingested": ("event.ingested",),
    "event.hash": ("event.hash",),
    "user": ("user.id", "user.name", "user.email", "user.roles"),
    "user.target": ("user.target",),
    "source.ip": ("source.ip",),
    "service, organization": ("service", "organization"),
    "audit.actor": ("audit.actor",),
    "audit.chat, session": ("audit.chat", "audit.session"),
    "audit.user": ("audit.user",),
    "audit.source.network": ("audit.source.network",),
    "audit.kafka": ("audit.kafka",),
}
"""Fields that stand or fall together, by the beginning of their paths."""

_OFF = ("index", "doc_values")
_WITHOUT_DOC_VALUES = ("text", "binary")


def leaves(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the definition of each field that holds a value."""
    for name, field in properties.items():
        if "properties" in field:
            yield from leaves(field["properties"], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def group_leaves(properties: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return each group's fields; those of no group come last, as `the rest`."""
    paths = [path for path, _ in leaves(properties)]
    found = {
        name: [path for path in paths if _is_below(path, beginnings)]
        for name, beginnings in GROUPS.items()
    }
    grouped = {path for inside in found.values() for path in inside}
    return found | {"the rest": [path for path in paths if path not in grouped]}


def turned_off(
    mappings: Mapping[str, Any], paths: Sequence[str], what: Sequence[str]
) -> dict[str, Any] | None:
    """Return mappings where these fields lack `index`, `doc_values` or both; None if they do now."""
    assert set(what) <= set(_OFF)  # noqa: S101 - our own call
    changed = copy.deepcopy(dict(mappings))
    differs = False
    for path, field in leaves(changed["properties"]):
        if path in paths and field["type"] not in _WITHOUT_DOC_VALUES:
            for attribute in what:
                differs |= field.get(attribute, True)
                field[attribute] = False
    return changed if differs else None


def pruned(document: Mapping[str, Any], paths: Sequence[str], prefix: str = "") -> dict[str, Any]:
    """Return a document without what is at or below these paths, and without what that empties."""
    kept: dict[str, Any] = {}
    for name, value in document.items():
        path = f"{prefix}{name}"
        if path in paths:
            continue
        if isinstance(value, dict):
            inner = pruned(value, paths, f"{path}.")
            if inner or not value:
                kept[name] = inner
        else:
            kept[name] = value
    return kept


def _is_below(path: str, beginnings: Sequence[str]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in beginnings)
