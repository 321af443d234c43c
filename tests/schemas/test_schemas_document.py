"""The document: the event as published, what the consumer adds, and a hash to prove it by."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from audit_schemas import (
    AuditEvent,
    Document,
    EventRefusedError,
    Origin,
    Place,
    content_hash,
    decode,
    encode,
    published_forms,
    publisher_fields,
)
from audit_schemas.added import ADDED
from audit_schemas.place import PLACE as FIELDS
from audit_schemas.template import mapping
from hypothesis import assume, given
from hypothesis import strategies as st
from support.event_strategies import (
    CATALOGUE,
    MINIMAL,
    at,
    events,
    json_values,
    many,
    origins,
    places,
    some,
    wire_events,
)

CREATED, INGESTED = "2026-11-23T09:30:01.000Z", "2026-11-23T09:30:02.000Z"
ORIGIN = Origin("audit.events", 3, 42)
PLACE = Place("DE", 'Kö"ln', 50.9, 6.95, 3320, "Telekom")


def document_of(event: AuditEvent, action: str = "login", origin: Origin = ORIGIN) -> Document:
    """Make a document as the consumer does."""
    return Document.of(event, CATALOGUE[action], origin, CREATED, INGESTED)


def source_with(**more: Any) -> Any:
    """Return the `_source` of the least event with some fields replaced or added."""
    return json.loads(document_of(decode(json.dumps({**MINIMAL, **more}).encode())).body)


def test_document_is_the_event_and_what_the_consumer_adds() -> None:
    """Every added field has its place and its value."""
    event = decode(json.dumps({**MINIMAL, "source": {"ip": "192.0.2.7"}}).encode())
    expected = {
        "event": {
            "category": ["authentication"],
            "type": ["start"],
            "created": CREATED,
            "ingested": INGESTED,
            "hash": content_hash(event),
            **MINIMAL["event"],
        },
        "@timestamp": MINIMAL["@timestamp"],
        "user": {"id": "u-1"},
        "source": {"ip": "192.0.2.7"},
        "audit": {
            "actor": {"kind": "user"},
            "user": "u-1",
            "source": {"network": "192.0.2.0/24"},
            "kafka": {"topic": "audit.events", "partition": 3, "offset": 42},
        },
    }
    document = document_of(event)
    assert expected == json.loads(document.body)
    assert (MINIMAL["event"]["id"], content_hash(event)) == (document.id, document.hash)


@many
@given(events(), st.sampled_from(sorted(CATALOGUE)), origins())
def test_publishers_part_and_hash_are_found(event: AuditEvent, action: str, origin: Origin) -> None:
    """From `_source` alone the event comes back unchanged, and its hash with it."""
    document = document_of(event, action, origin)
    found = publisher_fields(json.loads(document.body))
    assert event == found
    assert document.hash == content_hash(found) == json.loads(document.body)["event"]["hash"]


@some
@given(events())
def test_body_is_one_line_of_unambiguous_json(event: AuditEvent) -> None:
    """A bulk request has a document a line, and no key stands twice in one."""
    body = document_of(event).body
    assert 1 == len(body.splitlines())
    assert json.loads(body) == json.loads(body, object_pairs_hook=_unique)


@many
@given(events())
def test_place_is_no_part_of_the_event(event: AuditEvent) -> None:
    """The publisher's event, its hash and the published bytes come back from beside it."""
    published = encode(event)
    document = Document.of(
        event, CATALOGUE["login"], ORIGIN, CREATED, INGESTED, published, PLACE.to_json()
    )
    source = json.loads(document.body)
    assert event == publisher_fields(source)
    assert content_hash(event) == source["event"]["hash"]
    assert published in published_forms(source)
    if event.source and event.source.ip:
        expected = {
            "country_iso_code": "DE",
            "city_name": 'Kö"ln',
            "location": {"lat": 50.9, "lon": 6.95},
        }
        assert (expected, 3320) == (source["source"]["geo"], source["source"]["as"]["number"])


@many
@given(wire_events(), st.data())
def test_change_of_any_field_changes_the_hash(wire: dict[str, Any], data: st.DataObject) -> None:
    """What is tampered with in the index shows."""
    event = AuditEvent.model_validate(wire)
    document = document_of(event)
    source = json.loads(document.body)
    paths = [path for path in places(json.loads(json.dumps(wire))) if path and _holds(source, path)]
    *parents, key = data.draw(st.sampled_from(paths))
    parent, value = at(source, tuple(parents)), data.draw(json_values | st.just("2026-01-01T00:00:00Z"))
    assume(parent[key] != value)
    parent[key] = value
    try:
        found = publisher_fields(source)
    except EventRefusedError:
        return
    assert (found == event) == (content_hash(found) == document.hash)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("event", "id"), "x" * 20),
        (("event", "action"), "logout"),
        (("@timestamp",), "2026-11-23T09:30:00.251Z"),
        (("user", "id"), "u-2"),
        (("source", "ip"), "192.0.2.8"),
        (("labels", "a"), "2"),
        (("message",), "other"),
        (("audit", "chat", "id"), "c-2"),
        (("audit", "actor", "kind"), "system"),
        (("audit", "changes", 0, "after"), "1"),
    ],
)
def test_tampering_shows(path: tuple[str | int, ...], value: str) -> None:
    """Another value in any of the publisher's fields gives another hash."""
    source = source_with(
        source={"ip": "192.0.2.7"},
        labels={"a": "1"},
        message="m",
        audit={"chat": {"id": "c-1"}, "changes": [{"field": "f", "after": "0"}]},
    )
    assert source["event"]["hash"] == content_hash(publisher_fields(source))
    at(source, path[:-1])[path[-1]] = value
    assert source["event"]["hash"] != content_hash(publisher_fields(source))


