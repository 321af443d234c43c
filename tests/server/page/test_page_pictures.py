"""Histogram and heat map: pure functions of counts."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from audit_query.aggregations import Bucket, Buckets
from audit_query.filter import Filter
from audit_server.page.bars import bars_of, end_of
from audit_server.page.heat_map import heat_map, hours_of_week
from audit_server.page.histogram import histogram, label_of, nice_top, round_places, totals

T0 = datetime(2026, 3, 28, tzinfo=UTC)
ISTANBUL, BERLIN = ZoneInfo("Europe/Istanbul"), ZoneInfo("Europe/Berlin")


def link(start: datetime, end: datetime) -> str:
    """Return something to tell links by."""
    return f"/?{start:%d%H}-{end:%d%H}"


def drawn(*buckets: Bucket, colours: dict[str, int]) -> ET.Element:
    """Return the picture, as what it is: XML."""
    found = bars_of(Buckets("1h", buckets), UTC, Filter(), link)
    return ET.fromstring(histogram(found, colours, UTC))  # noqa: S314 - our own


def heights(picture: ET.Element, kind: str) -> list[float]:
    """Return how high the parts of a colour are drawn."""
    parts = picture.iter("rect")
    return [float(part.get("height", "0")) for part in parts if part.get("class") == f"part {kind}"]


def test_bars_are_as_high_as_their_counts() -> None:
    """Within a pixel, which keeps parts of a bar apart."""
    picture = drawn(
        Bucket(T0, 100, {"a": 60, "b": 30}, 10), Bucket(T0, 0, {}, 0), colours={"a": 1, "b": 2}
    )
    (a,), (b,), (rest,) = (heights(picture, kind) for kind in ("c1", "c2", "rest"))
    assert a / 60 == pytest.approx(b / 30, rel=0.05) == pytest.approx(rest / 10, rel=0.1)


def test_least_count_is_seen_beside_the_largest() -> None:
    """One failure among a million events has a line."""
    picture = drawn(Bucket(T0, 1_000_000, {"a": 999_999, "f": 1}, 0), colours={"a": 1, "f": 9})
    assert heights(picture, "c9")[0] >= 0.8


def test_failures_stand_on_the_ground() -> None:
    """Where their number shows best."""
    picture = drawn(Bucket(T0, 10, {"a": 5, "f": 5}, 0), colours={"a": 1, "f": 9})
    order = [part.get("class") for part in picture.iter("rect") if "part" in part.get("class", "")]
    assert order == ["part c9", "part c1"]


def test_names_in_the_picture_are_escaped() -> None:
    """What an event says becomes text of an attribute."""
    name = '"><script>alert(1)</script>\x1b\u202e'
    text = histogram(
        bars_of(Buckets("1h", [Bucket(T0, 1, {name: 1}, 0)]), UTC, Filter(), link), {name: 0}, UTC
    )
    assert "<script" not in text
    (bar,) = ET.fromstring(text).iter("a")  # noqa: S314 - our own
    assert bar.get("aria-label", "").endswith(': "><script>alert(1)</script>\\u001b\\u202e 1')


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (1, 1), (2, 2), (7, 8), (9, 10), (11, 20), (61, 80), (301, 400)]
)
def test_scale_ends_at_a_round_number(most: int, top: int) -> None:
    """Never below what is shown, and not far above."""
    assert top == nice_top(most)


@pytest.mark.parametrize(
    ("minutes", "count", "written"),
    [
        (60, 24, ["00:00", "06:00", "12:00", "18:00"]),
        (180, 56, ["00:00"] * 7),
        (1, 10, ["00:00", "00:05"]),
        (24 * 60, 30, ["00:00"] * 4),
    ],
)
def test_round_times_are_written(minutes: int, count: int, written: list[str]) -> None:
    """Midnights and full hours, and few enough to be read."""
    starts = [T0 + timedelta(minutes=minutes * number) for number in range(count)]
    places = round_places(starts)
    assert written == [f"{starts[place]:%H:%M}" for place in places]


def test_totals_are_of_all_buckets_largest_first() -> None:
    """The order of the legend, and of the colours' choice."""
    buckets = [Bucket(T0, 6, {"a": 1, "b": 3}, 2), Bucket(T0, 5, {"a": 4, "b": 0}, 1)]
    assert ({"a": 5, "b": 3}, 3) == totals(buckets)
    assert list(totals(buckets)[0]) == ["a", "b"]


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        ("30m", "2026-03-28T12:00", "2026-03-28T12:30"),
        ("hour", "2026-03-29T01:00", "2026-03-29T03:00"),
        ("3h", "2026-03-29T00:00", "2026-03-29T03:00"),
        ("3h", "2026-10-25T00:00", "2026-10-25T03:00"),
        ("1d", "2026-10-25T00:00", "2026-10-26T00:00"),
        ("day", "2026-03-29T00:00", "2026-03-30T00:00"),
        ("day", "2026-10-25T00:00", "2026-10-26T00:00"),
        ("week", "2026-03-23T00:00", "2026-03-30T00:00"),
        ("month", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("quarter", "2026-10-01T00:00", "2027-01-01T00:00"),
        ("year", "2026-01-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_interval_ends_where_the_clock_says(interval: str, start: str, end: str) -> None:
    """In Berlin, where the clock goes forward on 29 March and back on 25 October."""
    begin, stop = (datetime.fromisoformat(text).replace(tzinfo=BERLIN) for text in (start, end))
    assert stop.astimezone(UTC) == end_of(begin.astimezone(UTC), interval, BERLIN).astimezone(UTC)


def test_zoom_never_shows_more_time_than_the_filter() -> None:
    """The first and the last bar may begin before it and end after it."""
    buckets = [Bucket(T0 + timedelta(hours=hour), 1, {}, 0) for hour in range(3)]
    wanted = Filter(start=T0 + timedelta(minutes=20), end=T0 + timedelta(hours=2, minutes=40))
    found = bars_of(Buckets("1h", buckets), UTC, wanted, link)
    assert [bar.zoom for bar in found] == [
        (wanted.start, T0 + timedelta(hours=1)),
        (T0 + timedelta(hours=1), T0 + timedelta(hours=2)),
        (T0 + timedelta(hours=2), wanted.end),
    ]


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-11-23T09:00+00:00", "2026-11-23T10:00+00:00", "2026-11-23 12:00 to 13:00"),
        ("2026-11-22T21:00+00:00", "2026-11-23T21:00+00:00", "2026-11-23"),
        ("2026-11-22T21:00+00:00", "2026-11-29T21:00+00:00", "2026-11-23 to 2026-11-30"),
        ("2026-11-23T09:00:05+00:00", "2026-11-23T09:00:06+00:00", "2026-11-23 12:00:05 to 12:00:06"),
        ("2026-11-23T09:00+00:00", "2026-11-25T09:00+00:00", "2026-11-23 12:00 to 2026-11-25 12:00"),
    ],
)
def test_interval_is_named_in_the_reader_s_zone(start: str, end: str, text: str) -> None:
    """As short as it can be without being wrong."""
    begin, stop = datetime.fromisoformat(start), datetime.fromisoformat(end)
    assert text == label_of(begin, stop, ISTANBUL)


