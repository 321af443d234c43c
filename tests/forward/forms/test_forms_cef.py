"""CEF: one line a document, whatever stands in it, and each value read back as it was."""

import re
from typing import Any

import pytest
from audit_alerts import CloseReason, Step, TriageStep
from audit_alerts.desk.triage import applied
from audit_forward.forms import form
from audit_schemas import AuditEvent
from hypothesis import given
from hypothesis import strategies as st
from support.event_strategies import at, events, places, some
from support.stored_alerts import NOW, made_alert
from support.stored_documents import example, example_names, stored

CEF = form("cef")

_PIPE = re.compile(r"(?<!\\)(?:\\\\)*\|")
_KEY = re.compile(r"(?:^| )([A-Za-z0-9]+)=")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_HOSTILE = [
    "\nCEF:0|x|y|1|login|Logged in|1|suser=root",
    "\r\n<134>1 2026-01-01T00:00:00Z host app - - - CEF:0|",
    "x suser=root act=login",
    "a|b\\|c\\",
    "\\= \\n \\",
    "\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e",
    "\u202egnp.exe",
    "\x1b[2J\x00",
    "=" * 9000,
    "|" * 9000,
]


def line(document: dict[str, Any]) -> str:
    """Return an event's line."""
    made = CEF.event(document)
    assert isinstance(made, str)
    return made


def parsed(text: str) -> tuple[list[str], dict[str, str]]:
    """Read a line as a receiver does: seven pipes, then keys before unescaped equals signs."""
    header = []
    for _ in range(7):
        end = _PIPE.search(text)
        assert end is not None
        header.append(_ESCAPED.sub(r"\1", text[: end.end() - 1]))
        text = text[end.end() :]
    keys = list(_KEY.finditer(text))
    ends = [key.start() for key in keys[1:]] + [len(text)]
    pairs = [(key[1], text[key.end() : end]) for key, end in zip(keys, ends, strict=True)]
    assert len(pairs) == len(dict(pairs))
    return header, {key: _ESCAPED.sub(_meant, value) for key, value in pairs}


@pytest.mark.parametrize("name", example_names())
def test_each_example_is_one_line_that_says_what_happened(name: str) -> None:
    """The contract's own examples, of each activity at least one."""
    document = example(name)
    header, pairs = parsed(line(document))
    failed = document["event"]["outcome"] == "failure"
    assert ["CEF:0", "chat-auditlog", "auditlog"] == header[:3]
    assert [document["event"]["action"], "5" if failed else "3"] == [header[4], header[6]]
    assert document["event"]["id"] == pairs["externalId"]
    assert document["event"]["outcome"] == pairs["outcome"]


def test_fields_stand_under_the_keys_of_cef() -> None:
    """What is nobody's key in CEF is a custom field with its label."""
    document = example("every-field")
    document["user"]["effective"] = {"id": "u-99", "name": "grace"}
    _, pairs = parsed(line(document))
    assert {
        "rt": "1795426200123",
        "externalId": "0192f0c1-4a00-7000-8000-000000000017",
        "cat": "event",
        "act": "chat-opened",
        "outcome": "success",
        "reason": "asked for by the customer",
        "msg": "Ada hat einen Chat eröffnet 💬",
        "c6a2Label": "Source IPv6 Address",
        "c6a2": "2001:db8:0:1::17",
        "suser": "ada",
        "suid": "u-17",
        "spriv": "agent,admin",
        "duser": "bob",
        "duid": "u-23",
        "dpriv": "agent",
        "requestClientApplication": "ChatApp/7.1 (Android 16)",
        "sourceServiceName": "chat-api",
        "cs1Label": "Organization",
        "cs1": "acme",
        "cs2Label": "Chat",
        "cs2": "c-9001",
        "cs3Label": "Session",
        "cs3": "s-5512",
        "cs4Label": "Target",
        "cs4": "chat c-9001 Invoice 4711",
        "cs5Label": "Changes",
        "cs5": '[{"field":"state","after":"open"}]',
        "cs6Label": "Labels",
        "cs6": '{"channel":"web","note":"","queue":"billing"}',
        "flexString1Label": "Trace",
        "flexString1": "4bf92f3577b34da6a3ce929d0e0e4736",
        "flexString2Label": "Acted As",
        "flexString2": "grace",
        "cn1Label": "Sequence",
        "cn1": "9223372036854775807",
    } == pairs


