"""The published bytes: back from `_source` alone, with `event.original` where it takes that."""

import json
from typing import Any

import pytest
from audit_schemas import (
    AuditEvent,
    Catalogue,
    Document,
    EventRefusedError,
    Origin,
    decode,
    encode,
    published_forms,
)
from hypothesis import given
from hypothesis import strategies as st
from support.event_strategies import (
    MINIMAL,
    anything,
    damaged_events,
    events,
    json_values,
    some,
    torn_events,
    wire_events,
)

CATALOGUE = Catalogue.load()
ACTIVITIES = [CATALOGUE["login"], CATALOGUE["login-failed"]]
ORIGIN = Origin("audit.events", 3, 42)
CREATED, INGESTED = "2026-11-23T09:30:01.000Z", "2026-11-23T09:30:02.000Z"
CANONICAL = encode(decode(json.dumps(MINIMAL).encode()))


def stored(raw: bytes, activity: int = 0) -> dict[str, Any]:
    """Return the `_source` that the consumer makes of a record."""
    event = decode(raw)
    outcome = event.event.outcome or ACTIVITIES[activity].outcome
    settled = event.event.model_copy(update={"outcome": outcome})
    event = event.model_copy(update={"event": settled})
    document = Document.of(event, ACTIVITIES[activity], ORIGIN, CREATED, INGESTED, raw)
    source: dict[str, Any] = json.loads(document.body)
    return source


def changed(old: bytes, new: bytes) -> bytes:
    """Return the least event with something replaced."""
    assert old in CANONICAL
    return CANONICAL.replace(old, new, 1)


@some
@given(events().map(encode), st.integers(0, 1))
def test_canonical_form_is_recovered_without_a_copy(raw: bytes, activity: int) -> None:
    """Whatever the event, with its own outcome or without one."""
    source = stored(raw, activity)
    assert "original" not in source["event"]
    forms = list(published_forms(source))
    assert raw in forms
    assert len(forms) == 2


@some
@given(
    wire_events(),
    st.fixed_dictionaries(
        {
            "ensure_ascii": st.booleans(),
            "indent": st.sampled_from([None, 0, 2]),
            "sort_keys": st.booleans(),
        }
    ),
)
def test_any_other_form_is_kept(wire: dict[str, Any], form: dict[str, Any]) -> None:
    """Escapes, white space, nulls, another order: to the byte."""
    raw = json.dumps(wire, **form).encode()
    source = stored(raw)
    is_canonical = raw == encode(decode(raw))
    assert is_canonical == ("original" not in source["event"])
    assert raw in published_forms(source)


@some
@given(damaged_events() | torn_events())
def test_whatever_is_accepted_is_recovered(raw: bytes) -> None:
    """Free text that was sanitized, broken UTF-8 in it, values of another type."""
    try:
        source = stored(raw)
    except EventRefusedError:
        return
    assert raw in published_forms(source)


@pytest.mark.parametrize(
    ("raw", "is_kept"),
    [
        (CANONICAL, False),
        (changed(b'"login"', b'"login","outcome":"success"'), False),
        (changed(b'"login"', b'"login","outcome":"failure"'), False),
        (changed(b'"login"', b'"login","outcome":null'), True),
        (changed(b'"login"', b'"login","sequence":7'), False),
        (changed(b'"u-1"', '"u-1","name":"é"'.encode()), False),
        (changed(b'"u-1"', b'"u-1","name":"\\u00e9"'), True),
        (changed(b'"u-1"', b'"u-1","name":"a\\"b"'), False),
        (changed(b'"u-1"', b'"u-1","name":"a\\/b"'), True),
        (changed(b'"u-1"', b'"u-1","name":"\\ud800"'), True),
        (changed(b'"u-1"', b'"u-1","name":"\xff\xfe"'), True),
        (changed(b'"u-1"', b'"u-1","name":"a\\u0007b"'), True),
        (changed(b'"u-1"', b'"u-1","name":"%b"' % (b"x" * 300)), True),
        (changed(b'"u-1"', b'"u-1","name":1.50'), True),
        (changed(b'"user"', b'"source":null,"user"'), True),
        (changed(b'"audit"', b'"source":{"ip":" "},"audit"'), True),
        (changed(b'"audit"', b'"labels":{"b":"1","a":"2"},"audit"'), True),
        (changed(b',"audit":{"actor":{"kind":"user"}}', b""), True),
        (changed(b'"login"}', b'"login" }'), True),
        (CANONICAL + b"\n", True),
        (b'{"@timestamp":"2026-11-23T09:30:00.250Z",' + CANONICAL[1:].replace(
            b'"@timestamp":"2026-11-23T09:30:00.250Z",', b""), True),
    ],
)  # fmt: skip
def test_copy_is_kept_exactly_where_it_is_needed(raw: bytes, *, is_kept: bool) -> None:
    """What the SDK writes costs no byte more."""
    source = stored(raw)
    assert is_kept == ("original" in source["event"])
    assert raw in published_forms(source)


def test_copy_is_the_text_as_it_was_published() -> None:
    """To be read by people; only what is no text is encoded."""
    text = CANONICAL.decode() + " "
    assert text == stored(text.encode())["event"]["original"]
    binary = changed(b'"u-1"', b'"u-1","name":"\xff"')
    original = stored(binary)["event"]["original"]
    assert original.startswith("data:application/octet-stream;base64,eyJ")


def test_likelier_form_comes_first() -> None:
    """The SDK gives an outcome only where it is not the activity's default."""
    assert CANONICAL == next(published_forms(stored(CANONICAL)))


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"event": {}},
        {"event": [], "audit": {}},
        {"event": {"original": 7}, "audit": {}},
        {"event": {"original": "\ud800"}, "audit": {}},
        {"event": {"original": "data:application/octet-stream;base64,%"}, "audit": {}},
        {"event": {"id": "\ud800"}, "audit": {}},
    ],
)
def test_document_of_nobody_has_no_form(source: dict[str, Any]) -> None:
    """An administrator's own writing is no reason to fail."""
    assert [] == list(published_forms(source))


@some
@given(
    st.dictionaries(
        st.sampled_from(["event", "audit", "ecs"]) | anything,
        json_values | st.dictionaries(st.sampled_from(["original", "outcome", "id"]), json_values),
    )
)
def test_no_document_makes_it_fail(source: dict[str, Any]) -> None:
    """Whatever somebody wrote into the index: at most two forms, none of them an error."""
    assert len(list(published_forms(source))) <= 2


def test_every_added_field_is_taken_off() -> None:
    """Whatever fields a later version adds."""
    event = AuditEvent.model_validate(MINIMAL | {"source": {"ip": "192.0.2.7"}})
    (_, settled) = published_forms(stored(encode(event)))
    assert decode(settled).event.outcome == "success"
    assert settled == encode(decode(settled))
