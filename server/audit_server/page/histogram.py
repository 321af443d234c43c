"""Events over time as an SVG of stacked bars: a pure function of the buckets.

All positions along time are percentages, so that the picture is as wide as the page without
stretching its text. Colours are classes, since the page's policy allows no style in the markup.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from xml.etree import ElementTree as ET

from audit_query import Bucket
from audit_schemas import printable

from audit_server.page.bars import Bar
from audit_server.page.palette import FAILURE

__all__ = ["HEIGHT", "histogram", "label_of", "nice_top", "round_places", "totals"]

HEIGHT = 148
_AXIS = 20
"""Pixels below the bars, for the times."""
_GAP = 1
_TICKS, _EDGE = 7, 25
"""Times below the bars, and the share of the width that the last one needs."""
_DAY = 86_400
_STEPS = (
    *(1, 5, 10, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, _DAY // 2),
    *(days * _DAY for days in (1, 2, 7, 14)),
)
"""Seconds between times that people call round."""
_MARGIN, _WIDE = 0.06, 8
"""The share of a bar's room that stays free at either side; more where there are few."""


def histogram(
    bars: Sequence[Bar],
    colours: Mapping[str, int],
    zone: tzinfo,
    number: Callable[[int], str] = "{:,}".format,
) -> str:
    """Return the SVG: a link for each interval, its parts stacked, the rest of them on top.

    Parts are in the order of `colours` in every bar, but failures stand on the ground, where their
    number shows best. Everything that comes from events is escaped by the writer of the XML.
    """
    order = sorted(colours, key=lambda part: colours[part] != FAILURE)
    top = nice_top(max((bar.bucket.count for bar in bars), default=0))
    root = ET.Element(
        "svg",
        {
            "class": "plot",
            "width": "100%",
            "height": str(HEIGHT),
            "role": "group",
            "aria-label": "Events over time; the table below has the same numbers",
        },
    )
    _grid(root, top)
    width = 100 / len(bars) if bars else 100
    for place, bar in enumerate(bars):
        _bar(root, bar, place * width, width, top, order, colours, zone, number)
    _ticks(root, bars, width, zone)
    _scale(root, top, number)
    return ET.tostring(root, encoding="unicode")


def nice_top(most: int) -> int:
    """Return the least of 1, 2, 3, 4, 5, 6, 8, and these by tens, that is not below `most`."""
    step = 1
    while True:
        for factor in (1, 2, 3, 4, 5, 6, 8):
            if factor * step >= most:
                return factor * step
        step *= 10


def totals(buckets: Sequence[Bucket]) -> tuple[Mapping[str, int], int]:
    """Return how many events each part has over all buckets, largest first, and the rest."""
    sums: dict[str, int] = {}
    for bucket in buckets:
        for part, count in bucket.parts.items():
            sums[part] = sums.get(part, 0) + count
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    return dict(ordered), sum(bucket.other for bucket in buckets)