@pytest.mark.parametrize(
    ("address", "key", "shown"),
    [
        ("192.0.2.7", "src", "192.0.2.7"),
        ("::FFFF:192.0.2.7", "src", "192.0.2.7"),
        ("2001:0DB8::0001", "c6a2", "2001:db8::1"),
    ],
)
def test_address_is_under_the_key_of_its_family(address: str, key: str, shown: str) -> None:
    """An IPv4 address in IPv6's clothes is found by rules that look for it."""
    _, pairs = parsed(line(example("login") | {"source": {"ip": address}}))
    assert shown == pairs[key]


@some
@given(events(), st.data())
def test_no_text_breaks_the_line_or_forges_a_field(event: AuditEvent, data: st.DataObject) -> None:
    """Whatever stands in any text of a document, a receiver reads the keys that it would have."""
    document = stored(event)
    texts = [path for path in places(document) if path and isinstance(at(document, path), str)]
    for *parents, key in data.draw(st.lists(st.sampled_from(texts), max_size=4)):
        at(document, tuple(parents))[key] = data.draw(st.sampled_from(_HOSTILE) | st.text())
    made = line(document)
    assert 1 == len(made.splitlines())
    assert made.isprintable() or not re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", made)
    _, pairs = parsed(made)
    assert set(pairs) <= _KEYS
    for key, value in pairs.items():
        assert len(value) <= 6 * _LIMITS.get(key, 4000)


@pytest.mark.parametrize("text", ["a=b", "a\\b", "back\\", "two\nlines\r", "a|b", "= =", "x y=z"])
def test_text_is_read_back_as_it_was(text: str) -> None:
    """Escapes are those that receivers undo."""
    _, pairs = parsed(line(example("login") | {"message": text}))
    assert text == pairs["msg"]


def test_what_would_hide_or_break_is_shown_as_an_escape() -> None:
    """A reader of the line sees that something was there."""
    _, pairs = parsed(line(example("login") | {"message": "a\u2028b\x1bc\u202ed"}))
    assert r"a\u2028b\u001bc\u202ed" == pairs["msg"]


def test_header_of_an_own_activity_is_escaped() -> None:
    """An activity's name can't hold a pipe, a document that somebody changed can."""
    document = example("login")
    document["event"]["action"] = "own|10|suser=root\n"
    header, pairs = parsed(line(document))
    assert [r"own|10|suser=root\u000a", r"own|10|suser=root\u000a", "3"] == header[4:]
    assert "ada" == pairs["suser"]


def test_long_texts_are_cut_and_ids_are_not() -> None:
    """By an id of up to 128 characters a receiver finds repeats, whatever CEF's dictionary says."""
    document = example("login") | {"message": "x" * 8192}
    document["event"]["id"] = "i" * 128
    _, pairs = parsed(line(document))
    assert ("x" * 1022 + "…", "i" * 128) == (pairs["msg"], pairs["externalId"])


def test_alert_is_a_line_for_each_state() -> None:
    """Its severity is the rule's level, on CEF's scale to ten."""
    _, document = made_alert(organizations=("acme",))
    closed = applied(
        document,
        TriageStep(Step.CLOSE, reason=CloseReason.FALSE_POSITIVE, note="my secret"),
        "ben",
        NOW,
    )
    for state, act, status in ((document, "create", "open"), (closed, "close", "closed")):
        made = CEF.alert(state)
        assert isinstance(made, str)
        header, pairs = parsed(made)
        assert ["brute-force", document["message"], "5"] == header[4:]
        assert (act, status, "alert") == (pairs["act"], pairs["cs3"], pairs["cat"])
        assert ("203.0.113.66", "Ada", "6") == (pairs["src"], pairs["suser"], pairs["cnt"])
        assert document["event"]["id"] == pairs["externalId"]
        assert str(state["audit"]["alert"].get("triage_version", 0)) == pairs["cn2"]
        assert "my secret" not in made


def _meant(match: re.Match[str]) -> str:
    return {"n": "\n", "r": "\r"}.get(match[1], match[1])


_LIMITS = {"act": 63, "outcome": 63, "externalId": 128, "msg": 1023, "suser": 1023, "reason": 1023}
_STANDARD = {
    *("rt", "externalId", "cat", "act", "outcome", "reason", "msg", "src", "suser", "suid", "spriv"),
    *("duser", "duid", "dpriv", "requestClientApplication", "sourceServiceName"),
}
_CUSTOM = {*(f"cs{number}" for number in range(1, 7)), "flexString1", "flexString2", "cn1", "c6a2"}
_KEYS = _STANDARD | _CUSTOM | {f"{key}Label" for key in _CUSTOM}
