"""Sessions and timelines as tables that fit a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta, tzinfo
from typing import Any

from audit_schemas import parse_timestamp
from rich.table import Table

from audit_query.effective_user import actor_label, effective_user
from audit_query.place_label import place_label
from audit_query.reports.report_tables import short, text_of
from audit_query.reports.sessions import Facts, Session, UserReport
from audit_query.reports.timeline import Timeline
from audit_query.tables import one_line

__all__ = ["session_lines", "session_table", "summary_lines", "timeline_table"]

_IPS = 5


def summary_lines(report: UserReport, zone: tzinfo, zone_name: str) -> Iterator[str]:
    """Yield what stands above a user's sessions."""
    facts = report.facts
    if facts is None:
        return
    first, last = (f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (facts.first, facts.last))
    times = f"from {first} to {last} ({zone_name})"
    yield f"[bold]{text_of(report.user)}[/bold]: {facts.events:,} events {times}"
    yield f"  {_counts(facts.activities)}"
    if facts.ips:
        shown = (event for session in report.sessions for event in session.events)
        yield f"  from {_addresses(facts.ips, shown)}"


def session_lines(session: Session, zone: tzinfo) -> Iterator[str]:
    """Yield what stands above a session's events."""
    facts = session.facts
    if session.id is None:
        yield f"[bold]Without a session[/bold]: {facts.events:,} events"
        yield f"  {_counts(facts.activities)}"
        return
    times = _time_span(facts, zone)
    yield f"[bold]Session {text_of(session.id)}[/bold]: {facts.events:,} events, {times}"
    if session.failed:
        yield f"  [bold]{session.failed:,} failed logins[/bold] in the hour before"
    yield f"  {_counts(facts.activities)}"
    if facts.ips:
        yield f"  from {_addresses(facts.ips, session.events)}"


def session_table(events: Sequence[Mapping[str, Any]], zone: tzinfo) -> Table:
    """Return a row an event: Date and Time, IP Address, Activity and as whom; the user is known."""
    table = Table(box=None, pad_edge=False, show_header=False)
    places = [place_label(event) for event in events]
    for is_place in (False, False, *([True] if any(places) else []), False):
        table.add_column(no_wrap=not is_place, overflow="ellipsis")
    for event, place in zip(events, places, strict=True):
        beside = [one_line(place)] if any(places) else []
        table.add_row(f"  {_time(event, zone)}", _ip(event), *beside, _activity(event, as_whom=True))
    return table


def timeline_table(timeline: Timeline, zone: tzinfo, zone_name: str, *, of_event: bool) -> Table:
    """Return a row an event, with the time since the one before, or from the one that is marked."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(f"Time ({zone_name})", no_wrap=True, width=14, overflow="ellipsis")
    table.add_column("From it" if of_event else "Step", justify="right", no_wrap=True)
    for heading in ("User", "IP Address", "Activity"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for entry in timeline.entries:
        step = entry.since_origin if of_event else entry.since_previous
        table.add_row(
            f"{entry.at.astimezone(zone):%m-%d %H:%M:%S}",
            "here >" if entry.marked else _signed(step),
            text_of(actor_label(entry.event)),
            _ip(entry.event),
            _activity(entry.event),
            style="bold" if entry.marked else None,
        )
    return table


def _time_span(facts: Facts, zone: tzinfo) -> str:
    first, last = facts.login or facts.first, facts.logout or facts.last
    begin, end = first.astimezone(zone), last.astimezone(zone)
    how = "logged in" if facts.login else "login not seen, from"
    done = "logged out" if facts.logout else "no logout, last seen"
    same = begin.date() == end.date()
    until = f"{end:%H:%M}" if same else f"{end:%Y-%m-%d %H:%M}"
    length = short(max(last - first, timedelta()))  # elapsed: not by the zone's clock
    return f"{how} {begin:%Y-%m-%d %H:%M}, {done} {until} ({length})"


def _addresses(counts: Mapping[str, int], events: Iterable[Mapping[str, Any]]) -> str:
    """Return the most frequent addresses, with the places that events have them in."""
    places = {(event.get("source") or {}).get("ip"): place_label(event) for event in events}
    return _counts(counts, _IPS, places)


def _counts(
    counts: Mapping[str, int], most: int | None = None, places: Mapping[str | None, str] | None = None
) -> str:
    known = places or {}
    shown = [
        f"{text_of(name)} {number:,}{text_of(f' ({known[name]})') if known.get(name) else ''}"
        for name, number in list(counts.items())[:most]
    ]
    rest = len(counts) - len(shown)
    return ", ".join([*shown, *([f"and {rest:,} more"] if rest else [])])


def _signed(span: timedelta | None) -> str:
    if span is None:
        return ""
    return ("-" if span < timedelta() else "+") + short(span)


def _time(event: Mapping[str, Any], zone: tzinfo) -> str:
    at = parse_timestamp(event["@timestamp"]).astimezone(zone)
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"


def _ip(event: Mapping[str, Any]) -> str:
    return text_of((event.get("source") or {}).get("ip") or "")


def _activity(event: Mapping[str, Any], *, as_whom: bool = False) -> str:
    """Return the activity, and whom it was done to; also as whom, where no user stands beside it."""
    target = ((event.get("user") or {}).get("target")) or {}
    whom = target.get("name") or target.get("id")
    other = effective_user(event) if as_whom else None
    parts = (event["event"]["action"], f" as {other}" if other else "", f" > {whom}" if whom else "")
    return text_of("".join(parts))
