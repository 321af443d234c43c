"""The model's fields: pydantic's own leniencies, each shut by a test."""

import json
from typing import Any

import pytest
from audit_schemas import AuditEvent, EventRefusedError, Reason, decode, encode
from hypothesis import given
from pydantic import ValidationError
from support.event_strategies import MINIMAL, ips, some, timestamps

NO_TIME = "@timestamp: must be an RFC 3339 time with a zone, such as 2026-11-23T09:30:00.250Z"
NO_FIELD = "is not a field of an audit event; put your own data under labels"
NO_IP = "source.ip: is not an IPv4 or IPv6 address; leave it out or blank where it is unknown"


def event_with(**more: Any) -> AuditEvent:
    """Decode the least event with some fields replaced or added."""
    return decode(json.dumps({**MINIMAL, **more}).encode())


def refusal_of(**more: Any) -> str:
    """Return why such an event is refused."""
    with pytest.raises(EventRefusedError) as caught:
        event_with(**more)
    assert Reason.INVALID == caught.value.reason
    return str(caught.value)


def ip_of(**more: Any) -> str | None:
    """Return the IP that such an event has."""
    source = event_with(**more).source
    return None if source is None else source.ip


@some
@given(timestamps())
def test_time_is_kept_as_given(timestamp: str) -> None:
    """No digit and no zone of a time is changed."""
    assert timestamp == event_with(**{"@timestamp": timestamp}).timestamp


def test_nanoseconds_are_kept() -> None:
    """Pydantic would cut them to microseconds in silence."""
    timestamp = "2026-11-23T09:30:00.123456789+01:00"
    assert f'"@timestamp":"{timestamp}"'.encode() in encode(event_with(**{"@timestamp": timestamp}))


@pytest.mark.parametrize("number", [1_764_000_000, 1_764_000_000.5, True, 0])
def test_number_is_no_time(number: float) -> None:
    """Pydantic takes seconds or milliseconds since 1970, by a guess."""
    assert "@timestamp: must be a string of valid Unicode" == refusal_of(**{"@timestamp": number})


@pytest.mark.parametrize("digits", ["1764000000", "1764000000000", "20261123", "0"])
def test_string_of_digits_is_no_time(digits: str) -> None:
    """Pydantic takes them for seconds since 1970."""
    assert NO_TIME == refusal_of(**{"@timestamp": digits})


@pytest.mark.parametrize("text", ["2026-11-23T09:30:00", "2026-11-23T09:30:00.250", "2026-11-23"])
def test_time_without_a_zone_is_refused(text: str) -> None:
    """Nobody could tell which moment it names."""
    assert NO_TIME == refusal_of(**{"@timestamp": text})


@pytest.mark.parametrize("day", ["2026-02-29", "2026-02-30", "2026-04-31", "2100-02-29"])
def test_impossible_day_is_refused(day: str) -> None:
    """The calendar is held to, not only the form."""
    assert "@timestamp: is a day that does not exist" == refusal_of(
        **{"@timestamp": f"{day}T00:00:00Z"}
    )


def test_leap_day_is_accepted() -> None:
    """A day that does exist passes."""
    assert "2028-02-29T00:00:00Z" == event_with(**{"@timestamp": "2028-02-29T00:00:00Z"}).timestamp


@pytest.mark.parametrize(
    "text",
    [
        "2016-12-31T23:59:60Z",  # a leap second
        "2026-11-23T24:00:00Z",
        "2026-11-23T09:60:00Z",
        "2026-11-23T09:30:00+18:01",
        "2026-11-23T09:30:00-19:00",
        "2026-11-23T09:30:00+0100",
        "2026-11-23T09:30:00z",
        "2026-11-23t09:30:00Z",
        "2026-11-23 09:30:00Z",
        "2026-11-23T09:30Z",
        "2026-11-23T09:30:00,5Z",
        "2026-11-23T09:30:00.1234567890Z",
        "2026-W48-1T09:30:00Z",
        "1969-12-31T23:59:59Z",
        "3000-01-01T00:00:00Z",
        "2026-11-23T09:30:00Z\n",
        " 2026-11-23T09:30:00Z",
        "",
    ],
)
def test_time_that_elasticsearch_might_refuse_is_refused(text: str) -> None:
    """Leap seconds, far offsets and loose forms fail here, not in the index."""
    assert NO_TIME == refusal_of(**{"@timestamp": text})


@pytest.mark.parametrize("text", ["2٠٢٦-11-23T09:30:00Z", "2026-11-23T09:30:00.123456٣Z"])  # noqa: RUF001 - meant
def test_digits_of_other_scripts_are_no_time(text: str) -> None:
    r"""`\d` takes them, and Python skips them behind the microseconds; Elasticsearch refuses them."""
    assert NO_TIME == refusal_of(**{"@timestamp": text})


