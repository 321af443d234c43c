"""Documents in the form of before: made from today's, and read as today's are."""

import json
from typing import Any

import pytest
from audit_schemas import (
    FORMER,
    AuditEvent,
    content_hash,
    encode,
    former_document,
    published_forms,
    publisher_fields,
    related_of,
    stored_hash,
)
from audit_schemas.template import missing_fields
from hypothesis import given
from hypothesis import strategies as st
from support.event_strategies import CATALOGUE, events, json_values, many, some
from support.stored_documents import stored


@many
@given(events(), st.sampled_from(sorted(CATALOGUE)))
def test_event_and_published_bytes_come_back_from_the_former_form(
    event: AuditEvent, action: str
) -> None:
    """As they do from today's: the fields of before are told from the publisher's."""
    event = event.model_copy(update={"event": event.event.model_copy(update={"action": action})})
    document = stored(event)
    former = former_document(document)
    assert former.keys() - document.keys() <= {"ecs", "related"}
    found = publisher_fields(former)
    assert publisher_fields(document) == found
    assert content_hash(found) == stored_hash(former) == stored_hash(document)
    assert (64, 22) == (len(former["event"]["hash"]), len(document["event"]["hash"]))
    assert list(published_forms(document)) == list(published_forms(former))
    assert encode(event) in published_forms(former)


@pytest.mark.parametrize(
    ("user", "related"),
    [
        ({"id": "u-1", "name": "Ada"}, ["u-1", "Ada"]),
        ({"id": "Ada", "name": "Ada"}, ["Ada"]),
        ({"name": "", "target": {"id": "u-2", "name": "Bob"}}, ["u-2", "Bob"]),
        ({"id": "u-1", "target": {"id": "u-1"}}, ["u-1"]),
        (
            {"id": "u-1", "effective": {"id": "u-3", "name": "Cy"}, "target": {"name": "Bob"}},
            ["u-1", "u-3", "Cy", "Bob"],
        ),
        ({}, None),
    ],
)
def test_related_users_are_who_did_it_as_whom_and_to_whom_once(
    user: dict[str, Any], related: list[str] | None
) -> None:
    """Receivers of ECS find a person by any of its names, on either side."""
    assert related == related_of({"user": user}).get("user")


def test_related_address_is_the_source() -> None:
    """The one that an event has."""
    assert {"ip": ["192.0.2.7"]} == related_of({"source": {"ip": "192.0.2.7"}})


@pytest.mark.parametrize("event", [{}, {"hash": 7}, {"hash": "x" * 64}, {"hash": ""}])
def test_hash_that_no_consumer_wrote_is_none_of_ours(event: dict[str, Any]) -> None:
    """It equals no event's."""
    assert 22 != len(stored_hash({"event": event}))


@some
@given(st.dictionaries(st.sampled_from(["user", "source"]), json_values))
def test_nothing_that_is_stored_raises(source: dict[str, Any]) -> None:
    """Anybody may have written it, and a stream goes on."""
    json.dumps(related_of(source))


def test_fields_of_before_are_in_no_document_of_today() -> None:
    """They cost nothing but their place in the mapping."""
    document = stored(publisher_fields(json.loads(EXAMPLE)))
    for leaf in FORMER:
        parent, name = leaf.path.split(".")
        assert name not in document.get(parent, {})


EXAMPLE = """{"event": {"id": "0192f0c1-4a00-7000-8000-000000000017", "action": "login"},
"@timestamp": "2026-11-23T09:30:00Z", "user": {"id": "u-1"}, "source": {"ip": "192.0.2.7"}}"""


B, C, D = {"type": "date"}, {"type": "ip"}, {"type": "long"}


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        ({}, {"a": {"properties": {"b": B, "c": C}}, "d": D}),
        ({"a": {"properties": {"b": D}}, "d": {}}, {"a": {"properties": {"c": C}}}),
        ({"a": {"properties": {"b": {}, "c": {}, "x": {}}}, "d": {"index": False}}, {}),
    ],
)
def test_missing_fields_are_those_that_a_mapping_lacks_as_they_are_wanted(
    found: dict[str, Any], missing: dict[str, Any]
) -> None:
    """How an existing one is indexed can't be changed, so it isn't asked for."""
    assert missing == missing_fields(found, {"a": {"properties": {"b": B, "c": C}}, "d": D})
