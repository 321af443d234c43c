"""The quick way: it says what the model says, or nothing."""

import json
from datetime import UTC, datetime
from functools import cache

import pytest
from audit_consumer import Places
from audit_consumer.decode import Decoder
from audit_consumer.fast_path import FastPath
from audit_consumer.record import Prepared, Record, Refusal, headers_of
from audit_generator.traffic import Traffic
from audit_schemas import (
    SCHEMA_HEADER,
    SCHEMA_HEADER_VALUE,
    AuditEvent,
    Catalogue,
    IndexNaming,
    TimeBounds,
    encode,
    published_forms,
)
from audit_schemas.catalogue import Activity
from hypothesis import given
from hypothesis import strategies as st
from support.event_strategies import many, some, torn_events, wire_events
from support.events import chat_opened
from support.geo_files import COLOGNE, TELEKOM, geo_file
from support.messages import NOW, message

INGESTED = "2026-11-23T09:30:01.000Z"
JUNK = [b"", b'"', b"\\", b",", b"{}", b"null", b" ", b"\xff", b"\n", b"1"]
NAMING = IndexNaming("audit-events")
CATALOGUE = Catalogue(
    {
        **Catalogue.load(),
        "Own:thing_1.x": Activity(
            description="Requires much.",
            requires=["user", "audit.target", "user.roles", "message", "event.sequence"],
        ),
    }
)


_SOURCE = b'"source":{"ip":"192.0.2.7"},'
canonical_events = wire_events(plain=True).map(lambda wire: encode(AuditEvent.model_validate(wire)))


@cache
def readers(bounds: TimeBounds) -> tuple[FastPath, Decoder]:
    """Return the quick way and the model's."""
    return FastPath(CATALOGUE, bounds, NAMING, None), Decoder(CATALOGUE, bounds, NAMING)


def both(raw: bytes, bounds: TimeBounds | None = None, **record: object) -> tuple[object, object]:
    """Return what the quick way gives, and what the model's way gives."""
    reader, decoder = readers(bounds or TimeBounds.unlimited())
    found = message(raw, **record)  # type: ignore[arg-type]
    (quick,) = reader.lines([found], headers_of([found]), INGESTED)
    prepared = decoder.prepare(Record.of(found), INGESTED)
    return quick, prepared.lines if isinstance(prepared, Prepared) else prepared


@pytest.fixture(scope="module")
def locating(tmp_path_factory: pytest.TempPathFactory) -> tuple[FastPath, Decoder]:
    """Give both ways, with a database that knows most addresses."""
    records = {"0.0.0.0/1": COLOGNE | TELEKOM, "::/1": TELEKOM, "192.0.2.0/24": COLOGNE}
    places = Places([geo_file(tmp_path_factory.mktemp("geo") / "all.mmdb", records)])
    bounds = TimeBounds.unlimited()
    return FastPath(CATALOGUE, bounds, NAMING, places), Decoder(CATALOGUE, bounds, NAMING, places)


def is_recovered(raw: bytes, lines: object) -> bool:
    """Tell whether the published bytes come back from a document, without a copy in it."""
    assert isinstance(lines, bytes)
    source = json.loads(lines.splitlines()[1])
    return "original" not in source["event"] and raw in published_forms(source)


@many
@given(canonical_events)
def test_what_it_reads_is_what_the_model_reads(raw: bytes) -> None:
    """For every event in canonical form, byte for byte, or it leaves the event to the model.

    So whatever it reads needs no copy of the published bytes, which it never makes.
    """
    quick, slow = both(raw)
    assert quick in (None, slow)
    assert quick is None or is_recovered(raw, quick)


def without_place(lines: bytes) -> bytes:
    """Return lines with what a database said taken out of the document."""
    action, _, body = lines.partition(b"\n")
    source = json.loads(body)
    for name in ("geo", "as"):
        source.get("source", {}).pop(name, None)
    return action + b"\n" + json.dumps(source, ensure_ascii=False, separators=(",", ":")).encode()


@many
@given(canonical_events)
def test_places_are_added_alike_and_change_nothing_else(
    locating: tuple[FastPath, Decoder], raw: bytes
) -> None:
    """Both ways write the same document; hash, id and the published bytes are as without a place."""
    reader, decoder = locating
    found = message(raw)
    (quick,) = reader.lines([found], headers_of([found]), INGESTED)
    prepared = decoder.prepare(Record.of(found), INGESTED)
    if isinstance(prepared, Refusal):
        assert (None, prepared) == (quick, both(raw)[1])
        return
    assert quick in (None, prepared.lines)
    bare = both(raw)[1]
    assert isinstance(bare, bytes)
    assert bare == without_place(prepared.lines)
    assert is_recovered(raw, prepared.lines) or b'"original"' in bare


def test_place_stands_beside_the_address(locating: tuple[FastPath, Decoder]) -> None:
    """Of what the SDK writes, by the fast path; not where an event has none."""
    reader, _ = locating
    for raw, expected in ((chat_opened(), "Cologne"), (chat_opened().replace(_SOURCE, b""), None)):
        found = message(raw)
        (lines,) = reader.lines([found], headers_of([found]), INGESTED)
        assert lines is not None
        source = json.loads(lines.splitlines()[1]).get("source", {})
        assert expected == source.get("geo", {}).get("city_name")


@many
@given(
    torn_events() | wire_events(plain=True).map(lambda w: encode(AuditEvent.model_validate(w))),
    st.data(),
)
def test_what_is_damaged_is_left_to_the_model(raw: bytes, data: st.DataObject) -> None:
    """Bytes cut out, doubled or changed: never lines that the model would not give."""
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 40)))
    junk = data.draw(
        st.sampled_from(
            [b"", b'"', b"\\", b",", b"{}", b"null", b" ", b"\xff", b"\n", b"1", raw[start:end] * 2]
        )
    )
    damaged = raw[:start] + junk + raw[end:]
    quick, slow = both(damaged)
    assert quick in (None, slow)
    assert quick is None or is_recovered(damaged, quick)