def label_of(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Return an interval as people write it: `2026-11-23 09:00 to 10:00`, `2026-11-23`."""
    begin, stop = start.astimezone(zone), end.astimezone(zone)
    midnights = (begin.hour, begin.minute, stop.hour, stop.minute) == (0, 0, 0, 0)
    if midnights and begin.second == stop.second == 0:
        days = (stop.date() - begin.date()).days
        return f"{begin:%Y-%m-%d}" if days == 1 else f"{begin:%Y-%m-%d} to {stop:%Y-%m-%d}"
    clock = "%H:%M:%S" if begin.second or stop.second else "%H:%M"
    same = begin.date() == stop.date() or (end - start).total_seconds() <= _DAY
    if begin.utcoffset() != stop.utcoffset():  # else an hour that is repeated has no length
        clock += " %z"
    return f"{begin:%Y-%m-%d} {begin:{clock}} to {stop:{clock if same else '%Y-%m-%d ' + clock}}"


def _levels(top: int) -> Iterator[tuple[int, float]]:
    """Yield the counts that the scale shows, and how far down each is."""
    plot = HEIGHT - _AXIS
    for share in (0.5, 1.0):
        if top * share == int(top * share):
            yield int(top * share), plot - (plot - 14) * share


def _scale(root: ET.Element, top: int, number: Callable[[int], str]) -> None:
    """Write the counts of the scale; after the bars, so that none hides them."""
    for count, y in _levels(top):
        text = ET.SubElement(root, "text", {"class": "scale", "x": "0", "y": f"{y - 3:.1f}"})
        text.text = number(count)
        text.set("aria-hidden", "true")


def _grid(root: ET.Element, top: int) -> None:
    plot = HEIGHT - _AXIS
    for _, y in _levels(top):
        level = {"class": "grid", "x1": "0", "x2": "100%", "y1": f"{y:.1f}", "y2": f"{y:.1f}"}
        ET.SubElement(root, "line", level)
    base = {"class": "base", "x1": "0", "x2": "100%", "y1": str(plot), "y2": str(plot)}
    ET.SubElement(root, "line", base)


def _bar(
    root: ET.Element,
    bar: Bar,
    x: float,
    width: float,
    top: int,
    order: Sequence[str],
    colours: Mapping[str, int],
    zone: tzinfo,
    number: Callable[[int], str],
) -> None:
    bucket = bar.bucket
    plot = HEIGHT - _AXIS
    title = _title(bar, zone, number)
    link = ET.SubElement(root, "a", {"class": "bar", "href": bar.link, "aria-label": title})
    link.set("data-start", bar.zoom[0].isoformat())
    link.set("data-end", bar.zoom[1].isoformat())
    link.set("data-count", str(bucket.count))
    area = {"x": f"{x:.4f}%", "width": f"{width:.4f}%", "y": "0", "height": str(plot)}
    ET.SubElement(link, "rect", {"class": "hit", **area})
    reached, margin = 0.0, _MARGIN if width < _WIDE else 0.3
    parts = [(f"c{colours[part]}", bucket.parts[part]) for part in order if bucket.parts.get(part)]
    if rest := bucket.count - sum(count for _, count in parts):
        parts.append(("rest", rest))
    for colour, count in parts:
        height = max((plot - 14) * count / top, 0.8)
        y = plot - reached - height
        shape = {
            "class": f"part {colour}",
            "x": f"{x + width * margin:.4f}%",
            "width": f"{width * (1 - 2 * margin):.4f}%",
            "y": f"{y:.2f}",
            "height": f"{max(height - (_GAP if height > 6 * _GAP else 0), 0.8):.2f}",
        }
        ET.SubElement(link, "rect", shape)
        reached += height


def _title(bar: Bar, zone: tzinfo, number: Callable[[int], str]) -> str:
    bucket = bar.bucket
    parts = [f"{printable(part)} {number(count)}" for part, count in bucket.parts.items() if count]
    if bucket.parts and bucket.other:
        parts.append(f"others {number(bucket.other)}")
    events = f"{number(bucket.count)} event{'' if bucket.count == 1 else 's'}"
    what = f"{events}: {', '.join(parts)}" if parts else events
    return f"{label_of(bucket.start, bar.end, zone)}, {what}"


def _ticks(root: ET.Element, bars: Sequence[Bar], width: float, zone: tzinfo) -> None:
    """Write a few round times below the bars; the first one says the day, too."""
    starts = [bar.bucket.start.astimezone(zone) for bar in bars]
    for order, place in enumerate(round_places(starts)):
        x = f"{place * width:.4f}%"
        minor = " minor" if order % 2 else ""
        mark = {"class": f"tick{minor}", "x1": x, "x2": x}
        ET.SubElement(root, "line", mark | {"y1": str(HEIGHT - _AXIS), "y2": str(HEIGHT - _AXIS + 4)})
        text = ET.SubElement(root, "text", {"class": f"time{minor}", "x": x, "y": str(HEIGHT - 4)})
        text.text = _tick(starts[place], is_first=order == 0)
        text.set("aria-hidden", "true")


def round_places(starts: Sequence[datetime]) -> Sequence[int]:
    """Return which starts have their time written: those on the least round step that are few."""
    for step in _STEPS:
        places = [place for place, start in enumerate(starts) if _is_on(start, step)]
        if places and len(places) <= _TICKS:
            break
    else:
        every = max(-(-len(starts) // _TICKS), 1)
        places = list(range(0, len(starts), every))
    if len(places) > 1 and (len(starts) - places[-1]) * _EDGE < len(starts):
        places.pop()  # no room for its text
    return places


def _is_on(start: datetime, step: int) -> bool:
    """Tell whether a time is a multiple of so many seconds, by the clock, or of days."""
    clock = start.hour * 3600 + start.minute * 60 + start.second
    if step <= _DAY:
        return clock % step == 0
    return clock == 0 and start.toordinal() % (step // _DAY) == 0


def _tick(start: datetime, *, is_first: bool) -> str:
    if (start.hour, start.minute, start.second) == (0, 0, 0):
        return f"{start:%Y-%m-%d}" if is_first else f"{start:%m-%d}"
    clock = f"{start:%H:%M:%S}" if start.second else f"{start:%H:%M}"
    return f"{start:%m-%d} {clock}" if is_first else clock
