"""The events of an alert, and what its address or user did before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from audit_alerts import Alert
from audit_query import AuditLog, Filter, ParameterError, QuerySpec, TimeRangeError
from markupsafe import Markup

from audit_server.page.expanded_event import event_path
from audit_server.page.palette import colours_of, usual_colour
from audit_server.page.rows import ROW_FIELDS, Row, rows_of
from audit_server.page.timeline import TimePoint, timeline
from audit_server.page.view import View

__all__ = ["Around", "Side", "around", "evidence"]

_ROWS_HALF = 10
"""Events in rows at either end, of an alert that has more than twice as many."""
_LINE_HALF = 250
"""Likewise on the line of time."""
_DAY = timedelta(days=1)
_AFTER = timedelta(milliseconds=1)
_SIDE_ROWS, _SIDE_ACTIVITIES = 8, 5

Events = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Side:
    """What somebody did within a day: how much, of what, and the events next to the alert."""

    title: str
    link: str
    count: int
    activities: Sequence[Mapping[str, Any]]
    rows: Sequence[tuple[Row, str]]


@dataclass(frozen=True, slots=True)
class Around:
    """Whom an alert is about, and what they did before and after."""

    who: str
    before: Side
    after: Side


def evidence(log: AuditLog, alert: Alert, view: View) -> Mapping[str, Any]:
    """Query the events of an alert, in their order: of many both ends."""
    spec = _spec_of(alert)
    if spec is None:
        found = _sampled(log, alert)
        total = len(found)
    else:
        found, total = _first_and_last(log, spec.filter(alert.last))
    shown = _ends(found, _ROWS_HALF)
    colours = colours_of(event["event"]["action"] for event in found)
    picture = timeline(_points(found, shown, colours, view), view.zone, left=total - len(found))
    return {
        "rows": rows_of(shown[:_ROWS_HALF], view.zone, colours),
        "last_rows": rows_of(shown[_ROWS_HALF:], view.zone, colours),
        "between": total - len(shown),
        "events": shown,
        "picture": Markup(picture),  # noqa: S704 - written as XML
        "events_link": view.with_spec(spec).link() if spec is not None else None,
    }


def around(log: AuditLog, alert: Alert, view: View) -> Around | None:
    """Query what the alert's address, or else its user, did in the day before and the day after."""
    subject = _subject(alert)
    if subject is None:
        return None
    name, value = subject
    spec = QuerySpec().with_(name, value)
    before = (alert.start - _DAY, alert.start)
    after = (alert.last + _AFTER, alert.last + _AFTER + _DAY)
    return Around(
        value,
        _side(log, "The day before", spec, before, view, newest_first=True),
        _side(log, "The day after", spec, after, view, newest_first=False),
    )


def _spec_of(alert: Alert) -> QuerySpec | None:
    """Return what the alert's own link asks of the page; None where it has none that we know."""
    if not alert.link:
        return None
    try:
        return QuerySpec.parse(parse_qsl(urlsplit(alert.link).query))
    except (ParameterError, ValueError):
        return None


def _first_and_last(log: AuditLog, wanted: Filter) -> tuple[Events, int]:
    first = log.search(wanted, size=2 * _LINE_HALF, newest_first=False, fields=ROW_FIELDS)
    if first.cursor is None:
        return first.events, len(first.events)
    last = log.search(wanted, size=_LINE_HALF, fields=ROW_FIELDS)
    return [*first.events[:_LINE_HALF], *reversed(last.events)], log.count(wanted)


def _ends(found: Events, half: int) -> Events:
    return found if len(found) <= 2 * half else [*found[:half], *found[-half:]]


def _points(found: Events, shown: Events, colours: Mapping[str, int], view: View) -> list[TimePoint]:
    """Return events as points, which lead to their rows, or to their pages where they have no row."""
    ids = {event["event"]["id"] for event in shown}
    return [
        TimePoint(
            datetime.fromisoformat(event["@timestamp"]),
            event["event"]["action"],
            colours[event["event"]["action"]],
            f"#e-{quote(name)}" if name in ids else view.other_page(event_path(name)),
        )
        for event in found
        for name in (event["event"]["id"],)
    ]


def _sampled(log: AuditLog, alert: Alert) -> Events:
    found = [claim for event_id in alert.samples for claim in log.claims(event_id)[:1]]
    return sorted(found, key=lambda event: str(event["@timestamp"]))


def _subject(alert: Alert) -> tuple[str, str] | None:
    """Return whom the alert is about: an address, if there is one alone, or else a user."""
    for name, values in (("ip", alert.addresses), ("user", alert.users)):
        if len(values) == 1:
            return name, values[0]
    return None


def _side(
    log: AuditLog,
    title: str,
    spec: QuerySpec,
    times: tuple[datetime, datetime],
    view: View,
    *,
    newest_first: bool,
) -> Side:
    start, end = times
    try:
        wanted = _within(spec.filter(end), start, end)
    except TimeRangeError:  # an alert at the end of the years that events have
        return Side(title, view.with_spec(spec).link(), 0, (), ())
    page = log.search(wanted, size=_SIDE_ROWS, newest_first=newest_first, fields=ROW_FIELDS)
    asked = view.with_spec(spec)
    link = asked.between(start, end)
    if not page.events:
        return Side(title, link, 0, (), ())
    rows = rows_of(page.events, view.zone, {})
    ranked = log.top(wanted, "activity", size=_SIDE_ACTIVITIES)
    activities = [
        {"name": one.value, "count": one.count, "colour": usual_colour(one.value)} for one in ranked
    ]
    linked = [(row, view.other_page(event_path(row.id))) for row in rows]
    return Side(title, link, log.count(wanted), activities, linked)


def _within(wanted: Filter, start: datetime, end: datetime) -> Filter:
    return Filter(ips=wanted.ips, users=wanted.users, start=start, end=end)
