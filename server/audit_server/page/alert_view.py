"""Which alerts the page shows: filters and order, all of it part of the address. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, get_args
from urllib.parse import quote, urlencode

from audit_alerts import LEVELS, AlertFilter, AlertOrder, AlertStatus
from audit_query import ParameterError, TimeRangeError, parse_time, unknown_parameter

from audit_server.page.view import View

__all__ = ["ALERTS", "ANY", "FILTERS", "NOT_CLOSED", "ORDERS", "STATUSES", "AlertView", "alert_path"]

ALERTS: Final = "/alerts"
ANY = "any"
"""As a status: whatever it is."""
STATUSES = tuple(status.value for status in AlertStatus)
NOT_CLOSED = (AlertStatus.OPEN.value, AlertStatus.ACKNOWLEDGED.value)
"""What is shown where no status is asked for: what somebody still has to look at."""
ORDERS: tuple[AlertOrder, ...] = get_args(AlertOrder)
FILTERS = ("level", "status", "rule", "address", "user", "assignee", "org", "exception", "from", "to")
"""In the order of the form."""
_OWN = ("tz", "live", "after")
_VALUES_MAX = 50
_VALUE_MAX = 256
_CHOICES = {"level": LEVELS, "status": (*STATUSES, ANY)}

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AlertView:
    """Alerts that are asked for, in the zone of a view of the page."""

    view: View
    pairs: Pairs = ()
    order: AlertOrder = ORDERS[0]

    @classmethod
    def of(
        cls, pairs: Iterable[tuple[str, str]], *, cookie: str | None = None, default: str = "UTC"
    ) -> "AlertView":
        """Read an address; blank values are left out. Raises ParameterError."""
        own, kept, order = list[tuple[str, str]](), dict[tuple[str, str], None](), ORDERS[0]
        for name, value in pairs:
            text = value.strip()
            if name in _OWN:
                own.append((name, value))
            elif name == "order":
                order = _order(text) if text else order
            elif name not in FILTERS:
                raise unknown_parameter(name, (*FILTERS, "order", *_OWN))
            elif text:
                kept[name, _checked(name, text)] = None
        if len(kept) > _VALUES_MAX:
            raise ParameterError(next(iter(kept))[0], f"give at most {_VALUES_MAX} values in all")
        ordered = tuple(sorted(kept, key=lambda pair: FILTERS.index(pair[0])))
        return cls(View.of(own, cookie=cookie, default=default), ordered, order)

    def filter(self, now: datetime) -> AlertFilter:
        """Return which alerts that means at `now`, in the zone of the view. Raises ParameterError."""
        here = now.astimezone(self.view.zone)
        start, end = (_time(name, self.value(name), here) for name in ("from", "to"))
        if start is not None and end is not None and start >= end:
            raise ParameterError("from", f"{self.value('from')} is not before {self.value('to')}")
        return AlertFilter(
            levels=self.values("level"),
            rules=self.values("rule"),
            statuses=self.statuses,
            addresses=self.values("address"),
            users=self.values("user"),
            assignees=self.values("assignee"),
            organizations=self.values("org"),
            exceptions=self.values("exception"),
            start=start,
            end=end,
        )

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values that are given for a filter."""
        return tuple(value for given, value in self.pairs if given == name)

    def value(self, name: str) -> str:
        """Return the first value of a filter, or nothing."""
        return next(iter(self.values(name)), "")

    @property
    def statuses(self) -> tuple[str, ...]:
        """The statuses that are asked for."""
        given = self.values("status")
        return STATUSES if ANY in given else given or NOT_CLOSED

    def link(self, path: str = ALERTS) -> str:
        """Return the address of this list."""
        order = [("order", self.order)] if self.order != ORDERS[0] else []
        pairs = [*self.pairs, *order, *self.view.own()]
        return f"{path}?{urlencode(pairs)}" if pairs else path

    def without(self, name: str, value: str | None = None) -> str:
        """Return the address with one value less, or none of a filter."""
        kept = [p for p in self.pairs if p[0] != name or (value is not None and p[1] != value)]
        return self.asking(*kept).link()

    def asking(self, *pairs: tuple[str, str]) -> "AlertView":
        """Return the view of other alerts, from the first page on."""
        return replace(self, pairs=pairs, view=replace(self.view, after=None))

    def ordered(self, order: AlertOrder) -> str:
        """Return the address in another order."""
        return replace(self.asking(*self.pairs), order=order).link()

    def live_toggled(self) -> str:
        """Return the address with the live refresh switched on, or off."""
        return replace(self, view=replace(self.view, live=not self.view.live, after=None)).link()

    def next_page(self, cursor: str) -> str:
        """Return the address of the next page."""
        return replace(self, view=replace(self.view, after=cursor)).link()

    def first_page(self) -> str:
        """Return the address of the first page."""
        return self.asking(*self.pairs).link()


def alert_path(alert_id: str) -> str:
    """Return the address of an alert's own page."""
    return f"{ALERTS}/{quote(alert_id, safe='')}"


def _checked(name: str, value: str) -> str:
    choices = _CHOICES.get(name)
    if choices is not None and value not in choices:
        raise ParameterError(name, f"must be one of {', '.join(choices)}, not {value[:64]!r}")
    if len(value) > _VALUE_MAX:
        raise ParameterError(name, f"must have at most {_VALUE_MAX} characters, not {len(value)}")
    return value


def _order(text: str) -> AlertOrder:
    for order in ORDERS:
        if order == text:
            return order
    raise ParameterError("order", f"must be one of {', '.join(ORDERS)}, not {text[:64]!r}")


def _time(name: str, text: str, here: datetime) -> datetime | None:
    if not text:
        return None
    try:
        return parse_time(text, here)
    except TimeRangeError as error:
        raise ParameterError(name, str(error)) from None
