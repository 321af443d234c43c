"""Free text never refuses an event: an attacker must not keep a failed login out of the log."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from audit_schemas import AuditEvent, decode, encode
from audit_schemas.event import (
    LABEL_KEY_MAX,
    LABEL_MAX,
    LABELS_MAX,
    MESSAGE_MAX,
    NAME_MAX,
    USER_AGENT_MAX,
)
from audit_schemas.sanitize import printable, sanitize
from audit_schemas.wire import parse_json
from hypothesis import given
from hypothesis import strategies as st
from support.event_strategies import MINIMAL as LEAST
from support.event_strategies import anything, json_values, many, some, wire_events

LENIENT = (
    "user.name",
    "user.effective.name",
    "user.target.name",
    "user_agent.original",
    "message",
    "labels",
)


def holding(values: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the least event with these values at the lenient paths."""
    wire = json.loads(json.dumps({**LEAST, **more}))
    for path, value in values.items():
        *parents, name = path.split(".")
        parent = wire
        for key in parents:
            parent = parent.setdefault(key, {})
        parent[name] = value
    return dict(wire)


def mended(value: Any, path: str = "message") -> AuditEvent:
    """Decode an event with the value at the path."""
    return decode(json.dumps(holding({path: value})).encode())


def read(event: AuditEvent) -> dict[str, Any]:
    """Return what the event holds at the lenient paths; None as if it were missing."""
    wire = json.loads(encode(event))
    user = wire.get("user", {})
    found = {
        "user.name": user.get("name"),
        "user.effective.name": user.get("effective", {}).get("name"),
        "user.target.name": user.get("target", {}).get("name"),
        "user_agent.original": wire.get("user_agent", {}).get("original"),
        "message": wire.get("message"),
        "labels": wire.get("labels"),
    }
    return {path: value for path, value in found.items() if value is not None}


strange = st.dictionaries(st.sampled_from(LENIENT), json_values, min_size=1) | st.dictionaries(
    st.just("labels"), st.dictionaries(anything, json_values, max_size=5), min_size=1
)


@many
@given(strange)
def test_free_text_never_refuses_an_event(values: dict[str, Any]) -> None:
    """Whatever JSON stands there is mended, and `audit.altered` names exactly what changed."""
    event = decode(json.dumps(holding(values)).encode())
    given_values = {path: value for path, value in values.items() if value is not None}
    changed = [path for path in LENIENT if given_values.get(path) != read(event).get(path)]
    assert changed == (event.audit.altered or [])
    assert event == decode(encode(event))


@many
@given(strange)
def test_softening_twice_changes_nothing(values: dict[str, Any]) -> None:
    """What is mended is valid, so a second reading leaves it alone."""
    once = sanitize(holding(values))
    assert once == sanitize(once)


@some
@given(wire_events())
def test_softening_leaves_valid_events_alone(wire: dict[str, Any]) -> None:
    """A valid event is never named as altered, and its hash can be recomputed."""
    assert wire == sanitize(wire)


@some
@given(strange)
def test_softening_changes_no_argument(values: dict[str, Any]) -> None:
    """The caller's objects stay as they were: the original bytes may go to a dead letter."""
    wire = holding(values)
    before = json.dumps(wire)
    sanitize(wire)
    assert before == json.dumps(wire)