def test_hour_that_comes_twice_is_named_with_its_offsets() -> None:
    """From 02:00 to 02:00 says nothing."""
    begin = datetime(2026, 10, 25, 0, tzinfo=UTC)
    stop = begin + timedelta(hours=1)
    assert label_of(begin, stop, BERLIN) == "2026-10-25 02:00 +0200 to 02:00 +0100"
    assert label_of(stop, stop + timedelta(hours=1), BERLIN) == "2026-10-25 02:00 to 03:00"


def test_week_is_the_reader_s() -> None:
    """Sunday 21:30 UTC is Monday in Istanbul; what falls on the same hour adds up."""
    sunday = datetime(2026, 11, 22, 21, tzinfo=UTC)
    buckets = [Bucket(sunday, 2, {}, 0), Bucket(sunday + timedelta(weeks=1), 3, {}, 0)]
    week = hours_of_week(buckets, ISTANBUL)
    assert week[0][0] == 5
    assert sum(map(sum, week)) == 5


def test_heat_map_is_darkest_where_most_is() -> None:
    """One event is seen, the most have the last shade, none has the first."""
    week = [[0] * 24 for _ in range(7)]
    week[2][15], week[3][4] = 500, 1
    cells = list(ET.fromstring(heat_map(week)).iter("rect"))  # noqa: S314 - our own
    assert len(cells) == 7 * 24
    shades = [cell.get("class") for cell in cells]
    assert (shades[2 * 24 + 15], shades[3 * 24 + 4], shades[0]) == ("heat-5", "heat-1", "heat-0")
