"""Times as people give them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from audit_schemas.time_expressions import parse_time, zone
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=zone("Europe/Istanbul"))


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("now", "2026-11-23T09:30:00+00:00"),
        ("today", "2026-11-22T21:00:00+00:00"),
        ("yesterday", "2026-11-21T21:00:00+00:00"),
        ("-90m", "2026-11-23T08:00:00+00:00"),
        ("-2w", "2026-11-09T09:30:00+00:00"),
        ("2026-11-23", "2026-11-22T21:00:00+00:00"),
        ("2026-11-23T09:30Z", "2026-11-23T09:30:00+00:00"),
        ("2026-11-23T09:30:01+01:00", "2026-11-23T08:30:01+00:00"),
    ],
)
def test_time_is_read_in_the_zone_of_now(text: str, means: str) -> None:
    """What has a zone keeps it; all else is in that of the asker."""
    assert parse_time(text, NOW).isoformat() == means


@pytest.mark.parametrize(
    ("place", "now", "text", "means"),
    [
        # Berlin: 02:00 becomes 03:00 on 29 March, 03:00 becomes 02:00 on 25 October.
        ("Europe/Berlin", "2026-10-25T01:10Z", "-30m", "2026-10-25T00:40Z"),
        ("Europe/Berlin", "2026-10-25T01:05Z", "-10m", "2026-10-25T00:55Z"),
        ("Europe/Berlin", "2026-03-29T01:10Z", "-30m", "2026-03-29T00:40Z"),
        ("Europe/Berlin", "2026-10-25T12:00Z", "-24h", "2026-10-24T12:00Z"),
        ("Europe/Berlin", "2026-10-25T12:00Z", "-1d", "2026-10-24T11:00Z"),
        ("Europe/Berlin", "2026-03-29T12:00Z", "-1w", "2026-03-22T13:00Z"),
        ("Europe/Berlin", "2026-03-30T00:30Z", "-1d", "2026-03-29T01:30Z"),  # 02:30 was skipped
        ("Europe/Berlin", "2026-10-26T01:30Z", "-1d", "2026-10-25T00:30Z"),  # 02:30 came twice
        ("Europe/Berlin", "2026-10-25T01:30Z", "-0d", "2026-10-25T01:30Z"),
        ("Europe/Berlin", "2026-10-25T12:00Z", "2026-10-25T02:30", "2026-10-25T00:30Z"),
        ("Europe/Berlin", "2026-03-29T12:00Z", "2026-03-29T02:30", "2026-03-29T01:30Z"),
        # Havana: 00:00 becomes 01:00 on 8 March, 01:00 becomes 00:00 on 1 November.
        ("America/Havana", "2026-11-01T05:20Z", "today", "2026-11-01T04:00Z"),
        ("America/Havana", "2026-11-01T05:20Z", "-30m", "2026-11-01T04:50Z"),
        ("America/Havana", "2026-11-02T05:20Z", "yesterday", "2026-11-01T04:00Z"),
        ("America/Havana", "2026-03-08T05:20Z", "today", "2026-03-08T05:00Z"),
        ("America/Havana", "2026-03-09T04:20Z", "yesterday", "2026-03-08T05:00Z"),
        ("America/Havana", "2026-03-08T05:20Z", "-30m", "2026-03-08T04:50Z"),
    ],
)
def test_change_of_clocks_moves_days_and_not_hours(place: str, now: str, text: str, means: str) -> None:
    """Half an hour has thirty minutes; a day ago the clock showed the same time."""
    at = datetime.fromisoformat(now).astimezone(zone(place))
    assert parse_time(text, at) == datetime.fromisoformat(means)


CHANGING = st.sampled_from(["Europe/Berlin", "America/Havana", "Australia/Lord_Howe"]).map(ZoneInfo)
YEAR = st.integers(0, 366 * 24 * 60).map(
    lambda m: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=m)
)
SMALLEST = timedelta(microseconds=1)


@given(YEAR, CHANGING, st.integers(0, 999_999), st.sampled_from(["s", "m", "h"]))
def test_seconds_minutes_and_hours_have_elapsed(
    now: datetime, place: ZoneInfo, count: int, unit: str
) -> None:
    """Exactly so many, whatever the clocks did meanwhile."""
    elapsed = now - parse_time(f"-{count}{unit}", now.astimezone(place))
    assert (
        elapsed
        == count * {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}[unit]
    )


@given(YEAR, CHANGING, st.integers(0, 800))
def test_days_are_the_calendar_s(now: datetime, place: ZoneInfo, count: int) -> None:
    """The same time of the clock so many dates before, or as much later as was skipped."""
    here = now.astimezone(place)
    found = parse_time(f"-{count}d", here)
    then = found.astimezone(place).replace(tzinfo=None)
    wanted = here.replace(tzinfo=None) - timedelta(days=count)
    assert then - wanted in (timedelta(0), timedelta(hours=1), timedelta(minutes=30))
    assert found <= now
    assert abs(now - found - timedelta(days=count)) <= timedelta(hours=1)


@given(YEAR, CHANGING, st.sampled_from(["today", "yesterday"]))
def test_day_begins_with_its_first_moment(now: datetime, place: ZoneInfo, text: str) -> None:
    """Also a day without a midnight, or with two."""
    here = now.astimezone(place)
    first = parse_time(text, here)
    date = here.date() - timedelta(days=text == "yesterday")
    assert first <= now
    assert first.astimezone(place).date() == date
    assert (first - SMALLEST).astimezone(place).date() == date - timedelta(days=1)


@pytest.mark.parametrize(
    "text", ["", "soon", "-1y", "-9999999s", "2026-13-01", "0001-01-01", "-\u0661h"]
)
def test_what_is_no_time_is_told_with_what_is(text: str) -> None:
    """One sentence, for whoever typed it."""
    with pytest.raises(ValueError, match="use one such as"):
        parse_time(text, NOW)


@pytest.mark.parametrize("name", ["", "Mars/Base", "../etc/passwd"])
def test_what_is_no_zone_is_told_with_what_is(name: str) -> None:
    """Also where the name is a path."""
    with pytest.raises(ValueError, match="is not a time zone"):
        zone(name)
