"""The wire format: what is written is read back, and nothing but a refusal comes of anything else."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from audit_schemas import SCHEMA_HEADER_VALUE, EventRefusedError, Reason, check_version, decode, encode
from audit_schemas.event import MAX_EVENT_BYTES, AuditEvent
from audit_schemas.wire import parse_json, validate
from hypothesis import assume, given
from hypothesis import strategies as st
from support.event_strategies import (
    MINIMAL,
    Path,
    at,
    damaged_events,
    events,
    json_values,
    many,
    places,
    some,
    torn_events,
    wire_events,
)

SECRET = "s3cr3tMarker"  # noqa: S105 - what must never show


def refused(raw: bytes) -> EventRefusedError:
    """Return the refusal of bytes that must be refused."""
    with pytest.raises(EventRefusedError) as caught:
        decode(raw)
    return caught.value


def answer(raw: bytes) -> AuditEvent | EventRefusedError:
    """Decode; a refusal is an answer, any other exception fails the test."""
    try:
        return decode(raw)
    except EventRefusedError as refusal:
        return refusal


def minimal(**more: Any) -> bytes:
    """Return the least event, with some fields replaced or added."""
    return json.dumps({**MINIMAL, **more}).encode()


def holds_its_contract(raw: bytes) -> None:
    """Hold that bytes become an event that is read back unchanged, or a refusal that says why."""
    found = answer(raw)
    if isinstance(found, EventRefusedError):
        assert found.problems
        assert all(problem.message for problem in found.problems)
    else:
        assert found == decode(encode(found))
        assert found == validate(parse_json(raw))


@many
@given(wire_events())
def test_valid_event_is_read_as_the_model_takes_it(wire: dict[str, Any]) -> None:
    """An event that a publisher wrote in any order and spelling is the event of the model."""
    expected = AuditEvent.model_validate(wire)
    assert expected == decode(json.dumps(wire).encode())
    assert expected == decode(json.dumps(wire, ensure_ascii=False, indent=1, sort_keys=True).encode())


@many
@given(events())
def test_written_event_is_read_back_unchanged(event: AuditEvent) -> None:
    """No event changes on its way."""
    assert event == decode(encode(event))


@some
@given(events())
def test_encoding_is_canonical(event: AuditEvent) -> None:
    """Reading and writing again changes no byte."""
    raw = encode(event)
    assert raw == encode(decode(raw))
    assert json.loads(raw) == _without_nulls(json.loads(raw))


@some
@given(wire_events(), st.randoms(use_true_random=False))
def test_order_of_keys_does_not_change_the_encoding(wire: dict[str, Any], random: Any) -> None:
    """Equal events have one canonical form, whatever order their publishers wrote them in."""
    shuffled = _shuffled(wire, random)
    assert encode(decode(json.dumps(wire).encode())) == encode(decode(json.dumps(shuffled).encode()))


def test_encoding_is_compact_in_the_order_of_the_model_without_nulls() -> None:
    """The canonical form is fixed, byte for byte: stored hashes depend on it."""
    raw = minimal(source={"ip": " "}, labels={"b": "2", "a": "é"}, message=None)
    expected = (
        '{"event":{"id":"0192f0c1-0000-7000-8000-000000000001","action":"login"},'
        '"@timestamp":"2026-11-23T09:30:00.250Z","user":{"id":"u-1"},"source":{},'
        '"labels":{"a":"é","b":"2"},"audit":{"actor":{"kind":"user"}}}'
    )
    assert expected == encode(decode(raw)).decode()


@many
@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_a_refusal(raw: bytes) -> None:
    """Arbitrary bytes raise nothing but EventRefusedError."""
    holds_its_contract(raw)


@some
@given(json_values)
def test_any_json_is_an_event_or_a_refusal(value: Any) -> None:
    """Arbitrary JSON raises nothing but EventRefusedError."""
    holds_its_contract(json.dumps(value).encode())


@many
@given(damaged_events())
def test_damaged_event_is_an_event_or_a_refusal(raw: bytes) -> None:
    """Dropped, renamed, retyped and injected fields raise nothing but EventRefusedError."""
    holds_its_contract(raw)


@some
@given(torn_events())
def test_torn_event_is_an_event_or_a_refusal(raw: bytes) -> None:
    """Broken JSON and broken UTF-8 raise nothing but EventRefusedError."""
    holds_its_contract(raw)


@some
@given(wire_events(plain=True), st.data())
def test_duplicate_key_is_refused_wherever_it_stands(wire: dict[str, Any], data: st.DataObject) -> None:
    """No key stands twice, though the quick look sees no escape and the last value is valid."""
    where = data.draw(st.sampled_from([path for path in places(wire) if at(wire, path)]))
    assume(isinstance(at(wire, where), dict))
    key = data.draw(st.sampled_from(sorted(at(wire, where))))
    first = data.draw(st.sampled_from([at(wire, where)[key], None, "", " ", {}, [], 0, True]))
    raw = _with_twice(wire, where, key, json.dumps(key, ensure_ascii=False), first)
    assert wire == json.loads(raw)
    assert Reason.DUPLICATE_KEY == refused(raw.encode()).reason


@some
@given(wire_events(), st.data())
def test_duplicate_key_is_refused_when_one_is_escaped(
    wire: dict[str, Any], data: st.DataObject
) -> None:
    """Two spellings of a key are one key."""
    where = data.draw(st.sampled_from([path for path in places(wire) if at(wire, path)]))
    assume(isinstance(at(wire, where), dict))
    key = data.draw(st.sampled_from(sorted(at(wire, where))))
    escaped = '"' + "".join(f"\\u{unit:04x}" for unit in _utf16(key)) + '"'
    raw = _with_twice(wire, where, key, escaped, at(wire, where)[key])
    assert Reason.DUPLICATE_KEY == refused(raw.encode()).reason


@pytest.mark.parametrize(
    "twice",
    [
        '"source":{"ip":"192.0.2.1","ip":""}',
        '"source":{"ip":"","ip":"192.0.2.1"}',
        '"source":{"ip":null,"ip":null}',
        '"source":{},"source":{"ip":" "}',
        '"audit":{},"audit":{}',
        '"audit":{"actor":{},"actor":{"kind":"user"}}',
        '"audit":{"changes":[{"field":"a","before":null,"before":null}]}',
        '"audit":{"altered":["message"]},"audit":{"altered":[]}',
        '"labels":{"a":"1","a":"1"}',
        '"labels":{},"labels":{}',
        '"message":null,"message":null',
        '"message":{"a":1,"a":1}',
        '"unknown":{"a":1,"a":1}',
        '"@timestamp":"2026-11-23T09:30:00Z"',
        '"user":{"target":{"name":"a","name":"b"}}',
    ],
)
def test_duplicate_key_is_refused_before_all_else(twice: str) -> None:
    """Blank IPs, nulls, defaults and unknown fields hide no duplicate."""
    raw = (
        '{"event":{"id":"0192f0c1-0000-7000","action":"login"},'
        f'"@timestamp":"2026-11-23T09:30:00Z",{twice}}}'
    )
    assert Reason.DUPLICATE_KEY == refused(raw.encode()).reason


@pytest.mark.parametrize("message", ["plain", "\\u0022" * 2, '\\"' * 8])
def test_no_number_of_overwritten_strings_hides_a_duplicate(message: str) -> None:
    """The quick look counts quotation marks: no default and no escape makes up for a duplicate's."""
    for number in range(64):
        overwritten = ",".join(f'"k{each}":0' for each in range(number))
        labels = f'"labels":{{{overwritten}}},"labels":{{}}'
        raw = f'{json.dumps(MINIMAL)[:-1]},"message":"{message}",{labels}}}'
        assert Reason.DUPLICATE_KEY == refused(raw.encode()).reason