@some
@given(ips)
def test_ip_is_kept_as_given(ip: str) -> None:
    """Every IPv4 and IPv6 address is taken, in the form it has."""
    assert ip == ip_of(source={"ip": ip})


@pytest.mark.parametrize("number", [16_909_060, 0, 1.5, True])
def test_number_is_no_ip(number: float) -> None:
    """Pydantic takes 16909060 for 1.2.3.4."""
    assert "source.ip: must be a string of valid Unicode" == refusal_of(source={"ip": number})


@pytest.mark.parametrize(
    "text",
    [
        "fe80::1%eth0",
        "fe80::1%1",
        "16909060",
        "01.2.3.4",
        "1.2.3.010",
        "::1.2.3.04",
        "192.0.2.0/24",
        "2001:db8::/32",
        "192.0.2.1:443",
        "[::1]",
        "[::1]:443",
        " 192.0.2.1",
        "192.0.2.1\n",
        "192.0.2.1\x00",
        "192.0.2",
        "0x7f.0.0.1",
        "１.2.3.4",  # noqa: RUF001 - a full-width digit
        "::12345",
        "1::2::3",
        "unknown",
        "-",
        "localhost",
    ],
)
def test_what_is_almost_an_ip_is_refused(text: str) -> None:
    """Zone ids, ports, networks and leading zeros are none of Elasticsearch's addresses."""
    assert NO_IP == refusal_of(source={"ip": text})


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"source": None},
        {"source": {}},
        {"source": {"ip": None}},
        {"source": {"ip": ""}},
        {"source": {"ip": " \t\n\u00a0"}},
    ],
)
def test_missing_null_and_blank_ip_all_mean_unknown(more: dict[str, Any]) -> None:
    """The seed's blank IP is no fault."""
    assert ip_of(**more) is None
    assert b'"ip"' not in encode(event_with(**more))


@pytest.mark.parametrize("flag", [True, False])
def test_bool_is_no_int(flag: bool) -> None:  # noqa: FBT001
    """Python's own bool is an int; the wire's is not."""
    expected = "event.sequence: must be an integer"
    assert expected == refusal_of(event={**MINIMAL["event"], "sequence": flag})


@pytest.mark.parametrize("value", ["1", 1.0, 1e3])
def test_number_in_another_type_is_no_int(value: object) -> None:
    """Strings and floats are not turned into counts."""
    expected = "event.sequence: must be an integer"
    assert expected == refusal_of(event={**MINIMAL["event"], "sequence": value})


@pytest.mark.parametrize("value", [-1, 2**63, 10**600])
def test_number_beyond_a_long_is_refused(value: int) -> None:
    """Elasticsearch's `long` is the limit."""
    assert "event.sequence: input should be" in refusal_of(
        event={**MINIMAL["event"], "sequence": value}
    )


def test_largest_long_is_kept_exactly() -> None:
    """No float gets in between."""
    assert 2**63 - 1 == event_with(event={**MINIMAL["event"], "sequence": 2**63 - 1}).event.sequence


@pytest.mark.parametrize(
    "more",
    [
        {"unknown": 1},
        {"timestamp": "2026-11-23T09:30:00Z"},
        {"user": {"full_name": "x"}},
        {"audit": {"kafka": {"offset": 1}}},
        {"audit": {"user": "forged"}},
        {"related": {"ip": []}},
        {"ecs": {"version": "1"}},
        {"event": {**MINIMAL["event"], "hash": "forged"}},
        {"event": {**MINIMAL["event"], "ingested": "2026-11-23T09:30:00Z"}},
    ],
)
def test_unknown_field_is_refused(more: dict[str, Any]) -> None:
    """A misspelt field loses nothing in silence, and nobody forges what the consumer adds."""
    assert refusal_of(**more).endswith(NO_FIELD)


@pytest.mark.parametrize(
    "identity", ["x" * 15, "x" * 129, "a b" * 8, "ä" * 20, "x" * 16 + "\n", 10**20]
)
def test_event_id_outside_its_alphabet_is_refused(identity: object) -> None:
    """It becomes Elasticsearch's `_id`."""
    assert refusal_of(event={"id": identity, "action": "login"}).startswith("event.id: must be ")


def test_event_is_immutable() -> None:
    """What was validated stays valid."""
    event = event_with()
    with pytest.raises(ValidationError):
        event.timestamp = "yesterday"  # type: ignore[misc]
