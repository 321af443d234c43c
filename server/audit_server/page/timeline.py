"""An alert's events on a line of time, as an SVG: a pure function of when they were.

Events at nearly the same time stand above each other in one column, which is one link: so there are
few stops for a keyboard. Positions are percentages and colours are classes, as in the histogram.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from xml.etree import ElementTree as ET

from audit_schemas import printable

__all__ = ["COLUMNS", "HEIGHT", "Column", "TimePoint", "columns_of", "timeline"]

COLUMNS = 48
"""As many as a phone shows side by side."""
HEIGHT = 92
_AXIS = 22
"""Pixels below the line, for the times."""
_STACK, _STEP, _RADIUS = 6, 9, 3.6
_EDGE = 1.2
"""The share of the width that stays free at either end."""
_NAMED = 3
"""Activities that a column's title names."""


@dataclass(frozen=True, slots=True)
class TimePoint:
    """An event on the line: when, what, and the address that shows it."""

    at: datetime
    activity: str
    colour: int
    link: str


@dataclass(frozen=True, slots=True)
class Column:
    """Events at nearly the same time, in their order; `place` is 0 at the first time, 1 at the last."""

    place: float
    points: tuple[TimePoint, ...]


def columns_of(points: Sequence[TimePoint]) -> Sequence[Column]:
    """Return the events in their order, those of one forty-eighth of the time together."""
    ordered = sorted(points, key=lambda point: point.at)
    if not ordered:
        return ()
    first = ordered[0].at
    whole = ordered[-1].at - first
    by_number: dict[int, list[TimePoint]] = {}
    for point in ordered:
        by_number.setdefault(_column(point.at - first, whole), []).append(point)
    last = COLUMNS - 1
    return [Column(number / last if whole else 0.5, tuple(some)) for number, some in by_number.items()]


def timeline(points: Sequence[TimePoint], zone: tzinfo, *, left: int = 0) -> str:
    """Return the SVG. Everything that comes from events is escaped by the writer of the XML.

    `left` is how many events between the first half of the points and the second are left out.
    """
    root = ET.Element(
        "svg",
        {
            "class": "timeline",
            "width": "100%",
            "height": str(HEIGHT),
            "role": "group",
            "aria-label": "Events in their order; the rows below are the same events",
        },
    )
    line = str(HEIGHT - _AXIS)
    ET.SubElement(root, "line", {"class": "base", "x1": "0", "x2": "100%", "y1": line, "y2": line})
    columns = columns_of(points)
    for column in columns:
        _draw(root, column, zone)
    if left > 0 and points:
        _gap(root, points, left)
    if columns:
        _times(root, columns[0].points[0].at, columns[-1].points[-1].at, zone)
    return ET.tostring(root, encoding="unicode")


def _column(since: timedelta, whole: timedelta) -> int:
    return round(since / whole * (COLUMNS - 1)) if whole else 0


def _x(place: float) -> str:
    return f"{_EDGE + place * (100 - 2 * _EDGE):.3f}%"


def _draw(root: ET.Element, column: Column, zone: tzinfo) -> None:
    title = _title(column.points, zone)
    link = ET.SubElement(root, "a", {"href": column.points[0].link, "aria-label": title})
    x, ground = _x(column.place), HEIGHT - _AXIS
    width = 100 / COLUMNS
    area = {"x": f"{max(float(x[:-1]) - width / 2, 0):.3f}%", "width": f"{width:.3f}%"}
    ET.SubElement(link, "rect", {"class": "hit", "y": "0", "height": str(ground), **area})
    shown = column.points[:_STACK]
    for number, point in enumerate(shown):
        y = f"{ground - 8 - number * _STEP:.1f}"
        dot = {"class": f"point c{point.colour}", "cx": x, "cy": y, "r": str(_RADIUS)}
        ET.SubElement(link, "circle", dot)
    if left := len(column.points) - len(shown):
        top = {"class": "left", "x": x, "y": "10", "text-anchor": _anchor(column.place)}
        ET.SubElement(root, "text", top | {"aria-hidden": "true"}).text = f"+{left}"


def _gap(root: ET.Element, points: Sequence[TimePoint], left: int) -> None:
    """Write, in the middle of the time that is left out, how many events are."""
    ordered = sorted(point.at for point in points)
    half = len(ordered) // 2
    middle = ordered[half - 1] + (ordered[half] - ordered[half - 1]) / 2
    whole = ordered[-1] - ordered[0]
    place = (middle - ordered[0]) / whole if whole else 0.5
    text = {"class": "gap", "x": _x(place), "y": "30", "text-anchor": _anchor(place)}
    ET.SubElement(root, "text", text).text = f"{left:,} more between"


def _title(points: Sequence[TimePoint], zone: tzinfo) -> str:
    begin, end = points[0].at.astimezone(zone), points[-1].at.astimezone(zone)
    when = f"{begin:%Y-%m-%d %H:%M:%S}"
    if f"{end:%H:%M:%S}" != f"{begin:%H:%M:%S}":
        when += f" to {end:%H:%M:%S}" if begin.date() == end.date() else f" to {end:%Y-%m-%d %H:%M:%S}"
    counts: dict[str, int] = {}
    for point in points:
        counts[point.activity] = counts.get(point.activity, 0) + 1
    most = sorted(counts.items(), key=lambda item: -item[1])
    words = [f"{printable(name)} {count}" for name, count in most[:_NAMED]]
    if len(most) > _NAMED:
        words.append(f"others {sum(count for _, count in most[_NAMED:])}")
    return f"{when}, {len(points)} event{'' if len(points) == 1 else 's'}: {', '.join(words)}"


def _times(root: ET.Element, first: datetime, last: datetime, zone: tzinfo) -> None:
    """Write when it began and ended, and the middle where there is time between them."""
    if first == last:
        moments = [(0.5, first)]
    else:
        moments = [(0.0, first), (0.5, first + (last - first) / 2), (1.0, last)]
    shown = ""
    for place, moment in moments:
        here = moment.astimezone(zone)
        day, clock = f"{here:%Y-%m-%d}", f"{here:%H:%M:%S}"
        x = _x(place)
        ground = HEIGHT - _AXIS
        ends = {"y1": str(ground), "y2": str(ground + 4)}
        ET.SubElement(root, "line", {"class": "tick", "x1": x, "x2": x, **ends})
        text = {"class": "time", "x": x, "y": str(HEIGHT - 5), "text-anchor": _anchor(place)}
        written = ET.SubElement(root, "text", text | {"aria-hidden": "true"})
        written.text = clock if day == shown else f"{day} {clock}"
        shown = day


def _anchor(place: float) -> str:
    return "start" if place < 0.1 else "end" if place > 0.9 else "middle"  # noqa: PLR2004
