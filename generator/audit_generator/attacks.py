"""Attacks laid over normal traffic, with labels that say who did what: the truth to judge rules by.

The same traffic and seed give the same events and labels, byte for byte.
"""

import heapq
import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from audit_producer import new_event
from audit_schemas import AuditEvent, format_timestamp, network_of, parse_timestamp

from audit_generator.everyday import EVERYDAY
from audit_generator.intrusions import INTRUSIONS
from audit_generator.story import Cast, Story
from audit_generator.traffic import Traffic

__all__ = ["Attacks", "Label"]

_WEEK = timedelta(days=7)
_TRIES = 200
_MANY = 8
"""Addresses of which no single one explains an attack."""
_SERVICE = "chat-api"


@dataclass(frozen=True, slots=True)
class Label:
    """What happened, from when to when, and who was in it."""

    kind: str
    is_attack: bool
    is_announced: bool
    """Exceptions hold for its addresses."""
    says: str
    start: datetime
    end: datetime
    events: int
    addresses: tuple[str, ...]
    networks: tuple[str, ...]
    users: tuple[str, ...]
    services: tuple[str, ...]
    """Those that were silent."""
    attacked: tuple[str, ...]
    """Those whose logins were tried from so many addresses that their number alone stands out."""
    reasons: tuple[str, ...]

    def fields(self) -> dict[str, Any]:
        """Return it for a file."""
        times = {"start": format_timestamp(self.start), "end": format_timestamp(self.end)}
        return asdict(self) | times


@dataclass(frozen=True)
class Attacks:
    """A traffic's events with attacks and near misses laid over its last seven days.

    Every kind of attack comes once or twice, each with numbers, names and addresses of its own; the
    traffic's own attack is left out. `labels` says which they were.
    """

    traffic: Traffic

    @property
    def labels(self) -> list[Label]:
        """Return what was laid over it, in order of time."""
        return sorted((label for label, _ in self._placed), key=lambda label: label.start)

    def __iter__(self) -> Iterator[AuditEvent]:
        """Yield the events in order of time."""
        quiet = [(label.start, label.end, label.services) for label in self.labels if label.services]
        normal = (event for event in self._calm if not _is_lost(event, quiet))
        added = sorted(
            ((label.start + timedelta(seconds=at), fields) for label, story in self._placed
             for at, fields in story.steps), key=lambda step: step[0],
        )  # fmt: skip
        rng = self._rng("ids")
        made = (_event(at, fields, rng) for at, fields in added)
        return heapq.merge(normal, made, key=lambda event: event.timestamp)

    @property
    def start(self) -> datetime:
        """When the attacks begin; what is before is history."""
        return self.traffic.end - _WEEK

    @property
    def _calm(self) -> Traffic:
        return replace(self.traffic, attack=False)

    @cached_property
    def _placed(self) -> list[tuple[Label, Story]]:
        """Return the stories and when they are, none while a service is silent."""
        rng = self._rng("attacks")
        cast = Cast(rng, self._calm.staff())
        kinds = _chosen(rng)
        # Silences first: whatever else happens has to find a place beside them.
        stories = sorted(
            ((name, make(cast)) for name, make in kinds), key=lambda pair: pair[1].silent is None
        )
        placed: list[tuple[Label, Story]] = []
        for kind, story in stories:
            begin = self._begin(rng, story, [label for label, told in placed if told.silent])
            if begin is not None:
                placed.append((_label(kind, story, begin), story))
        return placed

    def _begin(self, rng: random.Random, story: Story, silences: list[Label]) -> datetime | None:
        """Return a time at which there is room for a story; None if none was found."""
        length = timedelta(seconds=story.seconds + 1)
        for _ in range(_TRIES):
            begin = self.start + rng.random() * _WEEK
            if story.hours is not None:
                first, last = story.hours
                hour = first + rng.random() * ((last - first) % 24)
                begin = begin.replace(hour=0, minute=0, second=0) + timedelta(hours=hour % 24)
            ends = begin + length
            room = timedelta(hours=1) if story.silent else timedelta(0)
            is_free = all(ends + room < other.start or begin > other.end + room for other in silences)
            if self.start <= begin and ends < self.traffic.end and is_free:
                return begin
        return None

    def _rng(self, what: str) -> random.Random:
        return random.Random(f"{what} {self.traffic!r}")  # noqa: S311 - to be repeated, not secret


def _chosen(rng: random.Random) -> list[tuple[str, Any]]:
    """Return the kinds of this seed: every attack once or twice, the rest once."""
    often = [pair for pair in INTRUSIONS.items() for _ in range(rng.choice((1, 1, 2)))]
    return [*often, *EVERYDAY.items()]


def _label(kind: str, story: Story, begin: datetime) -> Label:
    found = {str(fields["ip"]): None for _, fields in story.steps if fields.get("ip")}
    refused = [fields for _, fields in story.steps if fields["action"] == "login-failed"]
    tried = [fields["user"]["name"] for fields in refused]
    services = tuple({fields.get("service", _SERVICE): None for fields in refused})
    return Label(
        kind=kind,
        is_attack=kind not in EVERYDAY,
        is_announced=story.is_announced,
        says=story.says,
        start=begin,
        end=begin + timedelta(seconds=story.seconds),
        events=len(story.steps),
        addresses=tuple(found),
        networks=tuple(dict.fromkeys(map(network_of, found))),
        users=tuple(dict.fromkeys((*story.users, *tried))),
        services=(story.silent[0],) if story.silent else (),
        attacked=services if len(found) >= _MANY else (),
        reasons=story.reasons,
    )


def _event(at: datetime, fields: Mapping[str, Any], rng: random.Random) -> AuditEvent:
    named = {"event_id": f"story-{rng.getrandbits(96):024x}"}
    house = {"service": _SERVICE, "organization": "acme"}
    return new_event(**{**house, **named, **fields}, at=at)


def _is_lost(event: AuditEvent, quiet: list[tuple[datetime, datetime, tuple[str, ...]]]) -> bool:
    if not quiet:
        return False
    at = parse_timestamp(event.timestamp).astimezone(UTC)
    service = event.service.name if event.service else ""
    return any(first <= at < last and service in services for first, last, services in quiet)
