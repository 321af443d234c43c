"""Events as the rows of the table: Date and Time, User, IP Address, Activity. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from audit_query import PLACE_FIELDS, effective_user, place_label
from audit_schemas import printable

from audit_server.page.palette import usual_colour

__all__ = ["ROW_FIELDS", "DisplayTime", "Row", "display_time", "rows_of"]

ROW_FIELDS = (
    *("@timestamp", "event.id", "event.action", "event.outcome", "user", "source.ip"),
    *("audit.actor", "audit.user", "audit.chat.id", "audit.changes.field"),
    *("organization.id", "service.name", "audit.source.network"),
    *PLACE_FIELDS,
)
"""What of an event a row is made of, and what alerts group by, so that it may be marked.

A large event may have a thousand times as much.
"""


@dataclass(frozen=True, slots=True)
class DisplayTime:
    """A time: day, clock and milliseconds in the reader's zone, and the same in UTC."""

    day: str
    clock: str
    millis: str
    iso: str
    utc: str


@dataclass(frozen=True, slots=True)
class Row:
    """What a row shows; blank where nothing is known."""

    id: str
    at: DisplayTime
    user: str
    ip: str
    activity: str
    outcome: str
    colour: int
    target: str
    """What or whom it was done to: what the four columns alone would leave open."""
    effective: str | None = None
    """As whom, where somebody acted as another: as the event has it, to be filtered by."""
    place: str = ""
    """Whose network the address is in, and which country."""

    @property
    def acting(self) -> str:
        """Who did it, and as whom, in words."""
        return f"{self.user} as {printable(self.effective)}".lstrip() if self.effective else self.user

    @property
    def failed(self) -> bool:
        """Whether it has to stand out."""
        return self.outcome == "failure"


def display_time(at: datetime, zone: tzinfo) -> DisplayTime:
    """Return a time as the page writes it."""
    here, utc = at.astimezone(zone), at.astimezone(UTC)
    millis = f"{utc.microsecond // 1000:03}"
    return DisplayTime(
        f"{here:%Y-%m-%d}",
        f"{here:%H:%M:%S}",
        millis,
        f"{utc:%Y-%m-%dT%H:%M:%S}.{millis}Z",
        f"{utc:%Y-%m-%d %H:%M:%S}.{millis} UTC",
    )


def rows_of(
    events: Iterable[Mapping[str, Any]], zone: tzinfo, colours: Mapping[str, int]
) -> Sequence[Row]:
    """Return the rows of stored events, with the colours of the histogram where it has them."""
    return [_row(event, zone, colours) for event in events]


def _row(event: Mapping[str, Any], zone: tzinfo, colours: Mapping[str, int]) -> Row:
    activity = event["event"]["action"]
    return Row(
        event["event"]["id"],
        display_time(datetime.fromisoformat(event["@timestamp"]), zone),
        printable(event["audit"].get("user", "")),
        printable(event.get("source", {}).get("ip", "")),
        printable(activity),
        event["event"].get("outcome", "unknown"),
        colours.get(activity, usual_colour(activity)),
        _target(event),
        effective_user(event),
        place_label(event),
    )


def _target(event: Mapping[str, Any]) -> str:
    audit = event["audit"]
    whom = event.get("user", {}).get("target", {})
    if name := whom.get("name") or whom.get("id"):
        return printable(f"→ {name}")
    if changes := audit.get("changes"):
        fields = ", ".join(change["field"] for change in changes[:3])
        return printable(fields + (", …" if len(changes) > 3 else ""))  # noqa: PLR2004
    return printable(audit.get("chat", {}).get("id", ""))
