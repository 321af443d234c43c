"""Whether searches can find what `_source` has: the mappings of the indices, held to ours. Pure.

With `index: false`, `ignore_above`, a runtime field or an alias with a filter, an administrator of
Elasticsearch hides documents from searches whose `_source` stays right.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from audit_schemas import mapping

__all__ = ["mapping_faults"]


def mapping_faults(prefix: str, indices: Mapping[str, Any]) -> list[str]:
    """Say what hides documents from searches, by the answer to `GET PREFIX`."""
    return [fault for name, index in sorted(indices.items()) for fault in _faults(prefix, name, index)]


def _faults(prefix: str, name: str, index: Mapping[str, Any]) -> Iterator[str]:
    found = index.get("mappings", {})
    expected = mapping()
    for key in sorted({*found, *expected} - {"properties", "_meta"}):
        if found.get(key) != expected.get(key) and str(found.get(key)) != str(expected.get(key)):
            yield f"the mapping of {name} has {key}: {found.get(key)}, not {expected.get(key)}"
    one, other = (dict(_fields(each.get("properties", {}))) for each in (expected, found))
    for path in sorted({*one, *other}):
        if path not in other:
            yield f"the mapping of {name} lacks {path}; auditlog setup adds it, for later documents"
        elif path in one and one[path] != other[path]:
            yield f"the mapping of {name} has {path} as {other[path]}, not {one[path]}"
    alias = index.get("aliases", {}).get(prefix, {})
    if alias.get("filter"):
        yield f"the alias {prefix} shows only some documents of {name}"


def _fields(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in properties.items():
        if "properties" in field:
            yield from _fields(field["properties"], f"{prefix}{name}.")
            own = {key: value for key, value in field.items() if key != "properties"}
            if own not in ({}, {"type": "object"}):
                yield f"{prefix}{name}", own
        else:
            yield f"{prefix}{name}", field