def test_duplicate_key_is_named_fit_for_a_terminal() -> None:
    """The refusal names the key, escaped and cut."""
    key = "\\u001b[2J" + "k" * 200
    path = refused(f'{{"{key}":1,"{key}":2}}'.encode()).path
    assert ("\\u001b[2J" + "k" * 200)[:100] == path


@pytest.mark.timeout(5)
def test_duplicate_among_many_keys_is_found_at_once() -> None:
    """A hostile event can't hold the consumer up: 57 s before keys were counted once."""
    keys = ",".join(f'"{number:x}":0' for number in range(70_000))
    assert Reason.DUPLICATE_KEY == refused(f'{{"labels":{{{keys},"ffff":1}}}}'.encode()).reason


def test_too_large_event_is_refused_unparsed() -> None:
    """A 2 MB record is refused by its size, whatever it holds."""
    refusal = refused(b"\xff" * 2 * 1024 * 1024)
    assert Reason.TOO_LARGE == refusal.reason
    assert "the event has 2097152 bytes; the limit is 1048576" == str(refusal)


def test_size_limit_is_inclusive() -> None:
    """An event of exactly the limit is read, one byte more is refused."""
    raw = minimal()
    exact = raw + b" " * (MAX_EVENT_BYTES - len(raw))
    assert decode(raw) == decode(exact)
    assert Reason.TOO_LARGE == refused(exact + b" ").reason


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not JSON: Expecting value at character 0"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{} {}", "not JSON: Extra data at character 3"),
        (
            b'\xef\xbb\xbf{"a":1}',
            "not JSON: Unexpected UTF-8 BOM (decode using utf-8-sig) at character 0",
        ),
        ('{"a":1}'.encode("utf-16"), "not JSON: Expecting value at character 0"),
        (b'{"a":"\x00"}', "not JSON: Invalid control character at at character 6"),
        (b"[" * 100_000, "not JSON: nested too deeply"),
        (b'{"a":' * 100_000, "not JSON: nested too deeply"),
    ],
    ids=["empty", "list", "string", "null", "two", "bom", "utf-16", "control", "brackets", "braces"],
)
def test_what_is_no_json_object_is_malformed(raw: bytes, message: str) -> None:
    """Bytes that are not one JSON object are refused as malformed, with the place."""
    refusal = refused(raw)
    assert Reason.MALFORMED == refusal.reason
    assert message == str(refusal)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("where", ['"message":%s', '"event":{"sequence":%s}', '"labels":{"a":[%s]}'])
