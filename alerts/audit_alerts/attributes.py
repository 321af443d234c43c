"""What our rules say beyond Sigma, under the key `auditlog`: the edge where YAML becomes types."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "AbsenceSpec",
    "Attributes",
    "Example",
    "Examples",
    "ImpossibleTravelSpec",
    "NewTermsSpec",
    "PlaceSpec",
    "SeenSpec",
    "SurgeSpec",
    "UnusualHoursSpec",
    "milliseconds",
]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST = 3660 * 86_400
_DAY = 86_400_000
_DAYS_MAX = 366


def milliseconds(span: str) -> int:
    """Return the length of a span such as 90s, 5m, 2h, 3d8h, 1w. Raises ValueError.

    Months and years have no one length, so they are refused, as is more than ten years.
    """
    if re.fullmatch(r"(?:[0-9]{1,6}[smhdw])+", span) is None:
        raise ValueError(f"{span!r} is not a duration such as 90s, 5m, 2h, 3d8h")
    steps = re.findall(r"([0-9]+)([smhdw])", span)
    seconds = sum(int(number) * _UNITS[unit] for number, unit in steps)
    if seconds > _LONGEST:
        raise ValueError(f"{span} is longer than ten years")
    return seconds * 1000


def _positive(span: str) -> str:
    if milliseconds(span) == 0:
        raise ValueError("must be longer than nothing")
    return span


def _offset(span: str) -> str:
    milliseconds(span)
    return span


_Days = Annotated[int, Field(ge=1, le=_DAYS_MAX)]
PositiveDuration = Annotated[str, AfterValidator(_positive)]
Duration = Annotated[str, AfterValidator(_offset)]


class _Part(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, populate_by_name=True, defer_build=True
    )


class NewTermsSpec(_Part):
    """Only events whose value of `field` is new for their group."""

    field: str
    by: list[str] = Field(min_length=1)
    history: PositiveDuration


class UnusualHoursSpec(_Part):
    """Only events at hours at which their group is never active."""

    by: list[str] = Field(min_length=1)
    history: PositiveDuration
    days: int = Field(ge=2, le=_DAYS_MAX)
    margin: PositiveDuration
    shift: PositiveDuration


class ImpossibleTravelSpec(_Part):
    """Only events too far from their group's event before."""

    by: list[str] = Field(min_length=1)
    speed: int = Field(ge=100, le=100_000)
    """In km/h."""
    distance: int = Field(ge=0, le=20_000)
    """In km."""


class SeenSpec(_Part):
    """Events whose group had events of another document in the time before."""

    rule: str = Field(min_length=1)
    by: list[str] = Field(min_length=1)
    history: PositiveDuration
    lag: PositiveDuration | None = None
    field: str | None = None
    least: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _counts_values(self) -> Self:
        if (self.least > 1) != (self.field is not None):
            raise ValueError("field and least (2 or more) belong together")
        if milliseconds(self.history) < _DAY + milliseconds(self.lag or "0s"):
            raise ValueError("history has to be a day or longer, and longer than lag by a day")
        return self


class SurgeSpec(_Part):
    """Far more than at this time of each of the days before."""

    days: _Days
    factor: int = Field(ge=2, le=1000)


class AbsenceSpec(_Part):
    """A group that normally has events, and has none."""

    by: list[str] = Field(min_length=1)
    after: PositiveDuration
    days: _Days | Annotated[list[_Days], Field(min_length=1)]
    """Each of so many days before, or those that are so many days ago."""
    least: int = Field(ge=1)

    def compared(self) -> tuple[int, ...]:
        """Return how many days ago those are."""
        days = self.days
        return tuple(sorted(set(days))) if isinstance(days, list) else tuple(range(1, days + 1))


class PlaceSpec(_Part):
    """What databases say of an address."""

    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    as_number: int | None = Field(None, alias="as")
    as_name: str | None = Field(None, alias="owner")


class Example(_Part):
    """Events that must, or must not, fire the rule.

    A line of `events` is fields by their paths, `at` (when, from the example's beginning, a Monday's
    midnight in UTC), and perhaps `times`, `every` and `place`; {n} in a value counts these from 0.
    """

    says: str = Field(min_length=1)
    events: list[dict[str, Any]]
    until: Duration | None = None
    """How far the log is known; by default as far as the last event."""
    group: dict[str, str] | None = None
    """The group that must fire; by default any, but one alone."""


class Examples(_Part):
    """Both kinds."""

    fires: list[Example] = Field(min_length=1)
    silent: list[Example] = Field(min_length=1)
    lists: dict[str, list[str]] = {}
    """What is on the rule's lists in the examples."""
    places: dict[str, PlaceSpec] = {}
    """Where an event's address is, for lines that say `place`."""


class Attributes(_Part):
    """All of it. A document has what fits it."""

    reasons: dict[str, str] = {}
    what_to_do: str | None = Field(None, alias="what-to-do", min_length=1)
    examples: Examples | None = None
    new_terms: NewTermsSpec | None = Field(None, alias="new-terms")
    unusual_hours: UnusualHoursSpec | None = Field(None, alias="unusual-hours")
    impossible_travel: ImpossibleTravelSpec | None = Field(None, alias="impossible-travel")
    absence: AbsenceSpec | None = None
    unless_seen: list[SeenSpec] = Field([], alias="unless-seen")
    if_seen: list[SeenSpec] = Field([], alias="if-seen")
    cell: PositiveDuration | None = None
    surge: SurgeSpec | None = None
    alert_span: PositiveDuration | None = Field(None, alias="alert-span")
    """How far apart episodes of one group may be that belong to one alert; a day, if left out."""
    includes: list[str] = []
    """Rules whose alerts are parts of this one's, where both are of one group at the same time."""
    optional_lists: list[str] = Field([], alias="optional-lists")
    """Lists of the rule that need not exist."""

    def thresholds(self) -> set[str]:
        """Return what a condition's numbers are called, each of which needs a reason."""
        seen = {"unless-seen": self.unless_seen, "if-seen": self.if_seen}
        found = {name for name, specs in seen.items() if specs}
        for condition in (self.new_terms, self.unusual_hours, self.impossible_travel, self.absence):
            if condition is not None:
                found |= set(type(condition).model_fields) - {"field", "by"}
        return found

    def correlation_thresholds(self) -> set[str]:
        """Return those of what a correlation has beyond Sigma."""
        found = {"cell"} if self.cell is not None else set()
        return found | (set(SurgeSpec.model_fields) if self.surge is not None else set())
