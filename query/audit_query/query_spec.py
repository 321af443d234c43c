"""A filter as people write it: in a URL, on the command line, in the page's address. Pure.

One table of names serves them all. Relative times stay as they were typed, so that a link to
`from=-24h` means the last day whenever it is opened.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from audit_query.errors import ParameterError, TimeRangeError, unknown_parameter
from audit_query.filter import Criteria, Filter
from audit_query.time_range import parse_time

__all__ = ["EXCLUDE", "NAMES", "PARAMETERS", "VALUE_MAX", "QuerySpec"]

PARAMETERS = {
    "user": "users",
    "effective_user": "effective_users",
    "activity": "activities",
    "outcome": "outcomes",
    "ip": "ips",
    "country": "countries",
    "asn": "asns",
    "list": "lists",
    "org": "organizations",
    "service": "services",
    "chat": "chats",
    "session": "sessions",
    "text": "text",
}
"""What a value is called in a URL, and the field of Criteria that it belongs to."""

EXCLUDE = "not_"
"""Before a name: events with the value are left out."""

NAMES = (*PARAMETERS, *(f"{EXCLUDE}{name}" for name in PARAMETERS), "from", "to")
"""All names, in the order that a query is written in."""

OUTCOMES = ("success", "failure", "unknown")
VALUE_MAX = 1000
"""Characters of one value: as many as Elasticsearch takes for the beginning of a label's value."""
_VALUES_MAX = 200
_TRIMMED = ("ip", "country", "asn", "list", "outcome", "from", "to")
"""In names and ids a space counts: a user who is called `Ada ` must not hide behind Ada."""


@dataclass(frozen=True, slots=True)
class QuerySpec:
    """Pairs of a name and a value, as typed, in order of NAMES and without repetitions."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, str]]) -> "QuerySpec":
        """Read a query; blank values are left out. Raises ParameterError.

        What only time can tell (whether from lies before to) is checked by `filter`.
        """
        kept: dict[tuple[str, str], None] = {}
        for name, value in pairs:
            text = value.strip() if name.removeprefix(EXCLUDE) in _TRIMMED else value
            _check(name, text)
            if text.strip():
                kept[name, text] = None
        for name in ("from", "to"):
            if sum(other == name for other, _ in kept) > 1:
                raise ParameterError(name, "give it once")
        if len(kept) > _VALUES_MAX:
            raise ParameterError(next(iter(kept))[0], f"give at most {_VALUES_MAX} values in all")
        return cls(tuple(sorted(kept, key=lambda pair: NAMES.index(pair[0]))))

    def filter(self, now: datetime) -> Filter:
        """Return the filter that it means at `now`, whose zone is that of times without one.

        Raises ParameterError.
        """
        start, end = self._time("from", now), self._time("to", now)
        if start is not None and end is not None and start >= end:
            raise ParameterError("from", f"{self.value('from')} is not before {self.value('to')}")
        return Filter(
            **self._criteria(""), start=start, end=end, exclude=Criteria(**self._criteria(EXCLUDE))
        )

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values that are given for a name."""
        return tuple(value for given, value in self.pairs if given == name)

    def value(self, name: str) -> str | None:
        """Return the first value that is given for a name."""
        return next(iter(self.values(name)), None)

    def with_(self, name: str, value: str) -> "QuerySpec":
        """Return the query with one value more; a time takes the place of the one before.

        A value that was excluded and is now wanted, or the other way round, is moved.
        """
        opposite = name.removeprefix(EXCLUDE) if name.startswith(EXCLUDE) else f"{EXCLUDE}{name}"
        others = [
            pair
            for pair in self.pairs
            if pair != (opposite, value) and not (name in ("from", "to") and pair[0] == name)
        ]
        return QuerySpec.parse([*others, (name, value)])

    def without(self, name: str, value: str | None = None) -> "QuerySpec":
        """Return the query less one value, or less all of a name."""
        return QuerySpec(
            tuple(p for p in self.pairs if p[0] != name or (value is not None and p[1] != value))
        )

    def _criteria(self, prefix: str) -> dict[str, tuple[str, ...]]:
        return {field: self.values(f"{prefix}{name}") for name, field in PARAMETERS.items()}

    def _time(self, name: str, now: datetime) -> datetime | None:
        text = self.value(name)
        if text is None:
            return None
        try:
            return parse_time(text, now)
        except TimeRangeError as error:
            raise ParameterError(name, str(error)) from None


def _check(name: str, value: str) -> None:
    if name not in NAMES:
        raise unknown_parameter(name, NAMES)
    if len(value) > VALUE_MAX:
        raise ParameterError(name, f"must have at most {VALUE_MAX} characters, not {len(value)}")
    if not value.strip():
        return
    if name.removeprefix(EXCLUDE) == "outcome" and value not in OUTCOMES:
        raise ParameterError(name, f"must be one of {', '.join(OUTCOMES)}, not {value!r}")
    if (plain := name.removeprefix(EXCLUDE)) in ("ip", "country", "asn", "text"):
        try:
            Criteria(**{PARAMETERS[plain]: (value,)})
        except ParameterError as error:
            raise ParameterError(name, error.reason) from None