def test_nan_and_infinity_are_no_json(constant: str, where: str) -> None:
    """Python's own parser takes them; the wire does not."""
    refusal = refused(f"{{{where % constant}}}".encode())
    assert Reason.MALFORMED == refusal.reason
    assert f"not JSON: {constant} is not a JSON number" == str(refusal)


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "9" * 700, "1e5000"])
def test_huge_number_is_refused_by_the_field_that_it_stands_in(number: str) -> None:
    """Python's limit on the digits of an integer raises nothing of its own."""
    raw = minimal(event={**MINIMAL["event"], "sequence": "@"}).replace(b'"@"', number.encode())
    refusal = refused(raw)
    assert (Reason.INVALID, "event.sequence") == (refusal.reason, refusal.path)
    assert "event.sequence: must be an integer" == str(refusal)


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"event": SECRET}, "event"),
        ({"event": {"id": SECRET + "!" * 10, "action": "login"}}, "event.id"),
        ({"event": {**MINIMAL["event"], "id": [SECRET]}}, "event.id"),
        ({"event": {**MINIMAL["event"], "action": f"{SECRET} x"}}, "event.action"),
        ({"event": {**MINIMAL["event"], "outcome": SECRET}}, "event.outcome"),
        ({"event": {**MINIMAL["event"], "reason": SECRET * 100}}, "event.reason"),
        ({"event": {**MINIMAL["event"], "sequence": SECRET}}, "event.sequence"),
        ({"@timestamp": SECRET}, "@timestamp"),
        ({"@timestamp": {SECRET: SECRET}}, "@timestamp"),
        ({"user": SECRET}, "user"),
        ({"user": {"id": f"{SECRET}\x1b"}}, "user.id"),
        ({"user": {"email": SECRET * 40}}, "user.email"),
        ({"user": {"roles": SECRET}}, "user.roles"),
        ({"user": {"roles": [f"{SECRET}\n"]}}, "user.roles.0"),
        ({"source": {"ip": SECRET}}, "source.ip"),
        ({"source": {"ip": [SECRET]}}, "source.ip"),
        ({"source": {"address": SECRET}}, "source.address"),
        ({"user_agent": SECRET}, "user_agent"),
        ({"trace": {"id": f"{SECRET}\x00"}}, "trace.id"),
        ({"audit": {"actor": {"kind": SECRET}}}, "audit.actor.kind"),
        ({"audit": {"altered": [SECRET]}}, "audit.altered.0"),
        ({"audit": {"changes": [{"field": "f", "before": [SECRET]}]}}, "audit.changes.0.before"),
        ({"audit": {"changes": [{"field": "f", "after": SECRET * 1000}]}}, "audit.changes.0.after"),
        ({"password": SECRET}, "password"),
    ],
)
def test_refusal_names_the_field_and_never_its_value(wrong: Mapping[str, Any], path: str) -> None:
    """What an event holds stays out of logs and headers."""
    refusal = refused(minimal(**wrong))
    assert (Reason.INVALID, path) == (refusal.reason, refusal.path)
    assert SECRET not in str(refusal)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"user": []}, "user: must be an object"),
        ({"event": {"action": "login"}}, "event.id: is missing"),
        ({"user": {"id": ""}}, "user.id: is empty; omit it if it is unknown"),
        ({"user": {"id": "x" * 257}}, "user.id: is longer than 256 characters"),
        ({"user": {"id": "a\u202eb"}}, "user.id: must not contain control characters"),
        ({"user": {"id": "\ud800"}}, "user.id: must be a string of valid Unicode"),
        ({"user": {"roles": ["x"] * 101}}, "user.roles: has more than 100 entries"),
        ({"user": {"roles": {}}}, "user.roles: must be a list"),
        ({"audit": {"actor": {"kind": "bot"}}}, "audit.actor.kind: must be 'user' or 'system'"),
        ({"audit": None}, "audit: must be an object"),
        (
            {"colour": "red"},
            "colour: is not a field of an audit event; put your own data under labels",
        ),
        (
            {"event": {**MINIMAL["event"], "id": "short"}},
            "event.id: must be 16 to 128 characters of A-Z, a-z, 0-9, _ and -",
        ),
        (
            {"event": {**MINIMAL["event"], "action": "has been opened"}},
            "event.action: must be a name of letters, digits, . _ : and -, such as chat-opened",
        ),
    ],
)
def test_refusal_says_what_to_mend(wrong: Mapping[str, Any], sentence: str) -> None:
    """Each kind of problem has words that a publisher can act on."""
    assert sentence == str(refused(minimal(**wrong)))


