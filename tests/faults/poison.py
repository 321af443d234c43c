"""Hostile records, each with a name and with what must become of it: data, no I/O.

Every one that is indexed has an id of its own, so that none can hide behind another.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit_schemas import AuditEvent, Reason
from audit_schemas.event import MAX_EVENT_BYTES
from faults.hostile_values import HOSTILE_VALUES, INDEXED, MENDED, nested, time_from_now

__all__ = ["CORPUS", "Poison", "event_with", "twenty_megabytes"]

Headers = tuple[tuple[str, bytes | None], ...]

INVALID, MALFORMED, TWICE = Reason.INVALID, Reason.MALFORMED, Reason.DUPLICATE_KEY
LACKING, NEWER = Reason.MISSING_CONTEXT, Reason.SCHEMA_NEWER

LENIENT = (
    "user.name",
    "user.effective.name",
    "user.target.name",
    "user_agent.original",
    "message",
    "labels",
)
HOLE = '"@@hole@@"'


@dataclass(frozen=True)
class Poison:
    """A record, and the fate it must meet: indexed, or a dead letter's reason."""

    name: str
    value: bytes | None = field(repr=False)
    fate: str
    altered: str = ""
    """The field that `audit.altered` must name, of an event that is indexed after mending."""
    key: bytes | None = field(default=None, repr=False)
    headers: Headers = field(default=(), repr=False)


def whole_event(name: str) -> dict[str, Any]:
    """Return a valid event that has every field of the model."""
    account = {"name": "Ada", "email": "ada@example.org", "roles": ["agent"]}
    return {
        "event": {
            "id": f"poison-{name}".ljust(16, "-")[:128].replace(".", "_"),
            "action": "login",
            "outcome": "success",
            "reason": "asked for",
            "sequence": 7,
        },
        "@timestamp": time_from_now(),
        "user": {
            "id": "u-1",
            **account,
            "effective": {"id": "u-3", **account},
            "target": {"id": "u-2", **account},
        },
        "source": {"ip": "192.0.2.1"},
        "service": {"name": "chat-api", "version": "1"},
        "organization": {"id": "acme"},
        "user_agent": {"original": "ChatApp/7.1"},
        "trace": {"id": "4bf92f35"},
        "labels": {"channel": "web"},
        "message": "Ada has logged in",
        "audit": {
            "actor": {"kind": "user"},
            "chat": {"id": "c-1"},
            "session": {"id": "s-1"},
            "target": {"type": "chat", "id": "c-1", "name": "Invoice"},
            "changes": [{"field": "state", "before": "new", "after": "open"}],
            "altered": [],
        },
    }


def event_with(name: str, path: str, value: object) -> bytes:
    """Return a whole event in which `value` stands at `path`; bytes stand there as they are."""
    event = whole_event(name)
    *parents, last = path.split(".")
    place: Any = event
    for step in parents:
        place = place[int(step) if isinstance(place, list) else step]
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    place[int(last) if isinstance(place, list) else last] = "@@hole@@"
    return json.dumps(event, ensure_ascii=False).encode().replace(HOLE.encode(), raw)


def _valid(name: str) -> bytes:
    return json.dumps(whole_event(name)).encode()


def _noise(size: int) -> bytes:
    return hashlib.shake_256(b"poison").digest(size)


def _without(name: str, *paths: str, **more: Any) -> bytes:
    event = whole_event(name) | more
    for path in paths:
        event.pop(path)
    return json.dumps(event).encode()