@pytest.mark.parametrize(
    "name", ["system", "System (user)", "systemd", "Ada\u200b", "Jose\u0301", "\U000e0041"]
)
@pytest.mark.parametrize("kind", ["user", "system"])
def test_both_ways_show_the_same_user(name: str, kind: str) -> None:
    """A person called system by the actor's kind; a name with what is hidden in it, in NFC."""
    raw = chat_opened().replace(b'"user":{"id":"user-0"}', b'"user":{"id":"%s"}' % name.encode())
    quick, slow = both(raw.replace(b'"kind":"user"', b'"kind":"%s"' % kind.encode()))
    assert quick == slow
    assert isinstance(quick, bytes)


_hiding = st.sampled_from(
    [b"", b"\n", b"{\n}", b"\xff", b"x" * 2**20, chat_opened() + b"\n", chat_opened()[:-1], None]
)


@some
@given(st.lists(canonical_events | st.just(chat_opened()) | _hiding, max_size=8))
def test_records_read_together_are_read_as_alone(raws: list[bytes | None]) -> None:
    """Whatever stands beside a record: another alphabet, line breaks, nothing, what is no text."""
    reader, _ = readers(TimeBounds.unlimited())
    found = [message(raw, offset=offset) for offset, raw in enumerate(raws)]
    together = reader.lines(found, headers_of(found), INGESTED)
    assert [reader.lines([one], headers_of([one]), INGESTED)[0] for one in found] == together


def test_what_the_publisher_writes_takes_the_quick_way() -> None:
    """All of the generated traffic does, and nothing of it differs."""
    end = datetime(2026, 11, 23, tzinfo=UTC)
    published = [encode(event) for event in Traffic(3000, end)]
    quick = [both(raw) for raw in published]
    assert [one for one, _ in quick] == [other for _, other in quick]
    assert all(is_recovered(raw, one) for raw, (one, _) in zip(published, quick, strict=True))


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b" " + raw,
        lambda raw: raw + b"\n",
        lambda raw: raw.replace(b'"192.0.2.7"', b'"192.0.2.256"'),
        lambda raw: raw.replace(b'"192.0.2.7"', b'"fe80::1%eth0"'),
        lambda raw: raw.replace(b"chat-opened", b"no-such-activity"),
        lambda raw: raw.replace(b'"chat":{"id":"chat-0"}', b'"chat":{}'),
        lambda raw: raw.replace(b'"user":{"id":"user-0"},', b""),
        lambda raw: raw.replace(b'"audit":{', b'"labels":{"b":"1","a":"2"},"audit":{'),
        lambda raw: raw.replace(b'"audit":{', b'"labels":{"a":"1","a":"2"},"audit":{'),
        lambda raw: raw.replace(b'"user":{', b'"user":{"id":"twice",'),
        lambda raw: raw.replace(b"user-0", b"user-\xc3"),
        lambda raw: raw.replace(b"user-0", "user-\u202e".encode()),
        lambda raw: raw.replace(b"user-0", b"user\\u002d0"),
        lambda raw: raw[:-1] + b",}",
    ],
)
def test_what_needs_a_closer_look_gets_it(change: object) -> None:
    """Whatever is not plainly valid and canonical is not decided here."""
    raw = chat_opened()
    assert both(raw)[0] is not None
    changed = change(raw)  # type: ignore[operator]
    assert changed != raw
    assert both(changed)[0] is None


@pytest.mark.parametrize("day", ["2026-02-29", "2026-02-30", "2026-04-31", "2025-10-01", "2026-11-24"])
def test_time_out_of_bounds_and_days_that_do_not_exist_are_left_to_the_model(day: str) -> None:
    """The verdict with its sentence is the model's."""
    raw = (
        b'{"event":{"id":"0123456789abcdef","action":"login"},"@timestamp":"%bT09:30:00Z",'
        % day.encode()
    )
    raw += b'"user":{"id":"u-1"},"audit":{"actor":{"kind":"user"}}}'
    quick, _ = both(raw, TimeBounds())
    assert quick is None
    assert both(raw.replace(day.encode(), b"2026-11-23"), TimeBounds())[0] is not None


def test_newer_schema_is_left_to_the_model() -> None:
    """Of other headers it takes no notice."""
    raw = chat_opened()
    known = (SCHEMA_HEADER, SCHEMA_HEADER_VALUE)
    assert both(raw, headers=[("traceparent", b"x"), known])[0] is not None
    assert both(raw, headers=[(SCHEMA_HEADER, b"1.0")])[0] is not None
    assert both(raw, headers=[known, (SCHEMA_HEADER, b"1.7")])[0] is None


@pytest.mark.parametrize("zone", ["Z", "+03:00", "-12:30"])
def test_index_is_that_of_the_events_own_time(zone: str) -> None:
    """Also where its zone makes it another month in UTC."""
    raw = b'{"event":{"id":"0123456789abcdef","action":"login"},"@timestamp":"2026-11-01T01:00:00%b",'
    raw = raw % zone.encode() + b'"user":{"id":"u-1"},"audit":{"actor":{"kind":"user"}}}'
    quick, slow = both(raw, received=NOW)
    assert isinstance(quick, bytes)
    assert quick == slow
    assert (b"2026.10" if zone == "+03:00" else b"2026.11") in quick.splitlines()[0]
