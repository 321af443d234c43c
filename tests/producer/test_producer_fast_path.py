"""What the SDK writes without a model is what the model writes."""

import json
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from audit_producer import fast_path
from audit_producer.build import event_fields, settled
from audit_producer.fast_path import FastPath, Ready
from audit_schemas import (
    AuditEvent,
    Catalogue,
    EventRefusedError,
    Service,
    TimeBounds,
    encode,
    validate,
)
from hypothesis import given
from hypothesis import strategies as st
from support.event_strategies import CATALOGUE, many, wire_events

_NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
_FAST = FastPath(Catalogue.load(), TimeBounds())


class _Text(StrEnum):
    """A text that is more than one."""

    ONE = "one"


_texts = st.text(max_size=5) | st.sampled_from(
    [
        *("u-007", "Ada", 'say "hi"', 'x","id":"y', "back\\slash", "", " ", "\x00", "\u202e", "\ud800"),
        *("x" * 256, "x" * 257, "203.0.113.7", "2001:db8::1", "1.2.3", "success", _Text.ONE),
        *("y" * 320, "y" * 321, "z" * 1024, "z" * 1025, "Zo\u00e9\u0301", "\u00a0", "\u200d", "\u0378"),
    ]
)
_values = _texts | st.sampled_from(
    [None, True, 0, 7, 2**70, 1.5, Decimal(5), UUID(int=1), b"x", ("a",), ["a"], {"id": "a"}, _NOW]
)
_mostly = st.one_of(_texts, _texts, _texts, _values)
_people = (
    _texts
    | st.none()
    | st.dictionaries(
        st.sampled_from(["id", "name", "email", "roles", 'id":"x","name', "more"]),
        _mostly | st.lists(_mostly, max_size=2),
        max_size=4,
    )
)
_context = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["chat", "ip", "session", "organization", "service", "trace"], _mostly),
        **dict.fromkeys(["user_agent", "outcome", "reason", "sequence", "message"], _mostly),
        "target_user": _people,
        "target": st.dictionaries(st.sampled_from(["type", "id", "name"]), _mostly, max_size=3),
        "labels": st.dictionaries(_texts | st.integers(), _mostly, max_size=3) | _values,
        "changes": st.dictionaries(st.just("email"), st.tuples(_texts, _texts), max_size=1),
        "at": st.sampled_from([_NOW, _NOW - timedelta(days=500), _NOW + timedelta(hours=1)]),
        "event_id": st.sampled_from(["0192f0c1-0000-7000-8000-000000000001", "short"]),
    },
)


@many
@given(st.sampled_from([*CATALOGUE, "nothing", 'login"']), _people, _context)
def test_what_it_writes_is_what_the_model_writes(
    action: str, user: Any, context: dict[str, Any]
) -> None:
    """The same bytes and the same key; what the model or the catalogue refuses is declined."""
    try:
        given = settled(action=action, user=user, **{"at": _NOW} | context)
        fields = event_fields(given)
    except (ValueError, TypeError, AttributeError):
        return
    for ready in (_FAST.ready(given, _NOW), _FAST.ready_fields(fields, _NOW)):
        assert_is_the_models(ready, fields, _NOW)


@many
@given(st.sampled_from([*CATALOGUE, "nothing", 'login"']), _people, _context)
def test_new_events_are_what_the_model_writes(action: str, user: Any, context: dict[str, Any]) -> None:
    """Their ids and times are the SDK's own; all else is looked at as in others."""
    own = {name: value for name, value in context.items() if name not in ("at", "event_id")}
    try:
        given = settled(action=action, user=user, **own)
        fields = event_fields(given)
    except (ValueError, TypeError, AttributeError):
        return
    assert_is_the_models(_FAST.ready(given, None), fields, datetime.now(UTC))


def assert_is_the_models(ready: Ready | None, fields: dict[str, Any], received: datetime) -> None:
    """Assert that a record was declined, or is what the model makes of wire fields."""
    if ready is None:
        return
    event = validate(fields)
    CATALOGUE.check(event)
    TimeBounds().check(event.timestamp, received)
    key = None
    if event.user is not None and event.audit.actor.kind == "user":
        key = event.user.id or event.user.name
    assert (encode(event), key) == ready


