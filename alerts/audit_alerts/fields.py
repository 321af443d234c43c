"""The fields that rules may ask for and group by, from the mapping of the index. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from audit_runtime import did_you_mean
from audit_schemas import FORMER, PARTITION_HEADER, PATH_HEADER, REASON_HEADER, TOPIC_HEADER, mapping

__all__ = ["DEAD_LETTER_FIELDS", "FieldKind", "check_group", "groupable", "kind_of", "nearest"]

FieldKind = Literal["keyword", "ip", "label", "number"]

_LABELS = "labels."

_LISTS = frozenset({
    "audit.altered",
    "audit.changes.field",
    "event.category",
    "event.type",
    "user.effective.roles",
    "user.roles",
    "user.target.roles",
})  # fmt: skip
"""Fields that hold several values, so that an event would be in several groups at once."""

DEAD_LETTER_FIELDS: Mapping[str, FieldKind] = {
    REASON_HEADER: "keyword",
    PATH_HEADER: "keyword",
    TOPIC_HEADER: "keyword",
    PARTITION_HEADER: "keyword",
}
"""The headers of dead letters that tell them apart, under their own names."""


def _leaves(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in properties.items():
        if "properties" in field:
            yield from _leaves(field["properties"], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


_KINDS: Mapping[str, FieldKind] = {"keyword": "keyword", "ip": "ip", "long": "number"}
_FORMER = {leaf.path for leaf in FORMER}
_MAPPED = {path: field for path, field in _leaves(mapping()["properties"]) if path not in _FORMER}
"""Without what only older events have: a rule that asks for it would find nothing new."""


def kind_of(path: str) -> FieldKind | None:
    """Return how values of an event's field are compared; None if a rule can't ask for it.

    Only what Elasticsearch compares as a whole: words of a sentence and times are left to a search.
    """
    if path.startswith(_LABELS) and len(path) > len(_LABELS):
        return "label"
    field = _MAPPED.get(path)
    if field is None or not field.get("index", True):
        return None
    return _KINDS.get(field["type"])


def groupable(path: str) -> bool:
    """Tell whether events can be grouped by a field, and its values be counted."""
    if path in _LISTS or kind_of(path) in (None, "number"):
        return False
    return bool(_MAPPED.get(path, {}).get("doc_values", True))


def check_group(path: str, *, dead_letter: bool) -> str | None:
    """Return what is wrong with grouping by a field; None if nothing is."""
    if dead_letter:
        fine, known = path in DEAD_LETTER_FIELDS, list(DEAD_LETTER_FIELDS)
    else:
        fine, known = groupable(path), [name for name in _MAPPED if groupable(name)]
    return (
        None if fine else f"{path} is not a field that events can be grouped by{nearest(path, known)}"
    )


def nearest(name: str, known: list[str] | None = None) -> str:
    """Return a hint at the field that was probably meant, or nothing."""
    near = did_you_mean(name, known if known is not None else _MAPPED)
    return f"; did you mean {near}?" if near not in (None, name) else ""
