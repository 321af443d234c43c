"""How long chats waited, over time: medians and 95th percentiles as SVG. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from audit_server.page.durations import duration

__all__ = ["WaitBar", "wait_chart"]

_HEIGHT, _TOP, _FOOT = 130, 14, 18
_SLOTS = 14
"""Bars that there is room for, at least: so that one of them is no wall."""


@dataclass(frozen=True, slots=True)
class WaitBar:
    """A bucket's waits in seconds, None for none; its label, and where a click leads."""

    label: str
    short: str
    median: float | None
    p95: float | None
    link: str


def wait_chart(bars: Sequence[WaitBar], what: str) -> str:
    """Return the SVG: a bar for each median, and a lighter one behind it for the 95th percentile."""
    most = max((bar.p95 for bar in bars if bar.p95), default=0.0)
    picture = {
        "class": "waits",
        "width": "100%",
        "height": str(_TOP + _HEIGHT + _FOOT),
        "role": "group",
    }
    root = ET.Element("svg", picture)
    root.set("aria-label", f"{what}, median and 95th percentile; the table below has the same numbers")
    for share in (0, 0.5, 1):
        y = f"{_TOP + _HEIGHT * (1 - share):.1f}"
        ET.SubElement(root, "line", {"class": "grid", "x1": "0", "x2": "100%", "y1": y, "y2": y})
    width = 100 / max(_SLOTS, len(bars))
    every = -(-max(_SLOTS, len(bars)) // 7)
    for number, bar in enumerate(bars):
        _draw(root, bar, number * width, width, most)
        if number % every == 0:
            place = {"class": "time", "x": f"{number * width:.3f}%", "y": str(_TOP + _HEIGHT + 14)}
            ET.SubElement(root, "text", place).text = bar.short
    for share in (0.5, 1) if most else ():  # above the bars
        place = {"class": "scale", "x": "0", "y": f"{_TOP + _HEIGHT * (1 - share) - 3:.1f}"}
        ET.SubElement(root, "text", place).text = duration(most * share)
    return ET.tostring(root, encoding="unicode")


def _draw(root: ET.Element, bar: WaitBar, x: float, width: float, most: float) -> None:
    if bar.median is None or bar.p95 is None:
        return
    words = f"{bar.label}: median {duration(bar.median)}, 95 % {duration(bar.p95)}"
    link = ET.SubElement(root, "a", {"href": bar.link, "aria-label": words, "class": "wait"})
    ET.SubElement(link, "title").text = words
    for kind, seconds in (("p95", bar.p95), ("median", bar.median)):
        height = max(1.5, seconds / most * _HEIGHT) if most else 1.5
        box = {
            "class": kind,
            "x": f"{x + width * 0.12:.3f}%",
            "width": f"{width * 0.76:.3f}%",
            "y": f"{_TOP + _HEIGHT - height:.1f}",
            "height": f"{height:.1f}",
            "rx": "2",
        }
        ET.SubElement(link, "rect", box)
