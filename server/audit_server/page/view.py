"""What the page shows: a query, and how it is shown. All of it is part of the address. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from audit_query import AUTO, EXCLUDE, ParameterError, QuerySpec, TimeRangeError, check_interval, zone

__all__ = [
    "INTERVALS",
    "QUICK",
    "ZONE_COOKIE",
    "Quick",
    "View",
    "chat_path",
    "format_time",
    "user_path",
]

ZONE_COOKIE: Final = "auditlog_tz"
"""The reader's own zone, as their browser told it."""

INTERVALS = (AUTO, "1m", "10m", "1h", "day", "week", "month")

_OWN = ("tz", "interval", "live", "open", "after")
_TEXT_MAX = 256


@dataclass(frozen=True, slots=True)
class Quick:
    """A time range that one click selects."""

    name: str
    start: str


QUICK = (
    Quick("15 min", "-15m"),
    Quick("1 h", "-1h"),
    Quick("24 h", "-24h"),
    Quick("7 d", "-7d"),
    Quick("30 d", "-30d"),
    Quick("Today", "today"),
)


@dataclass(frozen=True, slots=True)
class View:
    """A query, the zone it is shown in, and what is expanded."""

    spec: QuerySpec
    zone_name: str = "UTC"
    zone_shared: bool = False
    """The zone stands in the address, so that who follows the link sees the same hours."""
    zone_known: bool = False
    """Neither address nor cookie named a zone: the page asks the browser."""
    interval: str = AUTO
    live: bool = False
    expanded: str | None = None
    """The id of the event that is expanded."""
    after: str | None = None
    """Where the page before ended."""

    @classmethod
    def of(
        cls, pairs: Iterable[tuple[str, str]], *, cookie: str | None = None, default: str = "UTC"
    ) -> "View":
        """Read an address. Raises ParameterError.

        A cookie is the browser's word only: an invalid zone in it is ignored.
        """
        given = list(pairs)
        own = {name: value[:_TEXT_MAX] for name, value in given if name in _OWN and value.strip()}
        shared, remembered = own.get("tz"), _known(cookie)
        return cls(
            QuerySpec.parse((name, value) for name, value in given if name not in _OWN),
            zone_name=_zone_of(shared) if shared else remembered or default,
            zone_shared=shared is not None,
            zone_known=shared is not None or remembered is not None,
            interval=_interval_of(own.get("interval", AUTO)),
            live=own.get("live") == "on",
            expanded=own.get("open"),
            after=own.get("after"),
        )

    @property
    def zone(self) -> ZoneInfo:
        """The zone that times are read and shown in."""
        return ZoneInfo(self.zone_name)

    def with_spec(self, spec: QuerySpec) -> "View":
        """Return the view of another query, from its first page on, and nothing expanded."""
        return replace(self, spec=spec, expanded=None, after=None)

    def link(self, path: str = "/", **more: str) -> str:
        """Return the address of this view; `more` are parameters that only that path knows."""
        pairs = [*self.spec.pairs, *self.own(), *more.items()]
        return f"{path}?{urlencode(pairs)}" if pairs else path

    def other_page(self, path: str, **more: str) -> str:
        """Return the address of another page, which takes over the zone alone."""
        return View(QuerySpec(), self.zone_name, zone_shared=self.zone_shared).link(path, **more)

    def with_(self, name: str, value: str) -> str:
        """Return the address with one more value."""
        return self.with_spec(self.spec.with_(name, value)).link()

    def without(self, name: str, value: str | None = None) -> str:
        """Return the address with one value less."""
        return self.with_spec(self.spec.without(name, value)).link()

    def only(self, name: str, value: str) -> str:
        """Return the address that filters a field by this value alone."""
        return self.with_spec(self.spec.without(name).with_(name, value)).link()

    def excluding(self, name: str, value: str) -> str:
        """Return the address that leaves out what has this value."""
        kept = self.spec.without(name, value)
        return self.with_spec(kept.with_(EXCLUDE + name, value)).link()

    def only_filter(self, name: str, value: str) -> str:
        """Return the address that filters by this value and nothing else, at any time."""
        return self.with_spec(QuerySpec().with_(name, value)).link()

    def between(self, start: datetime, end: datetime) -> str:
        """Return the address with the time from start to end."""
        spec = self.spec.with_("from", format_time(start)).with_("to", format_time(end))
        return self.with_spec(spec).link()

    def since(self, start: str) -> str:
        """Return the address with the time from a relative start to now."""
        return self.with_spec(self.spec.without("to").with_("from", start)).link()

    def any_time(self) -> str:
        """Return the address without a time."""
        return self.with_spec(self.spec.without("from").without("to")).link()

    def with_interval(self, interval: str) -> str:
        """Return the address with another interval."""
        return replace(self, interval=interval).link()

    def in_zone(self, name: str, path: str = "/") -> str:
        """Return the address in another zone."""
        return replace(self, zone_name=name, zone_shared=True).link(path)

    def expanding(self, event_id: str) -> str:
        """Return the address with an event expanded, and scrolled to."""
        return f"{replace(self, expanded=event_id).link()}#{quote('e-' + event_id)}"

    def details(self, event_id: str) -> str:
        """Return the address of an event's details, with links that continue from this view."""
        return replace(self, expanded=None, after=None, live=False).link(
            f"/events/{quote(event_id, safe='')}/details"
        )

    def expanding_alone(self, event_id: str) -> str:
        """Return the address of the whole log with an event expanded."""
        return self.with_spec(QuerySpec()).expanding(event_id)

    def expanding_between(self, event_id: str, start: datetime, end: datetime) -> str:
        """Return the address of all events between two times, with one expanded."""
        spec = QuerySpec().with_("from", format_time(start)).with_("to", format_time(end))
        return self.with_spec(spec).expanding(event_id)

    def next_page(self, cursor: str, path: str = "/") -> str:
        """Return the address of the next page."""
        return replace(self, after=cursor, expanded=None).link(path)

    def live_toggled(self) -> str:
        """Return the address with the live tail switched on, or off."""
        return replace(self, live=not self.live, after=None).link()

    def own(self) -> list[tuple[str, str]]:
        """Return the parameters that are the page's own, beside the query."""
        pairs = [
            ("tz", self.zone_name if self.zone_shared else None),
            ("interval", self.interval if self.interval != AUTO else None),
            ("live", "on" if self.live else None),
            ("open", self.expanded),
            ("after", self.after),
        ]
        return [(name, value) for name, value in pairs if value is not None]


