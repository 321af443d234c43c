"""The index template: generated from the model, and nothing in it that the model lacks."""

from collections.abc import Iterator
from typing import Any

import pytest
from audit_schemas import SCHEMA_VERSION, AuditEvent, IndexNaming
from audit_schemas.added import ADDED, FORMER
from audit_schemas.event import Change, EventPart, Mapped
from audit_schemas.model import leaves, model_paths
from audit_schemas.template import MANAGED_BY, IndexSettings, index_template, mapping
from pydantic import ValidationError

NAMING = IndexNaming("audit-events")


def fields() -> dict[str, Any]:
    """Return the mapping of every field, by its path."""
    return dict(_fields(mapping()["properties"]))


def test_mapping_has_the_fields_of_the_model_and_the_added_ones() -> None:
    """No field is missing, and none is mapped that no document has or had."""
    published = _wire_paths(AuditEvent.model_json_schema(by_alias=True))
    assert sorted([*published, *(leaf.path for leaf in (*ADDED, *FORMER))]) == sorted(fields())


def test_no_added_field_is_a_publishers() -> None:
    """Otherwise the publisher's part could not be told from ours."""
    assert set() == {leaf.path for leaf in (*ADDED, *FORMER)} & model_paths(AuditEvent)


def test_mapping_is_strict() -> None:
    """A field that nobody mapped refuses the document instead of guessing."""
    assert "strict" == mapping()["dynamic"]
    assert ["dynamic"] == [key for key, _ in _walk(mapping()) if key == "dynamic"]


def test_field_is_a_searched_keyword_by_default() -> None:
    """What is not marked is filtered and grouped by."""
    assert Mapped("keyword", index=True, doc_values=True) == Mapped()
    for path in (
        "event.action",
        "event.outcome",
        "user.id",
        "user.name",
        "audit.chat.id",
        "audit.user",
    ):
        assert {"type": "keyword"} == fields()[path]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("@timestamp", {"type": "date"}),
        ("event.ingested", {"type": "date"}),
        ("source.ip", {"type": "ip"}),
        ("labels", {"type": "flattened"}),
        ("message", {"type": "text", "norms": False}),
        ("event.id", {"type": "keyword", "index": False, "doc_values": False}),
        ("event.sequence", {"type": "long", "index": False, "doc_values": False}),
        ("event.hash", {"type": "keyword", "index": False, "doc_values": False}),
        ("event.reason", {"type": "keyword", "doc_values": False}),
        ("user.roles", {"type": "keyword", "doc_values": False}),
        ("user.target.email", {"type": "keyword", "doc_values": False}),
        ("user_agent.original", {"type": "keyword", "index": False, "doc_values": False}),
        ("audit.changes.before", {"type": "keyword", "index": False, "doc_values": False}),
        ("audit.kafka.offset", {"type": "long", "index": False}),
    ],
)
def test_field_that_differs_is_mapped_as_marked(path: str, expected: dict[str, Any]) -> None:
    """A mark anywhere in an annotation reaches the mapping."""
    assert expected == fields()[path]


def test_every_mark_of_the_model_reaches_the_mapping() -> None:
    """Nothing is lost on the way from annotation to mapping."""
    for leaf in leaves(AuditEvent):
        found = fields()[leaf.path]
        assert leaf.mapped.type == found["type"]
        assert leaf.mapped.index == found.get("index", True)
        assert leaf.mapped.doc_values == found.get("doc_values", True)


def test_leaves_stand_in_the_order_of_the_model() -> None:
    """Depth first, by wire name, through lists and optional parts."""
    paths = [leaf.path for leaf in leaves(AuditEvent)]
    assert ["event.id", "event.action"] == paths[:2]
    assert "@timestamp" in paths
    assert ["before", "after"] == [leaf.path for leaf in leaves(Change)][1:]


def test_paths_of_the_model_are_those_of_objects_and_values() -> None:
    """A catalogue may require either."""
    assert {"user", "user.target", "user.target.name", "@timestamp"} <= model_paths(AuditEvent)
    assert not {"timestamp", "labels.a", "user.full_name", ""} & model_paths(AuditEvent)


def test_template_names_pattern_alias_and_priority() -> None:
    """It wins over Elasticsearch's own templates, which stop at 200."""
    template = index_template(NAMING, IndexSettings())
    assert ["audit-events-*"] == template["index_patterns"]
    assert {"audit-events": {}} == template["template"]["aliases"]
    assert template["priority"] > 200
    assert mapping() == template["template"]["mappings"]


def test_meta_tells_our_indices_from_others() -> None:
    """The template keeps the naming, each index the schema that it was made by."""
    template = index_template(NAMING, IndexSettings())
    assert {"managed_by": MANAGED_BY, "periods": NAMING.to_meta()} == template["_meta"]
    assert {"managed_by": MANAGED_BY, "schema": "{}.{}".format(*SCHEMA_VERSION)} == mapping()["_meta"]


@pytest.mark.parametrize(
    ("replicas", "expected"),
    [
        ("0", {"number_of_replicas": "0"}),
        ("2", {"number_of_replicas": "2"}),
        ("0-1", {"auto_expand_replicas": "0-1"}),
        ("0-all", {"auto_expand_replicas": "0-all"}),
    ],
)
def test_replicas_are_fixed_or_expand(replicas: str, expected: dict[str, str]) -> None:
    """A single node stays green, a cluster gets its copies."""
    settings = IndexSettings(replicas=replicas, shards=3).to_elasticsearch()
    assert {
        "number_of_shards": "3",
        "refresh_interval": "1s",
        "codec": "default",
        **expected,
    } == settings


@pytest.mark.parametrize(
    "wrong", [{"replicas": "many"}, {"refresh": "soon"}, {"codec": "zip"}, {"shards": 0}, {"shard": 1}]
)
def test_wrong_index_setting_is_refused(wrong: dict[str, Any]) -> None:
    """Before it gets to Elasticsearch."""
    with pytest.raises(ValidationError):
        IndexSettings(**wrong)


def test_part_without_marks_is_all_keywords() -> None:
    """A new field needs no mark to be mapped."""

    class Part(EventPart):
        """A part with an optional list."""

        names: list[str] | None = None

    assert [("names", Mapped())] == [(leaf.path, leaf.mapped) for leaf in leaves(Part)]


def _fields(level: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in level.items():
        here = f"{path}.{name}" if path else name
        yield from _fields(field["properties"], here) if "properties" in field else [(here, field)]


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _walk(inner)


def _wire_paths(schema: dict[str, Any], node: Any = None, path: str = "") -> Iterator[str]:
    """Yield the paths of values that the JSON Schema knows: another witness than `leaves`."""
    node = schema if node is None else node
    for part in (node, *node.get("anyOf", ()), node.get("items", {})):
        if "$ref" in part:
            yield from _wire_paths(schema, schema["$defs"][part["$ref"].rsplit("/", 1)[1]], path)
            return
        if "items" in part and "$ref" in part["items"]:
            yield from _wire_paths(schema, part["items"], path)
            return
    if "properties" not in node:
        yield path
        return
    for name, inner in node["properties"].items():
        yield from _wire_paths(schema, inner, f"{path}.{name}" if path else name)
