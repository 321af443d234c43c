"""The overview: what happened, beside the time before, and links from each figure to its events."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from audit_query import Filter, QuerySpec
from audit_query.reports import (
    LOGIN_FAILED,
    Overview,
    PublishingService,
    WaitingChats,
    overview,
)

from audit_server.access import Caller
from audit_server.page.chips import chips_of
from audit_server.page.pipeline_card import last_arrival
from audit_server.page.rows import DisplayTime, display_time
from audit_server.page.view import QUICK, View
from audit_server.roles import Permission

__all__ = ["PATH", "Change", "Figure", "change_of", "overview_page", "with_time"]

PATH = "/overview"
_USUAL = "-24h"
_LINKED = 50
"""Chats that one address of the log names."""
_PERCENT_MAX = 999
_EXACT = 9.95
"""Percent below which a decimal says something."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a figure differs from the one before: a word for it, and which way it goes."""

    text: str
    direction: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, what it counts, the events behind it; and the number of the time before."""

    label: str
    count: int
    link: str
    before: int | None = None
    before_link: str | None = None
    bad: bool = False
    """Whether more of it is worse."""
    note: str = ""

    @property
    def change(self) -> Change | None:
        """How it differs from the time before."""
        return None if self.before is None else change_of(self.count, self.before)


@dataclass(frozen=True, slots=True)
class _Service:
    name: str
    events: int
    last: DisplayTime
    link: str


def with_time(view: View) -> View:
    """Return the view with the last day, where it names no start."""
    if view.spec.value("from") is not None:
        return view
    return view.with_spec(view.spec.with_("from", _USUAL))


def overview_page(caller: Caller, view: View, now: datetime) -> Mapping[str, Any]:
    """Query the figures of the view's time, the open alerts, and the last arrival.

    Raises ParameterError, TimeRangeError.
    """
    here = now.astimezone(view.zone)
    wanted = view.spec.filter(here)
    wanted = replace(wanted, end=wanted.end or max(here, _start(wanted) + timedelta(seconds=1)))
    with ThreadPoolExecutor(2, "overview") as pool:
        arrival = pool.submit(last_arrival, caller.log)
        alerts = pool.submit(_open_alerts, caller, view)
        found = overview(caller.log, wanted)
    return {
        "alerts": alerts.result(),
        "arrival": arrival.result(),
        "total": found.totals.events,
        "figures": _figures(found, view, found.compared),
        "sources": _sources(found, view),
        "busiest": [(row, view.only("user", row.value)) for row in found.users],
        "most": max((row.count for row in found.users), default=0),
        "services": [_service(service, view) for service in found.services],
        "quick_ranges": [(quick, _since(view, quick.start)) for quick in QUICK],
        "chips": [chip for chip in chips_of(view) if chip.label not in ("From", "To")],
        "kept": [*_without_times(view.spec).pairs, *view.own()],
    }


def change_of(count: int, before: int) -> Change:
    """Return by how much there is more or less of something."""
    if count == before:
        return Change("as before", "same")
    if not before:
        return Change("none before", "up")
    percent = abs(count - before) / before * 100
    sign, direction = ("+", "up") if count > before else ("−", "down")  # noqa: RUF001 - a minus
    if percent > _PERCENT_MAX:
        return Change(f"{count / before:,.0f} times", direction)
    return Change(f"{sign}{percent:.{1 if percent < _EXACT else 0}f} %", direction)


def _open_alerts(caller: Caller, view: View) -> Sequence[tuple[str, int, str]] | None:
    """Return each level with its open alerts and a link to them; None to whoever may see none.

    They are those of any time: an alert stays open until somebody closes it.
    """
    if not caller.may(Permission.ALERTS):
        return None
    levels = caller.alerts.open_by_level()
    return [(name, count, view.other_page("/alerts", level=name)) for name, count in levels.items()]


def _start(wanted: Filter) -> datetime:
    if wanted.start is None:
        raise ValueError("an overview has a start: see with_time")
    return wanted.start


def _figures(found: Overview, view: View, earlier: Filter) -> Sequence[Figure]:
    now, before = found.totals, found.before
    opened = _of_activity(view, "chat-opened")
    closed = _of_activity(view, "chat-closed")
    failed = _of_activity(view, LOGIN_FAILED)
    return [
        _figure("Events", now.events, view, before.events, earlier),
        _figure("Failed logins", now.failed_logins, failed, before.failed_logins, earlier, bad=True),
        _figure("Chats opened", now.chats_opened, opened, before.chats_opened, earlier),
        _waiting(found.waiting, view),
        _figure("Chats closed", now.chats_closed, closed, before.chats_closed, earlier),
    ]


def _figure(
    label: str, count: int, shown: View, before: int, earlier: Filter, *, bad: bool = False
) -> Figure:
    start, end = _start(earlier), earlier.end or _start(earlier)
    return Figure(label, count, shown.link(), before, shown.between(start, end), bad=bad)


def _of_activity(view: View, activity: str) -> View:
    return view.with_spec(view.spec.without("activity").with_("activity", activity))


def _waiting(waiting: WaitingChats, view: View) -> Figure:
    """Return the chats that wait: the link has the events of those that wait the longest."""
    spec = QuerySpec.parse(("chat", chat) for chat in waiting.chats[:_LINKED])
    if not waiting.chats:
        spec = _of_activity(view, "chat-opened").spec
    notes = ["of the 1,000 opened last"] if waiting.is_partial else []
    if len(waiting.chats) > _LINKED:
        notes.append(f"the link has the first {_LINKED}")
    note = "; ".join(notes) or "neither assigned, joined nor closed"
    link = view.with_spec(spec).link()
    return Figure("Chats waiting", len(waiting.chats), link, bad=True, note=note)


def _sources(found: Overview, view: View) -> Sequence[Mapping[str, Any]]:
    failures = _of_activity(view, LOGIN_FAILED)
    return [
        {
            "ip": source.ip,
            "failures": source.failures,
            "users": source.users,
            "link": failures.only("ip", source.ip),
            "all": view.only("ip", source.ip),
        }
        for source in found.sources
    ]


def _service(service: PublishingService, view: View) -> _Service:
    shown = view if service.events else view.with_spec(_without_times(view.spec))
    last = display_time(service.last, view.zone)
    return _Service(service.name, service.events, last, shown.only("service", service.name))


def _since(view: View, start: str) -> str:
    return view.with_spec(_without_times(view.spec).with_("from", start)).link(PATH)


def _without_times(spec: QuerySpec) -> QuerySpec:
    return spec.without("from").without("to")
