"""When somebody works: events by weekday and hour, as a pure function, and as an SVG."""

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from xml.etree import ElementTree as ET

from audit_query import Bucket

__all__ = ["STEPS", "WEEKDAYS", "heat_map", "hours_of_week"]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
STEPS = 5
"""Shades, the least for one event, the last for the most."""
_ROW, _LEFT, _TOP = 22, 9.0, 18
_WIDTH = (100 - _LEFT) / 24


def hours_of_week(buckets: Iterable[Bucket], zone: tzinfo) -> list[list[int]]:
    """Return the events of each weekday's 24 hours; buckets of an hour at most, in the reader's zone.

    An hour that a clock change repeats or skips counts where the clock says it is.
    """
    week = [[0] * 24 for _ in WEEKDAYS]
    for bucket in buckets:
        start = bucket.start.astimezone(zone)
        week[start.weekday()][start.hour] += bucket.count
    return week


def shade_of(count: int, most: int) -> int:
    """Return 0 for none, else 1 to STEPS."""
    return -(-count * STEPS // most) if count else 0


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"


def heat_map(
    week: Sequence[Sequence[int]], what: str = "Events", words: Callable[[int], str] = _events
) -> str:
    """Return the SVG: a row a weekday, a square an hour, darker for more.

    `what` is shown, and `words` says a square's number in words.
    """
    most = max(map(max, week))
    picture = {"class": "heat", "width": "100%", "height": str(_TOP + 7 * _ROW), "role": "img"}
    root = ET.Element("svg", picture)
    root.set("aria-label", f"{what} by weekday and hour; the table below has the same numbers")
    for hour in range(0, 24, 3):
        x = f"{_LEFT + hour * _WIDTH:.3f}%"
        ET.SubElement(root, "text", {"class": "time", "x": x, "y": "12"}).text = f"{hour:02}"
    for row, (name, hours) in enumerate(zip(WEEKDAYS, week, strict=True)):
        y = _TOP + row * _ROW
        ET.SubElement(root, "text", {"class": "day", "x": "0", "y": str(y + 15)}).text = name[:3]
        for hour, count in enumerate(hours):
            cell = {
                "class": f"heat-{shade_of(count, most)}",
                "x": f"{_LEFT + hour * _WIDTH:.3f}%",
                "y": str(y + 1),
                "width": f"{_WIDTH - 0.3:.3f}%",
                "height": str(_ROW - 3),
                "rx": "3",
            }
            rect = ET.SubElement(root, "rect", cell)
            ET.SubElement(rect, "title").text = f"{name} {hour:02}:00, {words(count)}"
    return ET.tostring(root, encoding="unicode")
