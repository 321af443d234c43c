"""Filter -> query: golden pairs, and times as people give them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from audit_query import Criteria, Filter, ParameterError, TimeRangeError
from audit_query.intervals import check_interval
from audit_query.time_range import parse_time, zone

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

FILTERS = {
    "everything": Filter(),
    "user": Filter(users=("u-1",)),
    "activities": Filter(activities=("login", "logout")),
    "span": Filter(start=NOW - timedelta(days=1), end=NOW),
    "open-end": Filter(start=NOW),
    "outcomes": Filter(outcomes=("failure", "unknown")),
    "address": Filter(ips=("192.0.2.7", "2001:DB8:0::1")),
    "ranges": Filter(ips=("192.0.2.77/24", "2001:db8::/32")),
    "mapped-addresses": Filter(ips=("::ffff:192.0.2.7", "::ffff:198.51.100.0/120")),
    "all-of-ipv6": Filter(ips=("::/0", "192.0.2.0/24")),
    "no-address": Filter(ips=("none",)),
    "address-or-none": Filter(ips=("192.0.2.7", "none")),
    "where": Filter(
        organizations=("acme",), services=("chat-api",), chats=("c-1", "c-2"), sessions=("s-1",)
    ),
    "places": Filter(
        countries=("de", "FR"), asns=("AS64500", "64501"), exclude=Criteria(countries=("US",))
    ),
    "effective-user": Filter(effective_users=("bob", "u-8")),
    "text": Filter(text=("wrong password",)),
    "texts": Filter(text=("wrong password", "iPhone")),
    "exclude": Filter(exclude=Criteria(activities=("login",), ips=("10.0.0.0/8", "none"))),
    "include-and-exclude": Filter(
        users=("Ada",), end=NOW, exclude=Criteria(users=("u-2",), text=("test",))
    ),
    "all": Filter(users=("u-1", "Ada"), activities=("login",), start=NOW - timedelta(hours=1), end=NOW),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filter_becomes_the_golden_query(name: str) -> None:
    """Each filter gives exactly the query in its file."""
    assert FILTERS[name].to_query() == json.loads((GOLDEN / f"{name}.json").read_text())


def test_every_golden_file_is_used() -> None:
    """No pair is forgotten."""
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(FILTERS)


def test_filter_can_be_compared_and_is_frozen() -> None:
    """Two filters of the same fields are the same question."""
    assert Filter(users=("u-1",)) == replace(Filter(), users=("u-1",))
    assert hash(Filter()) == hash(Filter())


def test_span_the_wrong_way_round_is_refused() -> None:
    """An empty range would look like an empty log."""
    with pytest.raises(TimeRangeError, match="is not before"):
        Filter(start=NOW, end=NOW)


def test_times_of_one_zone_are_compared_by_what_elapsed() -> None:
    """Python compares them by the clock, which shows 02:50 before 02:10 at the end of summer."""
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 10, 25, 2, 50, tzinfo=berlin)
    wanted = Filter(start=start, end=start.replace(minute=10, fold=1))
    assert wanted.start is not None
    assert wanted.end is not None
    assert wanted.end - wanted.start == timedelta(minutes=20)
    with pytest.raises(TimeRangeError, match="is not before"):
        Filter(start=start.replace(minute=10, fold=1), end=start)


def test_time_without_a_zone_is_refused() -> None:
    """It would be read in the zone of whatever machine runs this."""
    with pytest.raises(TimeRangeError, match="needs a zone"):
        Filter(start=datetime(2026, 11, 1))  # noqa: DTZ001 - what is refused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("today", datetime(2026, 11, 23, tzinfo=UTC)),
        ("yesterday", datetime(2026, 11, 22, tzinfo=UTC)),
        ("-90m", NOW - timedelta(minutes=90)),
        ("-24h", NOW - timedelta(hours=24)),
        ("-2w", NOW - timedelta(weeks=2)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T08:00", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        ("2026-11-01T08:00:00+03:00", datetime(2026, 11, 1, 5, tzinfo=UTC)),
        ("2026-11-01T08:00Z", datetime(2026, 11, 1, 8, tzinfo=UTC)),
    ],
)
def test_times_are_taken_as_people_give_them(text: str, expected: datetime) -> None:
    """Absolute with or without a zone, relative, or by name."""
    assert parse_time(text, NOW) == expected


def test_time_without_a_zone_is_in_the_readers_zone() -> None:
    """A team lead in Istanbul means the morning in Istanbul."""
    there = NOW.astimezone(ZoneInfo("Europe/Istanbul"))
    assert parse_time("2026-11-01T08:00", there) == datetime(2026, 11, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "24h", "-5y", "2026-13-01", "-999999w", "1667289600"])
def test_what_is_no_time_is_refused_in_a_sentence(text: str) -> None:
    """The sentence names the forms that can be given."""
    with pytest.raises(TimeRangeError, match="use one such as"):
        parse_time(text, NOW)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "/etc/localtime"])
def test_what_is_no_zone_is_refused_in_a_sentence(name: str) -> None:
    """Also what would leave the folder of zones."""
    with pytest.raises(TimeRangeError, match="is not a time zone"):
        zone(name)


@pytest.mark.parametrize(
    ("text", "parameter"),
    [("15m", "fixed_interval"), ("1h", "fixed_interval"), ("day", "calendar_interval")],
)
def test_interval_is_fixed_or_calendar(text: str, parameter: str) -> None:
    """Elasticsearch asks which it is."""
    assert check_interval(text) == parameter


@pytest.mark.parametrize("text", ["", "h", "0h", "-1h", "1y", "fortnight"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    """The sentence lists the calendar intervals."""
    with pytest.raises(TimeRangeError, match="is not a valid interval"):
        check_interval(text)


@pytest.mark.parametrize(
    "text", ["192.0.2", "192.0.2.7/33", "fe80::1%eth0", "1.2.3.4-5", "*", "", "16909060", "010.0.0.1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Elasticsearch would refuse the whole search, with words of its own."""
    with pytest.raises(ParameterError, match="is not a valid IP address or range"):
        Filter(ips=(text,))
    with pytest.raises(ParameterError, match="is not a valid IP address or range"):
        Criteria(ips=("192.0.2.7", text))


@pytest.mark.parametrize("year", [1, 999, 3000, 9999])
def test_year_that_no_event_has_is_refused(year: int) -> None:
    """Elasticsearch would answer with words of its own, or Python not at all."""
    at = datetime(year, 1, 1, tzinfo=UTC)
    with pytest.raises(TimeRangeError, match="1000 to 2999"):
        Filter(start=at)
    with pytest.raises(TimeRangeError, match="1000 to 2999"):
        Filter(end=at)