# No event at all: the record's value, as it is.
_WHOLE: tuple[tuple[str, bytes | None, str], ...] = (
    ("null-value", None, MALFORMED),
    ("empty", b"", MALFORMED),
    ("blank", b" \r\n\t", MALFORMED),
    ("zero-bytes", b"\x00" * 64, MALFORMED),
    ("binary", _noise(4096), MALFORMED),
    ("gzip", gzip.compress(_valid("gzip"), mtime=0), MALFORMED),
    ("schema-registry-prefix", b"\x00\x00\x00\x00\x01" + _valid("registry"), MALFORMED),
    ("truncated-by-one", _valid("truncated-by-one")[:-1], MALFORMED),
    ("truncated-by-half", _valid("truncated-by-half")[:400], MALFORMED),
    ("truncated-inside-a-character", '{"message":"é'.encode()[:-1], MALFORMED),
    ("beginning-lost", _valid("beginning-lost")[5:], MALFORMED),
    ("two-events", _valid("two-a") + b"\n" + _valid("two-b"), MALFORMED),
    ("list-of-events", b"[" + _valid("list-of-events") + b"]", MALFORMED),
    ("rubbish-after-the-event", _valid("rubbish") + b"\x00", MALFORMED),
    ("json-null", b"null", MALFORMED),
    ("json-number", b"17", MALFORMED),
    ("json-text", json.dumps(_valid("json-text").decode()).encode(), MALFORMED),
    ("empty-object", b"{}", INVALID),
    ("trailing-comma", _valid("trailing-comma")[:-1] + b",}", MALFORMED),
    ("comment", b"/* event */" + _valid("comment"), MALFORMED),
    ("single-quotes", repr(whole_event("single-quotes")).encode(), MALFORMED),
    ("xml", b"<event><id>0123456789abcdef</id></event>", MALFORMED),
    ("byte-order-mark", b"\xef\xbb\xbf" + _valid("byte-order-mark"), MALFORMED),
    ("utf-16", _valid("utf-16").decode().encode("utf-16"), MALFORMED),
    ("utf-16-without-mark", _valid("utf-16-le").decode().encode("utf-16-le"), MALFORMED),
    ("utf-32", _valid("utf-32").decode().encode("utf-32"), MALFORMED),
    ("ebcdic", _valid("ebcdic").decode().encode("cp037"), MALFORMED),
    ("nested-lists", nested(100_000), MALFORMED),
    ("nested-lists-unclosed", b"[" * 100_000, MALFORMED),
    ("nested-objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, MALFORMED),
    ("key-twice-at-the-top", _valid("twice-at-the-top")[:-1] + b',"user":{}}', TWICE),
    ("key-twice-with-the-same-value", _valid("twice-same")[:-1] + b',"message":""}', TWICE),
    ("key-twice-in-escapes", _valid("twice-in-escapes")[:-1] + rb',"\u0075ser":{}}', TWICE),
    ("as-large-as-may-be", _valid("as-large-as-may-be").ljust(MAX_EVENT_BYTES), INDEXED),
    ("a-byte-too-large", _valid("a-byte-too-large").ljust(MAX_EVENT_BYTES + 1), Reason.TOO_LARGE),
    ("white-space-all-over", json.dumps(whole_event("white-space"), indent=9).encode(), INDEXED),
    ("no-time", _without("no-time", "@timestamp"), INVALID),
    ("no-event", _without("no-event", "event"), INVALID),
    ("no-user", _without("no-user", "user"), LACKING),
    ("system-without-user", _without("system", "user", audit={"actor": {"kind": "system"}}), INDEXED),
)

# Control characters, forged lines, terminal escapes, bidirectional overrides.
_CONTROLS = {
    "terminal-escape": "\x1b]0;owned\x07\x1b[2J",
    "forged-line": "ok\r\n2026-01-01 root logged in",
    "c1-control": "\x9b31m",
    "line-separator": "a\u2028b\u2029c",
    "bidi-override": "\u202egpj.exe",
    "bidi-isolate": "\u2066admin\u2069",
    "delete": "\x7f",
}
_STRICT_TEXTS = ("user.id", "user.email", "service.name", "audit.target.name", "event.reason")

_HEADERS: tuple[tuple[str, Headers, str], ...] = (
    ("schema-1.0", (("audit-schema", b"1.0"),), INDEXED),
    ("schema-older", (("audit-schema", b"0.9"),), INDEXED),
    ("schema-of-no-value", (("audit-schema", None),), INDEXED),
    ("schema-newer-minor", (("audit-schema", b"1.9999"),), NEWER),
    ("schema-newer-major", (("audit-schema", b"2.0"),), NEWER),
    ("schema-empty", (("audit-schema", b""),), INVALID),
    ("schema-without-minor", (("audit-schema", b"1"),), INVALID),
    ("schema-in-words", (("audit-schema", b"one.zero"),), INVALID),
    ("schema-with-a-line-feed", (("audit-schema", b"1.0\n"),), INVALID),
    ("schema-not-utf-8", (("audit-schema", b"\xff.\xfe"),), INVALID),
    ("schema-of-other-digits", (("audit-schema", "\u0661.\u0660".encode()),), INVALID),
    ("schema-huge", (("audit-schema", b"1." + b"0" * 100_000),), INVALID),
    ("schema-twice-last-is-newer", (("audit-schema", b"1.0"), ("audit-schema", b"9.0")), NEWER),
    ("schema-twice-last-is-known", (("audit-schema", b"9.0"), ("audit-schema", b"1.0")), INDEXED),
    ("schema-under-another-name", (("Audit-Schema", b"9.0"),), INDEXED),
    ("headers-in-thousands", tuple((f"h{n}", b"x") for n in range(5000)), INDEXED),
    ("header-huge", (("h", b"\x00" * 500_000),), INDEXED),
    ("header-of-no-name", (("", b"x"),), INDEXED),
    ("header-of-a-dead-letter", (("__connect.errors.offset", b"x"),), INDEXED),
)


def _wrong_types() -> Iterator[Poison]:
    """Put, at each path of the model, every type that does not belong there."""
    kinds = {"string": "text", "integer": 7, "number": 1.5, "boolean": True, "array": ["x"]}
    for path, kind in _kinds(AuditEvent.model_json_schema(by_alias=True)):
        lenient = next((top for top in LENIENT if f"{path}.".startswith(f"{top}.")), "")
        for wrong, value in (kinds | {"object": {"x": "y"}}).items():
            if wrong != kind:
                name = f"type-{path.strip('@')}-{wrong}"
                yield Poison(
                    name, event_with(name, path, value), INDEXED if lenient else INVALID, lenient
                )


def _kinds(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each path of the model below the top, and the JSON type that belongs there."""

    def walk(part: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
        if "$ref" in part:
            part = schema["$defs"][part["$ref"].rsplit("/", 1)[-1]]
        if "type" not in part:
            (part, *_) = part["anyOf"]
            yield from walk(part, path)
            return
        if path:
            yield path, part["type"]
        prefix = f"{path}." if path else ""
        for name, inner in part.get("properties", {}).items():
            yield from walk(inner, prefix + name)
        if "items" in part and path != "audit.altered":
            yield from walk(part["items"], f"{path}.0")

    yield from walk(schema, "")


def _unknown_fields() -> Iterator[Poison]:
    """Add a field that nobody knows to each object of the model."""
    for path, kind in [("", "object"), *_kinds(AuditEvent.model_json_schema(by_alias=True))]:
        if kind == "object" and path != "labels":
            name = f"unknown-field-in-{path or 'the-event'}"
            where = f"{path}.surprise".lstrip(".")
            yield Poison(name, event_with(name, where, 1), INVALID)


def _controls() -> Iterator[Poison]:
    """Put hostile characters into each free text, where they are mended, and into strict ones."""
    for kind, text in _CONTROLS.items():
        for field_ in LENIENT:
            path = "labels.channel" if field_ == "labels" else field_
            name = f"{kind}-in-{field_}"
            yield Poison(name, event_with(name, path, text), INDEXED, field_)
    for path, (kind, text) in zip(_STRICT_TEXTS, _CONTROLS.items(), strict=False):
        name = f"{kind}-in-{path}"
        yield Poison(name, event_with(name, path, text), INVALID)


def _at() -> Iterator[Poison]:
    for name, path, value, fate in HOSTILE_VALUES:
        altered = next(top for top in LENIENT if path.startswith(top)) if fate == MENDED else ""
        yield Poison(name, event_with(name, path, value), INDEXED if altered else fate, altered)


def _keys() -> Iterator[Poison]:
    """Give events and rubbish keys that say nothing of them."""
    for name, key in {"huge": b"k" * 900_000, "empty": b"", "binary": _noise(64)}.items():
        yield Poison(f"key-{name}", _valid(f"key-{name}"), INDEXED, key=key)
        yield Poison(f"key-{name}-of-no-event", b"{", MALFORMED, key=key)


def twenty_megabytes() -> Poison:
    """Return an event of 20 MB that no compression makes small enough for the dead-letter topic."""
    value = event_with("twenty-megabytes", "message", _noise(10_000_000).hex())
    return Poison("twenty-megabytes", value, Reason.TOO_LARGE)


CORPUS: tuple[Poison, ...] = (
    *(Poison(*row) for row in _WHOLE),
    *_at(),
    *_controls(),
    *_unknown_fields(),
    *_wrong_types(),
    *(Poison(name, _valid(name), fate, headers=headers) for name, headers, fate in _HEADERS),
    *_keys(),
)