def user_path(user: str) -> str:
    """Return the address of a user's page.

    Browsers resolve `.` and `..` in a path also where they are escaped: these stand after the `?`.
    """
    if user in (".", ".."):
        return f"/users/?{urlencode({'name': user})}"
    return f"/users/{quote(user, safe='')}"


def chat_path(chat: str, organization: str | None = None) -> str:
    """Return the address of a chat's page, of one organization's chat where several have its id."""
    query = {"org": organization} if organization is not None else {}
    if chat in (".", ".."):
        return f"/chats/?{urlencode({'chat': chat} | query)}"
    path = f"/chats/{quote(chat, safe='')}"
    return f"{path}?{urlencode(query)}" if query else path


def format_time(moment: datetime) -> str:
    """Return a time as it stands in an address: whole, and with its zone."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _interval_of(text: str) -> str:
    try:
        if text != AUTO:
            check_interval(text)
    except TimeRangeError as error:
        raise ParameterError("interval", str(error)) from None
    return text


def _zone_of(text: str) -> str:
    try:
        zone(text)
    except TimeRangeError as error:
        raise ParameterError("tz", str(error)) from None
    return text


def _known(cookie: str | None) -> str | None:
    if not cookie:
        return None
    try:
        return _zone_of(cookie)
    except ParameterError:
        return None