@some
@given(json_values)
def test_softening_never_raises(value: Any) -> None:
    """Wherever strange JSON stands, judging it is left to the model."""
    for path in ("user", "user.target", "user_agent", "audit", "audit.altered", "message"):
        sanitize(holding({"message": "\x00", path: value}))


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("user.name", NAME_MAX),
        ("user.effective.name", NAME_MAX),
        ("user.target.name", NAME_MAX),
        ("user_agent.original", USER_AGENT_MAX),
        ("message", MESSAGE_MAX),
    ],
)
def test_long_text_is_cut_at_its_limit(path: str, limit: int) -> None:
    """The cut shows as an ellipsis; text of just the limit is whole."""
    whole, cut = mended("x" * limit, path), mended("x" * (limit + 1), path)
    assert ({path: "x" * limit}, None) == (read(whole), whole.audit.altered)
    assert ({path: "x" * (limit - 1) + "…"}, [path]) == (read(cut), cut.audit.altered)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\u001b[2Jb"),
        ("admin\nroot logged in", "admin\\u000aroot logged in"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\u2028", "\\u2028"),
        ("\x7f\x9f", "\\u007f\\u009f"),
        ("\ud800", "\\ud800"),
        ("é \U0001f600 \\u0041", "é \U0001f600 \\u0041"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    """Terminal escapes, forged lines and spoofed order become visible."""
    assert shown == printable(text)
    assert {"message": shown} == read(mended(text))


@pytest.mark.parametrize("raw", [b'"\xff"', b'"\xed\xa0\x80"', b'"a\xc3"'])
def test_invalid_utf8_in_free_text_is_mended(raw: bytes) -> None:
    """Bytes that are no UTF-8 become escapes."""
    wire = json.dumps(holding({"user.name": "@"})).encode().replace(b'"@"', raw)
    event = decode(wire)
    assert ["user.name"] == event.audit.altered
    assert "\\udc" in str(read(event)["user.name"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (True, "true"),
        (1.5, "1.5"),
        ([1, "a"], '[1,"a"]'),
        ({"a": None}, '{"a":null}'),
        (["\ud800"], "<list>"),
    ],
)
def test_value_of_another_type_becomes_its_json(value: object, text: str) -> None:
    """A number for a name is kept as its text."""
    assert {"user.name": text} == read(mended(value, "user.name"))


@pytest.mark.parametrize("path", LENIENT)
@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 700, "1e5000", "9" * 900_000])
def test_number_of_any_length_is_mended(path: str, number: str) -> None:
    """Python's limit on the digits of an integer must not refuse the event."""
    raw = json.dumps(holding({path: "@"})).replace('"@"', number).encode()
    assert [path] == decode(raw).audit.altered


@pytest.mark.parametrize("path", LENIENT)
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deeply_nested_value_is_mended(path: str, opening: str) -> None:
    """Deeper than the writer of JSON goes, the value is named by its type."""
    closing = {"[": "]", '{"a":': "}"}[opening]
    raw = json.dumps(holding({path: "@"})).replace('"@"', opening * 400 + "0" + closing * 400)
    assert [path] == decode(raw.encode()).audit.altered


def test_labels_are_mended_one_by_one() -> None:
    """Keys and values are escaped, cut and written as text; what is null is left out."""
    labels = {"": "blank", "a\n": 1, "k" * 200: "v" * 2000, "none": None, "fine": "é"}
    event = mended(labels, "labels")
    expected = {
        "_": "blank",
        "a\\u000a": "1",
        "k" * (LABEL_KEY_MAX - 1) + "…": "v" * (LABEL_MAX - 1) + "…",
        "fine": "é",
    }
    assert expected == event.labels
    assert ["labels"] == event.audit.altered


def test_labels_beyond_their_number_are_left_out() -> None:
    """The first ones stay."""
    event = mended({f"{number:03}": "x" for number in range(500)}, "labels")
    assert [f"{number:03}" for number in range(LABELS_MAX)] == list(event.labels or ())
    assert ["labels"] == event.audit.altered


@pytest.mark.parametrize("value", ["text", 5, [1, 2], False, ""])
def test_labels_that_are_no_object_are_kept_as_one(value: object) -> None:
    """Even then nothing is refused."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    assert {"value": text} == mended(value, "labels").labels


def test_publisher_and_consumer_both_name_what_they_altered() -> None:
    """What the SDK noted stays noted, each field once."""
    wire = holding({"message": "\x00", "user.name": "\x00"}, audit={"altered": ["message", "labels"]})
    assert ["user.name", "message", "labels"] == decode(json.dumps(wire).encode()).audit.altered


def test_full_list_of_altered_fields_refuses_no_event() -> None:
    """A publisher that repeats itself leaves room for what is altered here."""
    wire = holding({"labels": {"": 1}}, audit={"altered": ["message"] * 5})
    assert ["message", "labels"] == decode(json.dumps(wire).encode()).audit.altered


def test_wrong_list_of_altered_fields_is_left_to_the_model() -> None:
    """Softening hides no mistake of a strict field."""
    wire = holding({"message": "\x00"}, audit={"altered": ["password", ["message"]]})
    assert ["message", "password", ["message"]] == sanitize(wire)["audit"]["altered"]


@some
@given(anything)
def test_printable_text_has_no_hostile_character(text: str) -> None:
    """What is printable can be written as UTF-8, on one line, and stays as it is when mended again."""
    shown = printable(text)
    assert shown == printable(shown.encode().decode())
    assert len(shown.splitlines()) <= 1


def test_lone_surrogate_reaches_softening() -> None:
    """Escapes and raw bytes alike are parsed into something that can be sanitized."""
    assert {"a": "\ud800"} == parse_json(b'{"a":"\\ud800"}')
    assert {"a": "\udcff"} == parse_json(b'{"a":"\xff"}')
