"""Moments that fired, put together: one alert for one group while it lasts. Pure."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audit_alerts.matches import GroupValues, Match

__all__ = ["SAMPLES", "Episode", "EpisodeEvents", "FiringSpan", "joined", "samples_of"]

SAMPLES = 10
"""Events that an alert shows, at most: the first half of them, and the last."""


@dataclass(frozen=True, slots=True)
class FiringSpan:
    """Moments that fired, none further from the next than the rule's timespan."""

    since: int
    """When what the first moment saw began."""
    first: int
    """The first moment that fired."""
    last: int
    size: int
    """The most that any one window held."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert: what fired for which group, from when to when, and by which events."""

    rule: str
    group_by: tuple[str, ...]
    group: GroupValues
    since: int
    fired: int
    """The first moment at which the rule was fulfilled."""
    last: int
    count: int
    """Events of the group that the rule looks at, from since to last."""
    size: int
    """The most that any one window held: matches, values or parts, as the rule counts."""
    samples: tuple[str, ...]
    """Ids of some of these events, in order of time."""

    @property
    def key(self) -> str:
        """The group in words, without what is not known."""
        pairs = zip(self.group_by, self.group, strict=True)
        return ", ".join(f"{name}={value}" for name, value in pairs if value is not None)


def joined(known: Iterable[FiringSpan], found: Iterable[FiringSpan], gap: int) -> list[FiringSpan]:
    """Return the spans that two sets of spans form together, in order of time.

    This is all there is to late events: evaluated again around them, and joined to what was known,
    they give the spans that all events at once would have given. With more events, a window begins no
    later and holds no less.
    """
    ordered = sorted([*known, *found], key=lambda span: (span.first, span.since, span.last))
    result: list[FiringSpan] = []
    for span in ordered:
        if result and span.first - result[-1].last <= gap:
            before = result[-1]
            since = min(before.since, span.since)
            last, size = max(before.last, span.last), max(before.size, span.size)
            result[-1] = FiringSpan(since, before.first, last, size)
        else:
            result.append(span)
    return result


class EpisodeEvents:
    """Gathers a span's events, given in order of time: how many, the first of them and the last."""

    def __init__(self, span: FiringSpan) -> None:
        self._span = span
        self._count = 0
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=SAMPLES // 2)
        self._latest: str | None = None

    def add(self, match: Match) -> None:
        """Take an event into account if it is within the span; one that several parts found, once."""
        if not self._span.since <= match.at <= self._span.last or match.id == self._latest:
            return
        self._latest = match.id
        self._count += 1
        if self._count <= SAMPLES // 2:
            self._first.append(match.id)
        else:
            self._last.append(match.id)

    def episode(self, rule: str, group_by: tuple[str, ...], group: GroupValues) -> Episode:
        """Return the episode that they make."""
        span = self._span
        samples = (*self._first, *self._last)
        return Episode(
            *(rule, group_by, group, span.since, span.first, span.last),
            count=self._count,
            size=span.size,
            samples=samples,
        )


def samples_of(ids: Sequence[str]) -> tuple[str, ...]:
    """Return those of many ids that an alert shows."""
    if len(ids) <= SAMPLES:
        return tuple(ids)
    return (*ids[: SAMPLES // 2], *ids[-SAMPLES // 2 :])
