"""Hypothesis strategies for events: valid ones, damaged ones, and JSON of any kind."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from audit_schemas import AuditEvent, Catalogue, Origin
from audit_schemas.event import LABEL_KEY_MAX, LABEL_MAX, MESSAGE_MAX, NAME_MAX, USER_AGENT_MAX
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

Path = tuple[str | int, ...]

some = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
many = settings(some, max_examples=250)

CATALOGUE = Catalogue.load()

MINIMAL: dict[str, Any] = {
    "event": {"id": "0192f0c1-0000-7000-8000-000000000001", "action": "login"},
    "@timestamp": "2026-11-23T09:30:00.250Z",
    "user": {"id": "u-1"},
}
"""The least that an event of a person has."""

_BIDIRECTIONAL = "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_PRINTABLE = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters=_BIDIRECTIONAL)
_UNESCAPED = st.characters(
    exclude_categories=("Cs", "Cc"), exclude_characters=_BIDIRECTIONAL + '"\\', max_codepoint=0x2FFF
)

anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
"""Text with lone surrogates and control characters."""

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([10**30, -(2**63), 1e300, "", " ", "\x00", "\ud800", "x" * 9000])
    | anything,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(anything, inner, max_size=4),
    max_leaves=8,
)


_FIRST_DAY, _LAST_DAY = datetime(1970, 1, 2), datetime(2999, 12, 30)  # noqa: DTZ001 - Hypothesis wants these naive
_OUTERMOST = st.sampled_from(["+18:00", "-18:00", "-00:00"])

_ALTERED = ["user.name", "user.effective.name", "message", "labels"]


@st.composite
def timestamps(draw: st.DrawFn) -> str:
    """Every form of time that an event may have: up to nanoseconds, any offset."""
    moment: datetime = draw(st.datetimes(min_value=_FIRST_DAY, max_value=_LAST_DAY))
    fraction = draw(st.just("") | st.from_regex(r"\A\.[0-9]{1,9}\Z"))
    zone = draw(st.just("Z") | st.from_regex(r"\A[+-](0[0-9]|1[0-7]):[0-5][0-9]\Z") | _OUTERMOST)
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{zone}"


ips = (
    st.ip_addresses().map(str)
    | st.ip_addresses(v=6).map(lambda ip: ip.exploded.upper())
    | st.ip_addresses(v=4).map(lambda ip: f"::ffff:{ip}")
)
unknown_ips = st.none() | st.sampled_from(["", " ", "\t\n", "\u00a0"])


def texts(limit: int, least: int = 0, *, plain: bool = False) -> st.SearchStrategy[str]:
    """Text that a field of this limit takes; `plain` is without what JSON must escape."""
    usual = st.text(_UNESCAPED if plain else _PRINTABLE, min_size=least, max_size=12)
    return usual | st.sampled_from(["x" * limit, "\U0001f600" * limit])


def wire_events(*, plain: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """Every event that the model accepts, as parsed JSON."""
    text = texts(256, 1, plain=plain) | st.none()
    account = {
        "id": text,
        "name": texts(NAME_MAX, plain=plain) | st.none(),
        "email": texts(320, 1, plain=plain),
        "roles": st.lists(texts(256, 1, plain=plain), max_size=3) | st.none(),
    }
    blob = texts(8192, plain=plain) if plain else st.text(max_size=12) | st.just("\x00" * 8192)
    change = _part(
        {"before": blob | st.none(), "after": blob | st.none()}, field=texts(256, 1, plain=plain)
    )
    audit = {
        "actor": _part({"kind": st.sampled_from(["user", "system"])}),
        "chat": _part({"id": text}) | st.none(),
        "session": _part({"id": text}),
        "target": _part({"type": text, "id": text, "name": text}),
        "changes": st.lists(change, max_size=3) | st.none(),
        "altered": st.lists(st.sampled_from(_ALTERED), max_size=5) | st.none(),
    }
    event = _part(
        {
            "outcome": st.sampled_from(["success", "failure", "unknown", None]),
            "reason": texts(1024, 1, plain=plain),
            "sequence": st.integers(0, 2**63 - 1) | st.none(),
        },
        id=st.from_regex(r"\A[A-Za-z0-9_-]{16,128}\Z"),
        action=st.sampled_from([*CATALOGUE, "Own:thing_1.x"]),
    )
    other = _part(account) | st.none()
    optional = {
        "user": _part({**account, "effective": other, "target": other}) | st.none(),
        "source": _part(
            {"ip": ips | unknown_ips if not plain else ips | st.sampled_from(["", " ", None])}
        ),
        "service": _part({"name": text, "version": text}),
        "organization": _part({"id": text}),
        "user_agent": _part({"original": texts(USER_AGENT_MAX, plain=plain) | st.none()}),
        "trace": _part({"id": text}),
        "labels": st.none()
        | st.dictionaries(
            texts(LABEL_KEY_MAX, 1, plain=plain), texts(LABEL_MAX, plain=plain), max_size=4
        ),
        "message": texts(MESSAGE_MAX, plain=plain) | st.none(),
        "audit": _part(audit),
    }
    required: dict[Any, st.SearchStrategy[Any]] = {"event": event, "@timestamp": timestamps()}
    return st.fixed_dictionaries(required, optional=optional)


def events() -> st.SearchStrategy[AuditEvent]:
    """Every event that the model accepts."""
    return wire_events().map(AuditEvent.model_validate)


def origins() -> st.SearchStrategy[Origin]:
    """Return places in Kafka."""
    return st.builds(
        Origin, st.sampled_from(["audit.events", "t-1"]), st.integers(0, 5), st.integers(0, 2**63 - 1)
    )


def places(value: Any, at: Path = ()) -> Iterator[Path]:
    """Yield the path of every value inside a JSON value, the outermost first."""
    yield at
    inner = (
        value.items()
        if isinstance(value, Mapping)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in inner:
        yield from places(child, (*at, key))


def at(value: Any, path: Path) -> Any:
    """Return what is at a path."""
    for key in path:
        value = value[key]
    return value


@st.composite
def damaged_events(draw: st.DrawFn) -> bytes:
    """Events in which fields are dropped, renamed, retyped or injected, as JSON."""
    wire = json.loads(json.dumps(draw(wire_events())))
    for _ in range(draw(st.integers(1, 3))):
        _damage(draw, wire)
    return json.dumps(wire).encode()


@st.composite
def torn_events(draw: st.DrawFn) -> bytes:
    """Events as bytes with some cut out and others put in: broken JSON, broken UTF-8."""
    raw = json.dumps(draw(wire_events()), ensure_ascii=False).encode()
    start = draw(st.integers(0, len(raw)))
    junk = draw(
        st.binary(max_size=4) | st.sampled_from([b"\xff", b"\xed\xa0\x80", b"\\ud800", b'"', b"\x00"])
    )
    return raw[:start] + junk + raw[start + draw(st.integers(0, 3)) :]


def _part(optional: Mapping[str, st.SearchStrategy[Any]], **required: Any) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(required, optional=dict(optional))


def _damage(draw: st.DrawFn, wire: dict[str, Any]) -> None:
    *parents, key = draw(st.sampled_from([path for path in places(wire) if path] or [("x",)]))
    parent = at(wire, tuple(parents))
    kind = draw(st.sampled_from(["drop", "rename", "retype", "inject"]))
    if kind == "retype" or isinstance(parent, list):
        parent[key] = draw(json_values)
    elif kind == "inject":
        parent[draw(anything)] = draw(json_values)
    else:
        value = parent.pop(key, None)
        if kind == "rename":
            parent[draw(anything)] = value
