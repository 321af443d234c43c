"""What the reader looks at: a question, and how it is shown. All of it stands in the address. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from audit_query import AUTO, EXCLUDE, ParameterError, Question, TimeRangeError, check_interval, zone

__all__ = ["INTERVALS", "QUICK", "ZONE_COOKIE", "Quick", "View", "user_path", "written"]

ZONE_COOKIE: Final = "auditlog_tz"
"""The reader's own zone, as their browser told it."""

INTERVALS = (AUTO, "1m", "10m", "1h", "day", "week", "month")

_OWN = ("tz", "interval", "live", "open", "after")
_TEXT_MAX = 256


@dataclass(frozen=True, slots=True)
class Quick:
    """A time that one click asks for."""

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
    """A question, the zone it is shown in, and what is unfolded."""

    question: Question
    zone_name: str = "UTC"
    zone_shared: bool = False
    """The zone stands in the address, so that who follows the link sees the same hours."""
    zone_known: bool = False
    """Neither address nor cookie named a zone: the page asks the browser."""
    interval: str = AUTO
    live: bool = False
    opened: str | None = None
    """The id of the event that is unfolded."""
    after: str | None = None
    """Where the page before ended."""

    @classmethod
    def of(
        cls, pairs: Iterable[tuple[str, str]], *, cookie: str | None = None, default: str = "UTC"
    ) -> "View":
        """Read an address. Raises ParameterError.

        A cookie is the browser's word only: what is no zone in it counts as none.
        """
        given = list(pairs)
        own = {name: value[:_TEXT_MAX] for name, value in given if name in _OWN and value.strip()}
        shared, remembered = own.get("tz"), _known(cookie)
        return cls(
            Question.parse((name, value) for name, value in given if name not in _OWN),
            zone_name=_zone_of(shared) if shared else remembered or default,
            zone_shared=shared is not None,
            zone_known=shared is not None or remembered is not None,
            interval=_interval_of(own.get("interval", AUTO)),
            live=own.get("live") == "on",
            opened=own.get("open"),
            after=own.get("after"),
        )

    @property
    def zone(self) -> ZoneInfo:
        """The zone that times are read and shown in."""
        return ZoneInfo(self.zone_name)

    def asking(self, question: Question) -> "View":
        """Return the view with another question, from its first page on, and nothing unfolded."""
        return replace(self, question=question, opened=None, after=None)

    def link(self, path: str = "/", **more: str) -> str:
        """Return the address of this view; `more` are parameters that only that path knows."""
        pairs = [*self.question.pairs, *self.own(), *more.items()]
        return f"{path}?{urlencode(pairs)}" if pairs else path

    def anywhere(self, path: str, **more: str) -> str:
        """Return the address of another page, which takes over the zone alone."""
        return View(Question(), self.zone_name, zone_shared=self.zone_shared).link(path, **more)

    def with_(self, name: str, value: str) -> str:
        """Return the address with one more value."""
        return self.asking(self.question.with_(name, value)).link()

    def without(self, name: str, value: str | None = None) -> str:
        """Return the address with one value less."""
        return self.asking(self.question.without(name, value)).link()

    def only(self, name: str, value: str) -> str:
        """Return the address that asks for this value of a field alone."""
        return self.asking(self.question.without(name).with_(name, value)).link()

    def not_(self, name: str, value: str) -> str:
        """Return the address that leaves out what has this value."""
        kept = self.question.without(name, value)
        return self.asking(kept.with_(EXCLUDE + name, value)).link()

    def anew(self, name: str, value: str) -> str:
        """Return the address that asks for this value and nothing else, at any time."""
        return self.asking(Question().with_(name, value)).link()

    def between(self, start: datetime, end: datetime) -> str:
        """Return the address with the time from start to end."""
        question = self.question.with_("from", written(start)).with_("to", written(end))
        return self.asking(question).link()

    def since(self, start: str) -> str:
        """Return the address with the time from a relative start to now."""
        return self.asking(self.question.without("to").with_("from", start)).link()

    def any_time(self) -> str:
        """Return the address without a time."""
        return self.asking(self.question.without("from").without("to")).link()

    def drawn_by(self, interval: str) -> str:
        """Return the address with another interval."""
        return replace(self, interval=interval).link()

    def in_zone(self, name: str) -> str:
        """Return the address in another zone."""
        return replace(self, zone_name=name, zone_shared=True).link()

    def unfolding(self, event_id: str) -> str:
        """Return the address with an event unfolded, and with it in sight."""
        return f"{replace(self, opened=event_id).link()}#{quote('e-' + event_id)}"

    def details(self, event_id: str) -> str:
        """Return the address of an event's inside, with links that go on from this view."""
        return replace(self, opened=None, after=None, live=False).link(
            f"/events/{quote(event_id, safe='')}/details"
        )

    def unfolding_between(self, event_id: str, start: datetime, end: datetime) -> str:
        """Return the address of all events between two times, with one unfolded."""
        question = Question().with_("from", written(start)).with_("to", written(end))
        return self.asking(question).unfolding(event_id)

    def going_on(self, cursor: str, path: str = "/") -> str:
        """Return the address of the next page."""
        return replace(self, after=cursor, opened=None).link(path)

    def live_toggled(self) -> str:
        """Return the address that follows what comes, or no longer does."""
        return replace(self, live=not self.live, after=None).link()

    def own(self) -> list[tuple[str, str]]:
        """Return the parameters that are the page's own, beside the question."""
        pairs = [
            ("tz", self.zone_name if self.zone_shared else None),
            ("interval", self.interval if self.interval != AUTO else None),
            ("live", "on" if self.live else None),
            ("open", self.opened),
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


def written(moment: datetime) -> str:
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
