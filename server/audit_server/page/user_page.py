"""A user's page: when they work, from where, and what they do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from audit_query import PLACE_FIELDS, AuditLog, Filter, QuerySpec, Seen, place_label
from audit_schemas import network_of
from markupsafe import Markup

from audit_server.page.address_history import NEW_FOR
from audit_server.page.heat_map import WEEKDAYS, heat_map, hours_of_week
from audit_server.page.palette import colours_of
from audit_server.page.rows import ROW_FIELDS, DisplayTime, display_time, rows_of
from audit_server.page.view import View

__all__ = ["KnownAddress", "user_page"]

_WEEKS = 8
_RECENT = 20
_ADDRESSES = 50


@dataclass(frozen=True, slots=True)
class KnownAddress:
    """An address that somebody came from."""

    ip: str
    count: int
    first: DisplayTime
    last: DisplayTime
    place: str
    """Whose network it is in, and which country, as of its newest event."""
    news: str
    """That it, or its network, is new; blank if it is not."""


def user_page(log: AuditLog, user: str, view: View) -> Mapping[str, Any]:
    """Query all that is known of a user, by whole id or name."""
    wanted = Filter(users=(user,))
    theirs = view.with_spec(QuerySpec().with_("user", user))
    seen = log.seen(wanted)
    context = {"user": user, "seen": seen, "user_view": theirs, "expanded": {}, "events": ()}
    context |= _done_as(log, user, view)
    context["failures"] = theirs.with_("outcome", "failure")
    if seen.first is None or seen.last is None:
        return context
    recent = log.search(wanted, size=_RECENT, fields=ROW_FIELDS).events
    activities = log.top(wanted, "activity", size=20)
    colours = colours_of(row.value for row in activities)
    return {
        **context,
        **_week(log, user, view, seen.last),
        "first": display_time(seen.first, view.zone),
        "last": display_time(seen.last, view.zone),
        "ids": _other_names(recent, user),
        "addresses": _addresses(log, wanted, view, seen),
        "activities": activities,
        "events": recent,
        "rows": rows_of(recent, view.zone, colours),
    }


def _done_as(log: AuditLog, user: str, view: View) -> Mapping[str, Any]:
    """Return how much others did as this user, by the name or id of the page."""
    return {
        "done_as": log.count(Filter(effective_users=(user,))),
        "done_as_link": view.only_filter("effective_user", user),
    }


def _week(log: AuditLog, user: str, view: View, last: datetime) -> Mapping[str, Any]:
    """Return the hours of the weeks that end with the last event."""
    start = last - timedelta(weeks=_WEEKS)
    wanted = Filter(users=(user,), start=start, end=last + timedelta(milliseconds=1))
    histogram = log.buckets(wanted, interval="hour", time_zone=view.zone_name)
    week = hours_of_week(histogram.buckets, view.zone)
    return {
        "week": list(zip(WEEKDAYS, week, strict=True)),
        "picture": Markup(heat_map(week)),  # noqa: S704 - written as XML
        "weeks": f"the {_WEEKS} weeks up to {last.astimezone(view.zone):%Y-%m-%d}",
    }


def _addresses(log: AuditLog, wanted: Filter, view: View, seen: Seen) -> Sequence[KnownAddress]:
    times = {name: {name: {"field": "@timestamp"}} for name in ("min", "max")}
    newest = {"size": 1, "sort": [{"@timestamp": "desc"}], "_source": list(PLACE_FIELDS)}
    each = {**times, "newest": {"top_hits": newest}}
    response = log.raw_search(
        wanted,
        size=0,
        track_total_hits=False,
        aggs={
            "ips": {"terms": {"field": "source.ip", "size": _ADDRESSES}, "aggs": each},
            "networks": {
                "terms": {"field": "audit.source.network", "size": _ADDRESSES},
                "aggs": {"min": times["min"]},
            },
        },
    )
    found = response.get("aggregations", {})
    rows = found.get("ips", {}).get("buckets", [])
    networks = {row["key"]: row["min"]["value"] for row in found.get("networks", {}).get("buckets", [])}
    return [
        KnownAddress(
            _ip(row),
            row["doc_count"],
            _display_time(row["min"]["value"], view),
            _display_time(row["max"]["value"], view),
            place_label(row["newest"]["hits"]["hits"][0].get("_source", {})),
            _news(row["min"]["value"], networks.get(network_of(_ip(row))), seen),
        )
        for row in rows
    ]


def _ip(row: Mapping[str, Any]) -> str:
    return str(row.get("key_as_string", row["key"]))


def _news(first: float, of_network: float | None, seen: Seen) -> str:
    """Return that an address was first seen in the week up to its user's last event, if it was."""
    if seen.first is None or seen.last is None:
        return ""
    since = (seen.last - NEW_FOR).timestamp() * 1000
    if first < since or seen.first.timestamp() * 1000 >= since:
        return ""
    return "new address" if of_network is not None and of_network < since else "new network"


def _display_time(millis: float, view: View) -> DisplayTime:
    return display_time(datetime.fromtimestamp(millis / 1000, UTC), view.zone)


def _other_names(events: Sequence[Mapping[str, Any]], user: str) -> Sequence[str]:
    """Return the ids and names that recent events have beside the one of the page."""
    names = (event.get("user", {}).get(part) for event in events for part in ("name", "id"))
    return [name for name in dict.fromkeys(names) if name and name != user]