_LONG = 10**18
"""The grammar of canonical events knows numbers of fewer digits; the model has the rest."""


@many
@given(wire_events())
def test_wire_fields_in_the_models_order_take_it(wire: dict[str, Any]) -> None:
    """With the same bytes and key, if they need no escape, no long number, and are complete."""
    event = validate(wire)
    value = encode(event)
    ready = _FAST.ready_fields(json.loads(value), datetime.fromisoformat(event.timestamp))
    if b"\\" not in value and (event.event.sequence or 0) < _LONG and _is_whole(event):
        assert ready is not None
    if ready is not None:
        assert _is_whole(event)
        person = event.user if event.audit.actor.kind == "user" else None
        assert (value, person and (person.id or person.name)) == ready


def _is_whole(event: AuditEvent) -> bool:
    try:
        CATALOGUE.check(event)
    except EventRefusedError:
        return False
    return True


def test_usual_events_take_it() -> None:
    """A person, an address, labels, changes: nothing in them needs the model."""
    given = settled(
        action="settings-changed",
        user={"id": "u-007", "name": "Ada Lovelace", "roles": ["admin"]},
        ip="2001:db8::1",
        user_agent="Mozilla/5.0 (X11; Linux x86_64) Firefox/120",
        service="chat",
        labels={"b": "1", "a": "2 %"},
        target={"type": "settings", "id": "s-1"},
        changes={"theme": ("dark", "light")},
        sequence=7,
    )
    ready = _FAST.ready(given, None)
    assert ready is not None
    assert encode(validate(event_fields(given))) == ready.value


def test_default_service_is_added() -> None:
    """As the model's copy has it."""
    given = settled(action="login", user="u-1", service="chat")
    fields = event_fields(given)
    bare = validate({name: value for name, value in fields.items() if name != "service"})
    ready = _FAST.ready(given, None)
    assert ready is not None
    assert encode(bare.model_copy(update={"service": Service(name="chat")})) == ready.value


def test_values_of_another_event_are_not_kept() -> None:
    """Events of one form, which differ in their values and in the order of their labels' keys."""
    for user, labels in [("u-1", {"a": "1", "b": "2"}), ("%s", {"b": "3", "a": "4"})] * 2:
        given = settled(action="login", user=user, labels=labels, ip="1.2.3.4")
        ready = _FAST.ready(given, None)
        assert ready is not None
        assert (encode(validate(event_fields(given))), user) == ready


def test_values_cannot_end_the_text_that_they_stand_in() -> None:
    """A quotation mark would make one field two; the model escapes it."""
    assert _FAST.ready(settled(action="login", user="u-1"), None) is not None
    forged = settled(action="login", user='u-1","name":"Ada')
    assert _FAST.ready(forged, None) is None


def test_many_forms_take_bounded_memory() -> None:
    """Labels with keys that never come again, and long ones."""
    fast = FastPath(Catalogue.load(), TimeBounds())
    for number in range(3000):
        given = settled(action="login", user="u-1", labels={f"key-{number}": "x"})
        assert fast.ready(given, None) is not None
    layouts = fast._layouts.values()  # noqa: SLF001 - nothing else shows it
    assert sum(len(layout.templates) for layout in layouts) <= 1024


def test_thread_that_makes_a_new_form_disturbs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forms are counted while other threads add some; an event was lost by that."""
    fast = FastPath(Catalogue.load(), TimeBounds())
    assert fast.ready(settled(action="login", user="u-1"), None) is not None
    others = [settled(action="login", user="u-1", session="s-1")]

    def counted(sizes: Iterable[int]) -> int:
        total = 0
        for size in sizes:
            if others:
                thread = threading.Thread(target=fast.ready, args=(others.pop(), None))
                thread.start()
                thread.join()
            total += size
        return total

    monkeypatch.setattr(fast_path, "sum", counted, raising=False)
    assert fast.ready(settled(action="login", user="u-1", trace="t-1"), None) is not None
    assert not others


def test_an_event_that_holds_itself_is_declined() -> None:
    """And not looked at for ever."""
    labels: dict[str, Any] = {}
    labels["self"] = labels
    assert _FAST.ready(settled(action="login", user="u-1", labels=labels), None) is None