def test_reading_the_publishers_part_changes_no_source() -> None:
    """The caller's document stays whole."""
    source = source_with()
    before = json.dumps(source)
    publisher_fields(source)
    assert before == json.dumps(source)


def test_source_with_a_foreign_field_is_no_event() -> None:
    """What was added in the index shows too."""
    with pytest.raises(EventRefusedError, match="forged: is not a field of an audit event"):
        publisher_fields({**source_with(), "forged": 1})


@many
@given(events(), st.sampled_from(sorted(CATALOGUE)))
def test_every_path_of_a_document_is_mapped(event: AuditEvent, action: str) -> None:
    """The mapping is strict: one path that it lacks would refuse the document."""
    unmapped = set(_leaf_paths(json.loads(document_of(event, action).body))) - set(_mapped(mapping()))
    assert set() == unmapped


@some
@given(events())
def test_document_has_all_added_fields_where_they_are_known(event: AuditEvent) -> None:
    """Only what hangs on a user or an IP may be missing."""
    published = b" " + encode(event)
    document = Document.of(
        event, CATALOGUE["login"], ORIGIN, CREATED, INGESTED, published, PLACE.to_json()
    )
    source = json.loads(document.body)
    missing = {leaf.path for leaf in ADDED if not _holds(source, tuple(leaf.path.split(".")))}
    of_address = {"audit.source.network", *(leaf.path for leaf in FIELDS)}
    assert missing <= {"audit.user", *of_address}
    has_ip = event.source is not None and event.source.ip is not None
    assert missing & of_address == (set() if has_ip else of_address)
    assert has_ip == ("audit.source.network" not in missing)


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("255.255.255.255", "255.255.255.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8::1", "2001:db8::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("::FFFF:C000:0207", "192.0.2.0/24"),
    ],
)
def test_ip_is_counted_to_its_network(ip: str, network: str) -> None:
    """A /24 or a /64; an IPv4 address mapped into IPv6 counts as IPv4."""
    source = source_with(source={"ip": ip})
    assert network == source["audit"]["source"]["network"]


@pytest.mark.parametrize("ip", [None, "", " "])
def test_unknown_ip_adds_nothing(ip: str | None) -> None:
    """No address, no network."""
    source = source_with(source={"ip": ip}, user=None, audit={"actor": {"kind": "system"}})
    assert "source" not in source["audit"]


@pytest.mark.parametrize(
    ("user", "kind", "shown"),
    [
        ({"id": "u-1", "name": "Ada"}, "user", "Ada"),
        ({"id": "u-1"}, "user", "u-1"),
        ({"id": "u-1", "name": ""}, "user", "u-1"),
        ({"name": ""}, "user", None),
        (None, "user", None),
        (None, "system", "system"),
        ({"name": ""}, "system", "system"),
        ({"name": "Ada"}, "system", "Ada"),
        ({"name": "system"}, "system", "system"),
        ({"name": "system (user)"}, "system", "system"),
        ({"name": "system"}, "user", "system (user)"),
        ({"name": " System", "id": "u-1"}, "user", " System (user)"),
        ({"id": "system"}, "user", "system (user)"),
        ({"name": "system (user)"}, "user", "system (user) (user)"),
        ({"name": "systemd"}, "user", "systemd"),
        ({"name": "sys\u200btem"}, "user", "sys\\u200btem"),
        ({"id": "u-1\u200f"}, "user", "u-1\\u200f"),
        ({"name": "Jose\u0301"}, "user", "Jos\u00e9"),
    ],
)
def test_shown_user_is_name_else_id_else_the_system(
    user: dict[str, str] | None, kind: str, shown: str | None
) -> None:
    """What the log counts by is never blank."""
    assert shown == source_with(user=user, audit={"actor": {"kind": kind}})["audit"].get("user")


def test_text_that_looks_like_the_seams_is_left_alone() -> None:
    """The added fields are spliced into text, and no value can move the seam."""
    hostile = '"audit":{'
    chat = {"chat": {"id": hostile}, "changes": [{"field": "audit", "before": hostile, "after": "{"}]}
    source = source_with(labels={"audit": "{", hostile: hostile}, message='}}{"event":{', audit=chat)
    assert hostile == source["audit"]["chat"]["id"]
    assert 42 == source["audit"]["kafka"]["offset"]
    assert source["event"]["hash"] == content_hash(publisher_fields(source))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def _holds(value: Any, path: tuple[str | int, ...]) -> bool:
    try:
        at(value, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _leaf_paths(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of values as Elasticsearch sees them: lists are transparent, labels one field."""
    if isinstance(value, list):
        for item in value:
            yield from _leaf_paths(item, path)
    elif isinstance(value, dict) and path != "labels":
        for key, inner in value.items():
            yield from _leaf_paths(inner, f"{path}.{key}" if path else key)
    else:
        yield path


def _mapped(level: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, field in level["properties"].items():
        here = f"{path}.{name}" if path else name
        yield from _mapped(field, here) if "properties" in field else [here]
