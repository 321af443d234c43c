"""A small chart of counts over time, for a row of a table. Pure."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

__all__ = ["spark"]

_HEIGHT = 20
_STEP = 4


def spark(counts: Sequence[int], most: int, label: str) -> str:
    """Return the SVG: a bar for each count, of which `most` is the highest of all rows.

    What is not nothing is seen, however little it is.
    """
    width = _STEP * max(1, len(counts))
    picture = {"class": "spark", "width": str(width), "height": str(_HEIGHT), "role": "img"}
    root = ET.Element("svg", {**picture, "viewBox": f"0 0 {width} {_HEIGHT}", "aria-label": label})
    ground = {"class": "ground", "x": "0", "y": str(_HEIGHT - 1), "width": str(width), "height": "1"}
    ET.SubElement(root, "rect", ground)
    for place, count in enumerate(counts):
        if count:
            height = max(1.5, count / max(1, most) * (_HEIGHT - 1))
            bar = {"class": "bar", "x": str(place * _STEP), "width": str(_STEP - 1)}
            y = _HEIGHT - 1 - height
            ET.SubElement(root, "rect", {**bar, "y": f"{y:.1f}", "height": f"{height:.1f}"})
    return ET.tostring(root, encoding="unicode")
