"""The Audit Logs page itself: its queries, and the context of its template."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit_query import (
    AUTO,
    AuditLog,
    Buckets,
    Filter,
    Page,
    TimeRangeError,
    decode_cursor,
    encode_cursor,
)
from markupsafe import Markup

from audit_server.page.bars import Bar, bars_of
from audit_server.page.chips import LABELS, chips_of, drops_of
from audit_server.page.expanded_event import expand_first
from audit_server.page.histogram import histogram, label_of, totals
from audit_server.page.palette import colours_of
from audit_server.page.rows import ROW_FIELDS, rows_of
from audit_server.page.view import INTERVALS, QUICK, View, format_time

__all__ = ["ROWS", "Shown", "live_page", "log_page", "rows_page"]

ROWS = 100
_PARTS = 9
"""Of a bar; with the rest they are ten."""
_BARS = 1000
"""More are too narrow to be seen."""
_SEEN = 500
"""Events that a live tail may meet again."""
_LIVE = 200
_ID = ("event.id",)

_FIELDS = (
    ("user", "name or id"),
    ("activity", "such as login-failed"),
    ("ip", "address or CIDR"),
)
_OTHER_FIELDS = ("effective_user", "country", "asn", "list", "service", "org", "chat", "session")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows, for its template; and how many events match, where that was counted."""

    context: Mapping[str, Any]
    total: int


def log_page(log: AuditLog, view: View, now: datetime) -> Shown:
    """Query all that the page needs. Raises ParameterError, TimeRangeError."""
    wanted = view.spec.filter(now.astimezone(view.zone))
    live = _live(log, wanted, view)  # before the search: what comes in between shows twice, not never
    with ThreadPoolExecutor(2, "page") as pool:
        later = pool.submit(_buckets, log, wanted, view)
        page = _search(log, wanted, view)
        buckets = later.result()
    total = sum(bucket.count for bucket in buckets.buckets)
    colours = colours_of(totals(buckets.buckets)[0])
    expanded_rows, linked, missing = _expanded(log, view, page)
    return Shown(
        {
            **_form(view),
            **_over_time(view, wanted, buckets, colours, now),
            **live,
            "chips": chips_of(view),
            "total": total,
            "rows": rows_of(page.events, view.zone, colours),
            "events": page.events,
            **_more(view, page),
            "expanded": expanded_rows,
            "linked_event": linked,
            "missing_event": missing,
            **_exports(view, wanted),
            **(_nothing(log, view, now) if not page.events else {"drops": (), "empty_log": False}),
        },
        total,
    )


def rows_page(log: AuditLog, view: View, now: datetime) -> Mapping[str, Any]:
    """Return the rows that follow those which are there."""
    page = _search(log, view.spec.filter(now.astimezone(view.zone)), view)
    more = _more(view, page)
    return {
        "rows": rows_of(page.events, view.zone, {}),
        "events": page.events,
        "cursor": more["more_rows"],
        "more": more["more"],
    }


def live_page(log: AuditLog, view: View, now: datetime, since: str | None) -> Mapping[str, Any]:
    """Return the rows that came since; some of them may have been there already."""
    wanted = view.spec.filter(now.astimezone(view.zone))
    page = log.newest_arrivals(
        wanted,
        since=decode_cursor(since, numbers=1) if since else None,
        size=_LIVE,
        fields=ROW_FIELDS,
    )
    return {
        "rows": rows_of(page.events, view.zone, {}),
        "events": page.events,
        "cursor": encode_cursor(page.cursor) if page.cursor else None,
        "more": None,
    }


def _search(log: AuditLog, wanted: Filter, view: View) -> Page[Any]:
    after = decode_cursor(view.after) if view.after else None
    return log.search(wanted, size=ROWS, after=after, fields=ROW_FIELDS)


def _buckets(log: AuditLog, wanted: Filter, view: View) -> Buckets:
    """Return the bars; where there would be too many to tell apart, those of `auto`."""

    def by(interval: str) -> Buckets:
        return log.buckets(
            wanted, interval=interval, by="activity", parts=_PARTS, time_zone=view.zone_name
        )

    try:
        buckets = by(view.interval)
    except TimeRangeError:
        return by(AUTO)
    return buckets if len(buckets.buckets) <= _BARS else by(AUTO)


def _more(view: View, page: Page[Any]) -> Mapping[str, str | None]:
    if page.cursor is None:
        return {"more": None, "more_rows": None}
    following = encode_cursor(page.cursor)
    return {
        "more": view.next_page(following),
        "more_rows": view.next_page(following, "/rows"),
    }


