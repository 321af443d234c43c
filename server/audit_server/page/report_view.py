"""What a report shows: a period, the one before it, a team, an order. All in the address. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote, urlencode

from audit_query import AUTO, Filter, ParameterError, QuerySpec, Teams
from audit_query.reports import Person, period_before

from audit_server.page.view import View, format_time

__all__ = ["DECIDED", "OWN", "RANGES", "Period", "ReportView", "split_sort"]

DECIDED = "/reports/chats/objective"
OWN = ("sort", "team", "compare")
"""Parameters of reports alone."""
RANGES = (("24 h", "-24h"), ("7 d", "-7d"), ("30 d", "-30d"), ("Today", "today"))
_DEFAULT = "-7d"
_TEXT_MAX = 256
_HOURS_MAX = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Period:
    """A time with both of its ends, what is asked for in it, and in the time before it."""

    wanted: Filter
    start: datetime
    end: datetime

    @property
    def before(self) -> Filter:
        """The same in the time of the same length that ends where this one begins."""
        before = period_before(replace(self.wanted, start=self.start, end=self.end), self.end)
        assert before is not None  # noqa: S101 - a period has a length
        return before


@dataclass(frozen=True, slots=True)
class ReportView:
    """A view of a report: its links keep all of it but what they change."""

    view: View
    path: str
    sort: str = ""
    team: str | None = None
    compare: str = ""
    """yes: also with the waits of the time before, whatever that costs."""

    @classmethod
    def of(cls, view: View, path: str, given: Iterable[tuple[str, str]]) -> "ReportView":
        """Read what is a report's own. The last week, where no time is given."""
        own = {name: value[:_TEXT_MAX] for name, value in given if name in OWN and value.strip()}
        spec = view.spec
        if spec.value("from") is None and spec.value("to") is None:
            view = replace(view, spec=spec.with_("from", _DEFAULT))
        return cls(view, path, own.get("sort", ""), own.get("team"), own.get("compare", ""))

    @property
    def is_compared(self) -> bool:
        """Whether the waits of the time before are asked for."""
        return self.compare == "yes"

    def compared(self) -> str:
        """Return the address with the waits of the time before."""
        return replace(self, compare="yes").link()

    def period(self, now: datetime, teams: Teams) -> Period:
        """Return the time at `now`, with the team's users among its filter. Raises ParameterError."""
        wanted = self.view.spec.filter(now.astimezone(self.view.zone))
        end = wanted.end or now
        start = wanted.start or end - timedelta(days=7)
        if start >= end:
            raise ParameterError("from", "must be in the past")
        if self.team is not None:
            wanted = replace(wanted, users=(*wanted.users, *teams.users(self.team)))
        return Period(replace(wanted, start=start, end=end), start, end)

    def interval(self, period: Period) -> Literal["hour", "day"]:
        """Return the interval of the buckets: what is asked for, unless that would be too many.

        Raises ParameterError.
        """
        asked = self.view.interval
        if asked not in (AUTO, "hour", "day"):
            raise ParameterError("interval", f"must be hour or day, not {asked}")
        length = period.end - period.start
        if length > _HOURS_MAX:
            return "day"
        return "hour" if asked == "hour" or (asked == AUTO and length <= timedelta(days=2)) else "day"

    @property
    def key(self) -> str:
        """What the view asks for, for whoever remembers answers: all but the order and the report."""
        return replace(self, sort="", compare="", path="/").link()

    def link(self, path: str | None = None, **more: str) -> str:
        """Return the address of this view, or of another report of the same."""
        own = {name: value for name in OWN if (value := getattr(self, name))}
        return self.view.link(path or self.path, **own | more)

    def to_api(self, report: str, period: Period, **more: str) -> str:
        """Return the address of the same in the API, with the times that the page was made for."""
        own = {"time_zone": self.view.zone_name} | ({"team": self.team} if self.team else {}) | more
        return View(self._between(period)).link(f"/api/v1/reports/{report}", **own)

    def sorted_by(self, name: str, current: str) -> str:
        """Return the address in the order of a column, and the other way round if it is in it."""
        turned = {name: f"-{name}", f"-{name}": name}.get(current)
        first = name if name == "user" else f"-{name}"
        return replace(self, sort=turned or first).link()

    def of_team(self, team: str | None) -> str:
        """Return the address with the figures of one team, or of all."""
        return replace(self, team=team).link()

    def less(self, name: str, value: str) -> str:
        """Return the address with one filter less."""
        spec = self.view.spec.without(name, value)
        return replace(self, view=self.view.with_spec(spec)).link()

    def since(self, start: str) -> str:
        """Return the address with the time from a relative start to now."""
        spec = self.view.spec.without("to").with_("from", start)
        return replace(self, view=self.view.with_spec(spec)).link()

    def with_interval(self, interval: str) -> str:
        """Return the address with another interval."""
        return replace(self, view=replace(self.view, interval=interval)).link()

    def to_events(self, period: Period, **filters: str | None) -> str:
        """Return the address of the events of the period with these values besides."""
        spec = self._between(period)
        for name, value in filters.items():
            if value is not None:
                spec = spec.without(name).with_(name, value)
        return self._bare().with_spec(spec).link()

    def to_chats(self, period: Period, person: Person | None = None) -> str:
        """Return the address of the report of chats, of one person's if there is one."""
        spec = self._between(period)
        if person is not None and person.user is not None:
            spec = spec.without("user").with_("user", person.user)
        return replace(self, view=self._bare().with_spec(spec), sort="").link("/reports/chats")

    def to_decided(self, period: Period, objective: str, **more: str) -> str:
        """Return the address of the chats of the period that met an objective, or missed it."""
        view = self._bare().with_spec(self._between(period))
        found = replace(self, view=view, sort="", compare="")
        return found.link(DECIDED, objective=objective, **more)

    def to_user(self, user: str) -> str:
        """Return the address of somebody's sessions in the same time."""
        kept = [pair for pair in self.view.spec.pairs if pair[0] in ("from", "to", "org")]
        pairs = [*kept, *(pair for pair in self._bare().own() if pair[0] == "tz")]
        if user in (".", ".."):  # browsers resolve them in a path
            return f"/reports/users/?{urlencode([*pairs, ('name', user)])}"
        return f"/reports/users/{quote(user, safe='')}?{urlencode(pairs)}"

    def _between(self, period: Period) -> QuerySpec:
        spec = self.view.spec.with_("from", format_time(period.start))
        return spec.with_("to", format_time(period.end))

    def _bare(self) -> View:
        return replace(self.view, interval=AUTO, live=False)


def split_sort(text: str, columns: Sequence[str], default: str) -> tuple[str, bool]:
    """Return the column that a table is sorted by, and whether from the most on."""
    name = text.removeprefix("-")
    if name not in columns:
        text = default
    return text.removeprefix("-"), text.startswith("-")
