"""The picture for the docs: bars, drawn as SVG by hand, for light and dark pages. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

__all__ = ["draw"]

_WIDTH, _LABEL, _RIGHT = 760, 226, 112
_ROW, _BAR = 34, 18
_PANEL_HEAD, _PANEL_GAP, _TOP, _FOOT = 30, 22, 18, 34

_STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328; }
.head { font-weight: 600; }
.note { font-size: 11px; fill: #59636e; }
.grid { stroke: #d1d9e0; }
.bar { fill: #8c959f; }
.ours { fill: #0969da; }
.whisker { stroke: #1f2328; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .note { fill: #9198a1; }
  .grid { stroke: #3d444d; }
  .bar { fill: #656c76; }
  .ours { fill: #4493f8; }
  .whisker { stroke: #f0f6fc; }
}
"""


@dataclass(frozen=True, slots=True)
class _Bar:
    label: str
    median: float
    low: float
    high: float
    text: str
    is_ours: bool


def draw(section: Mapping[str, Any]) -> str:
    """Return the side-by-side figures as an SVG document."""
    contestants = section["contestants"]
    rates = [
        _bar(name, found, "documents_per_second", _rate_text(found["summary"]))
        for name, found in contestants.items()
    ]
    costs = [
        _bar(name, found, "contestant_cpu_per_million", _cost_text(found["summary"]))
        for name, found in contestants.items()
        if name != "ceiling"  # it validates nothing, so its own CPU says nothing
    ]
    panels = [
        ("Events indexed a second, and that as a share of the ceiling (longer is better)", rates),
        ("CPU seconds of the consumer for a million events (shorter is better)", costs),
    ]
    shown = [(head, bars) for head, bars in panels if bars]
    height = _TOP + _FOOT + sum(_panel_height(bars) for _, bars in shown)
    box = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-labelledby="title about">',
            '<title id="title">How fast the consumer indexes</title>',
            f'<desc id="about">{escape(_description(rates))}</desc>',
            f"<style>{_STYLE}</style>",
            *_panels(shown),
            f'<text class="note" x="8" y="{height - 12}">{escape(_foot(section))}</text>',
            "</svg>",
            "",
        ]
    )


def _panels(panels: Sequence[tuple[str, Sequence[_Bar]]]) -> Iterator[str]:
    top = _TOP
    for head, bars in panels:
        yield f'<text class="head" x="8" y="{top + 12}">{escape(head)}</text>'
        yield from _bars(bars, top + _PANEL_HEAD)
        top += _panel_height(bars)


def _bars(bars: Sequence[_Bar], top: int) -> Iterator[str]:
    scale = (_WIDTH - _LABEL - _RIGHT) / max(bar.high for bar in bars)
    bottom = top + len(bars) * _ROW - (_ROW - _BAR) // 2
    yield f'<line class="grid" x1="{_LABEL}" y1="{top - 4}" x2="{_LABEL}" y2="{bottom}"/>'
    for number, bar in enumerate(bars):
        y = top + number * _ROW
        middle = y + _BAR / 2
        low, high = (_LABEL + end * scale for end in (bar.low, bar.high))
        yield f'<text x="{_LABEL - 10}" y="{y + 14}" text-anchor="end">{escape(bar.label)}</text>'
        yield (
            f'<rect class="{"ours" if bar.is_ours else "bar"}" x="{_LABEL}" y="{y}" '
            f'width="{max(1.0, bar.median * scale):.1f}" height="{_BAR}" rx="2"/>'
        )
        if bar.high > bar.low:
            yield (
                f'<path class="whisker" fill="none" d="M{low:.1f} {middle - 4}v8M{low:.1f} {middle}'
                f'H{high:.1f}M{high:.1f} {middle - 4}v8"/>'
            )
        yield f'<text x="{high + 8:.1f}" y="{y + 14}">{escape(bar.text)}</text>'


def _bar(name: str, found: Mapping[str, Any], figure: str, text: str) -> _Bar:
    spread = found["summary"][figure]
    return _Bar(
        _LABELS.get(name, found["title"]),
        spread["median"],
        spread["low"],
        spread["high"],
        text,
        name in ("one", "two"),
    )


_LABELS = {
    "ceiling": "the ceiling: ready-made bodies",
    "one": "auditlog consume",
    "two": "auditlog consume, 2 processes",
    "by_hand": "written by hand in a day",
}


def _rate_text(summary: Mapping[str, Any]) -> str:
    ratio = summary.get("ratio_to_ceiling")
    share = f" ({ratio['median']:.0%})" if ratio else ""
    return f"{summary['documents_per_second']['median']:,.0f}{share}"


def _cost_text(summary: Mapping[str, Any]) -> str:
    return f"{summary['contestant_cpu_per_million']['median']:.1f} s"


def _description(bars: Sequence[_Bar]) -> str:
    return "; ".join(f"{bar.label}: {bar.median:,.0f} events a second" for bar in bars)


def _foot(section: Mapping[str, Any]) -> str:
    machine = section["machine"]
    return (
        f"{section['events']:,} events of {section['event_bytes']:.0f} bytes, validated; median and "
        f"range of {section['rounds']} rounds; {machine['cores']} cores shared by consumer, Kafka "
        "and Elasticsearch"
    )


def _panel_height(bars: Sequence[_Bar]) -> int:
    return _PANEL_HEAD + len(bars) * _ROW + _PANEL_GAP
