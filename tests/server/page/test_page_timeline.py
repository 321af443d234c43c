"""An alert's events on a line of time: a pure function."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from audit_server.page.timeline import COLUMNS, TimePoint, columns_of, timeline

T0 = datetime(2026, 11, 20, 8, tzinfo=UTC)


def points(*seconds: float, activity: str = "login-failed") -> list[TimePoint]:
    """Return events at these seconds after the beginning."""
    return [
        TimePoint(T0 + timedelta(seconds=second), activity, 9, f"#e-{number}")
        for number, second in enumerate(seconds)
    ]


def drawn(some: list[TimePoint], zone: str = "UTC") -> ET.Element:
    """Return the picture, as what it is: XML."""
    return ET.fromstring(timeline(some, ZoneInfo(zone)))  # noqa: S314 - our own


def test_events_stand_in_their_order_from_edge_to_edge() -> None:
    """Whatever the order they come in."""
    places = [(column.place, column.points[0].link) for column in columns_of(points(60, 0, 30))]
    assert [place for place, _ in places] == sorted(place for place, _ in places)
    assert ["#e-1", "#e-2", "#e-0"] == [link for _, link in places]
    assert (places[0][0], places[-1][0]) == (0.0, 1.0)


def test_a_thousand_events_are_few_links() -> None:
    """A keyboard stops once a column, and a column that is too high says how many are left."""
    picture = drawn(points(*range(1000)))
    links = list(picture.iter("a"))
    assert COLUMNS == len(links)
    assert picture.findtext(".//text[@class='left']", "").startswith("+")


def test_events_at_one_moment_are_one_column() -> None:
    """Nothing is divided by no time."""
    (column,) = columns_of(points(5, 5, 5))
    assert 3 == len(column.points)
    assert [] == list(columns_of([]))
    assert "2026-11-20 08:00:05, 3 events: login-failed 3" in timeline(points(5, 5, 5), UTC)


def test_events_that_are_left_out_are_counted_where_they_were() -> None:
    """A line of both ends alone would look like a pause."""
    picture = ET.fromstring(timeline(points(0, 1, 9, 10), UTC, left=1234))  # noqa: S314 - our own
    (gap,) = (text for text in picture.iter("text") if text.get("class") == "gap")
    assert ("1,234 more between", "50.000%") == (gap.text, gap.get("x"))


def test_times_are_the_reader_s() -> None:
    """Begin, middle and end; a day is written where it changes."""
    picture = drawn(points(0, 12 * 3600), "Asia/Tokyo")
    written = [text.text for text in picture.iter("text")]
    assert ["2026-11-20 17:00:00", "23:00:00", "2026-11-21 05:00:00"] == written


def test_what_events_say_is_escaped_and_nothing_has_a_style() -> None:
    """The page's policy allows none, and an activity is a publisher's word."""
    text = timeline(points(0, activity='"><script>alert(1)</script>\x1b'), UTC)
    assert "<script" not in text
    assert "style=" not in text
    assert "\\u001b" in text
