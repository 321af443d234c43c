"""Events and counts as tables that fit a terminal. What came from outside is shown, never obeyed."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from audit_schemas import printable
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from audit_query.aggregations import Bucket, Ranked, Seen
from audit_query.effective_user import EFFECTIVE_FIELDS, actor_label
from audit_query.place_label import PLACE_FIELDS, place_label

__all__ = [
    "ROW_FIELDS",
    "buckets_table",
    "event_table",
    "events_table",
    "one_line",
    "ranking_table",
    "row_of",
    "seen_table",
]

ROW_FIELDS = (
    *("@timestamp", "audit.user", "source.ip", "event.action", "event.id"),
    *EFFECTIVE_FIELDS,
    *PLACE_FIELDS,
)
"""What of an event a row is made of, and its id."""

_BAR = 24
_NARROW = 28
"""Columns that time and count take."""


def row_of(event: Mapping[str, Any], zone: tzinfo) -> tuple[str, str, str, str]:
    """Return Date and Time, User, IP Address and Activity. An unknown address stays blank."""
    at = datetime.fromisoformat(event["@timestamp"]).astimezone(zone)
    return (
        f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}",
        actor_label(event),
        printable(event.get("source", {}).get("ip", "")),
        event["event"]["action"],
    )


def events_table(events: Sequence[Mapping[str, Any]], zone: tzinfo, zone_name: str) -> Table:
    """Return the four columns of the Audit Logs; a fifth, where any address has a place."""
    places = [place_label(event) for event in events]
    table = Table(box=None, pad_edge=False)
    table.add_column(f"Date and Time ({zone_name})", no_wrap=True)
    for heading in ("User", "IP Address", *(["Network"] if any(places) else []), "Activity"):
        # One event, one line; where there is no room, the network becomes narrower before the others.
        table.add_column(heading, no_wrap=heading != "Network", overflow="ellipsis")
    for event, place in zip(events, places, strict=True):
        *before, activity = map(escape, row_of(event, zone))
        table.add_row(*before, *([one_line(place)] if any(places) else []), activity)
    return table


def one_line(text: str) -> Text:
    """Return text that is cut where its column has no room."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def buckets_table(buckets: Sequence[Bucket], zone: tzinfo, zone_name: str, *, width: int = 80) -> Table:
    """Return a row an interval with a bar, and a column for each part it is split into.

    Parts that have no room within `width` columns are summed with the rest; the bar is left out.
    """
    totals: Counter[str] = Counter()
    for bucket in buckets:
        totals.update(bucket.parts)
    shown = _fitting([part for part, _ in totals.most_common()], width)
    has_other = len(shown) < len(totals) or any(bucket.other for bucket in buckets)
    headings = [_wrapped(part) for part in [*shown, *(["other"] if has_other else [])]]
    has_bar = _width(headings) + _BAR <= width
    most = max((bucket.count for bucket in buckets), default=0) or 1
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(f"From ({zone_name})", no_wrap=True)
    table.add_column("Events", justify="right", no_wrap=True)
    if has_bar:
        table.add_column("", no_wrap=True)
    for heading in headings:
        table.add_column(escape(heading), justify="right", overflow="fold")
    for bucket in buckets:
        counts = [bucket.parts.get(part, 0) for part in shown]
        rest = bucket.other + sum(bucket.parts.values()) - sum(counts)
        counts += [rest] if has_other else []
        table.add_row(
            f"{bucket.start.astimezone(zone):%Y-%m-%d %H:%M}",
            f"{bucket.count:,}",
            *(["█" * round(_BAR * bucket.count / most)] if has_bar else []),
            *(f"{count:,}" if count else "" for count in counts),
        )
    return table


def ranking_table(ranked: Sequence[Ranked], heading: str) -> Table:
    """Return values with their number of events, and a bar."""
    table = Table(box=None, pad_edge=False)
    table.add_column(heading, no_wrap=True, overflow="ellipsis")
    table.add_column("Events", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    most = max((row.count for row in ranked), default=1)
    for row in ranked:
        bar = "█" * round(_BAR * row.count / most)
        table.add_row(escape(printable(row.value)), f"{row.count:,}", bar)
    return table


def seen_table(seen: Seen, zone: tzinfo, zone_name: str) -> Table:
    """Return a count and two times."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("Events", f"{seen.count:,}")
    for heading, at in (("First seen", seen.first), ("Last seen", seen.last)):
        table.add_row(heading, f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S} ({zone_name})" if at else "")
    return table


def event_table(event: Mapping[str, Any]) -> Table:
    """Return a row a field, by its path; a list of objects gets a row for each of their fields.

    `event.original` is left out: it repeats the others, at up to a megabyte.
    """
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("", no_wrap=True, style="bold")
    table.add_column("", overflow="fold")
    for path, value in _fields(event):
        if path == "event.original":
            continue
        table.add_row(escape(printable(path)), escape(printable(value)))
    return table


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _fields(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if all(isinstance(inner, str) for inner in value):
            yield path, ", ".join(value)
            return
        for number, inner in enumerate(value):
            yield from _fields(inner, f"{path}[{number}]")
    elif value is not None:
        yield path, str(value)


def _fitting(parts: Sequence[str], width: int) -> list[str]:
    """Return the first parts that have room for a column each, beside one for the rest."""
    shown: list[str] = []
    for part in parts:
        if _width([_wrapped(name) for name in (*shown, part, "other")]) > width:
            break
        shown.append(part)
    return shown


def _width(headings: Sequence[str]) -> int:
    """Return the columns that a table with these headings takes."""
    return _NARROW + sum(max(map(len, heading.split("\n"))) + 1 for heading in headings)


def _wrapped(heading: str) -> str:
    """Break a long heading at its hyphens and spaces, so that its column is as wide as a word."""
    return "\n".join(textwrap.wrap(printable(heading), 9, break_long_words=False))