def _form(view: View) -> Mapping[str, Any]:
    """Return the form: what is in force stays in force, times are edited in place."""
    kept = [pair for pair in view.spec.pairs if pair[0] not in ("from", "to")]
    own = [pair for pair in view.own() if pair[0] in ("tz", "interval", "live")]
    return {
        "kept": [*kept, *own],
        "fields": [(name, LABELS[name], hint) for name, hint in _FIELDS],
        "other_fields": [(name, LABELS[name]) for name in _OTHER_FIELDS],
        "quick_ranges": QUICK,
        "intervals": INTERVALS if view.interval in INTERVALS else (*INTERVALS, view.interval),
    }


def _over_time(
    view: View, wanted: Filter, buckets: Buckets, colours: Mapping[str, int], now: datetime
) -> Mapping[str, Any]:
    sums, rest = totals(buckets.buckets)
    bars = bars_of(buckets, view.zone, wanted, view.between)
    legend = [
        {"name": name, "count": count, "colour": colours[name], "link": view.only("activity", name)}
        for name, count in sums.items()
    ]
    return {
        "buckets": bool(sums or rest),
        "interval": buckets.interval,
        "too_narrow": view.interval not in (AUTO, buckets.interval),
        "picture": Markup(histogram(bars, colours, view.zone)),  # noqa: S704 - written as XML
        "zoom": view.any_time(),
        "span": _covered(bars, view, now),
        "legend": legend,
        "rest": rest,
        "lines": [_line(bar, list(sums), view, rest=bool(rest)) for bar in bars],
    }


def _covered(bars: Sequence[Bar], view: View, now: datetime) -> str:
    """Return from when to when the bars are, as far as it has come."""
    if not bars:
        return ""
    (start, end), (_, last) = bars[0].zoom, bars[-1].zoom
    return label_of(start, min(last, max(end, now)), view.zone)


def _line(bar: Bar, names: Sequence[str], view: View, *, rest: bool) -> Mapping[str, Any]:
    bucket = bar.bucket
    counts = [bucket.parts.get(name, 0) for name in names]
    return {
        "label": label_of(bucket.start, bar.end, view.zone),
        "link": bar.link,
        "count": bucket.count,
        "counts": [*counts, bucket.other] if rest else counts,
    }


def _expanded(
    log: AuditLog, view: View, page: Page[Any]
) -> tuple[Mapping[str, Any], Any | None, str | None]:
    """Return the event that the address names: among the rows, beside them, or that it is missing."""
    if view.expanded is None:
        return {}, None, None
    claims = log.claims(view.expanded)
    if not claims:
        return {}, None, view.expanded
    expanded = expand_first(claims, view)
    if any(row["event"]["id"] == view.expanded for row in page.events):
        return {view.expanded: expanded}, None, None
    return {}, expanded, None


def _live(log: AuditLog, wanted: Filter, view: View) -> Mapping[str, Any]:
    link = view.live_toggled()
    if not view.live:
        return {"live_toggle": link, "live_link": "", "live_cursor": None, "live_seen": ""}
    newest = log.newest_arrivals(wanted, size=1, fields=_ID).cursor
    seen = log.newest_arrivals(wanted, since=newest, size=_SEEN, fields=_ID).events if newest else ()
    return {
        "live_toggle": link,
        "live_link": view.link("/live"),
        "live_cursor": encode_cursor(newest) if newest else None,
        "live_seen": " ".join(event["event"]["id"] for event in seen),
    }


def _exports(view: View, wanted: Filter) -> Mapping[str, str]:
    """Return the addresses of the exports, with the times that the page was made for."""
    spec = view.spec
    for name, moment in (("from", wanted.start), ("to", wanted.end)):
        if moment is not None:
            spec = spec.with_(name, format_time(moment))
    plain = View(spec)
    links = {f"export_{form}": plain.link("/api/v1/export", format=form) for form in ("csv", "ndjson")}
    return links | {"export_excel": plain.link("/api/v1/export", format="csv", excel="true")}


def _nothing(log: AuditLog, view: View, now: datetime) -> Mapping[str, Any]:
    """Return why there is no event, and what to do."""
    if view.after:
        return {"drops": (), "empty_log": False}
    here = now.astimezone(view.zone)
    drops = drops_of(view, lambda spec: log.count(spec.filter(here)))
    return {"drops": drops, "empty_log": not drops and not log.count(Filter())}