def test_path_of_an_unknown_field_is_escaped_and_cut() -> None:
    """A key with a terminal escape in it shows as text, and a long one is cut."""
    assert "\\u001b[2J" == refused(minimal(**{"\x1b[2J": 1})).path
    assert "source.\\u202e" == refused(minimal(source={"\u202e": 1})).path
    assert "k" * 100 == refused(minimal(**{"k" * 5000: 1})).path


def test_many_problems_are_cut_to_ten() -> None:
    """A refusal stays small whatever the event."""
    assert 10 == len(refused(minimal(**{f"k{number}": 1 for number in range(5000)})).problems)


@pytest.mark.parametrize("raw", [b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"'])
def test_invalid_utf8_refuses_a_strict_field_by_name(raw: bytes) -> None:
    """Raw bytes that are no UTF-8 are refused where meaning is at stake."""
    refusal = refused(minimal(user={"id": "@"}).replace(b'"@"', raw))
    assert (Reason.INVALID, "user.id") == (refusal.reason, refusal.path)


@pytest.mark.parametrize("header", [None, b"1.0", SCHEMA_HEADER_VALUE, b"01.00", b"0.9"])
def test_known_schema_version_is_read(header: bytes | None) -> None:
    """Without a header an event is of version 1.0; older ones stay readable."""
    check_version(header)


@pytest.mark.parametrize("header", [b"1.2", b"2.0", b"10.0"])
def test_newer_schema_version_is_refused_as_such(header: bytes) -> None:
    """An event that this program might misread waits for an upgrade."""
    with pytest.raises(EventRefusedError, match=r"this program knows 1\.1: upgrade it") as caught:
        check_version(header)
    assert Reason.SCHEMA_NEWER == caught.value.reason


@pytest.mark.parametrize("header", [b"", b"1", b"1.0.0", b"one.two", b"\xff.0", b"9" * 5000 + b".0"])
def test_unreadable_schema_version_is_refused(header: bytes) -> None:
    """A header that is no version says so."""
    with pytest.raises(EventRefusedError, match=r"header audit-schema must be major\.minor") as caught:
        check_version(header)
    assert Reason.INVALID == caught.value.reason


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _shuffled(value: Any, random: Any) -> Any:
    if not isinstance(value, dict):
        return value
    keys = list(value)
    random.shuffle(keys)
    return {key: _shuffled(value[key], random) for key in keys}


def _utf16(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [int.from_bytes(raw[start : start + 2]) for start in range(0, len(raw), 2)]


def _with_twice(value: Any, where: Path, key: str, spelling: str, first: Any, here: Path = ()) -> str:
    """Write JSON in which one object has `key` twice: first `spelling`, with the value `first`."""
    if isinstance(value, list):
        items = [_with_twice(v, where, key, spelling, first, (*here, i)) for i, v in enumerate(value)]
        return f"[{','.join(items)}]"
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    pairs = [f"{spelling}:{json.dumps(first, ensure_ascii=False)}"] if here == where else []
    for name, inner in value.items():
        text = _with_twice(inner, where, key, spelling, first, (*here, name))
        pairs.append(f"{json.dumps(name, ensure_ascii=False)}:{text}")
    return f"{{{','.join(pairs)}}}"
