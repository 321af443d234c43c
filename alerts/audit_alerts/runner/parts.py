"""The episodes of an alert: each with when it fired, and by which events. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from audit_schemas import format_timestamp

from audit_alerts.episodes import FiringSpan, samples_of
from audit_alerts.evidence import Evidence
from audit_alerts.times import as_time, in_millis

__all__ = ["PARTS_MAX", "Part", "part_from", "parts_after"]

PARTS_MAX = 50
"""Parts that an alert keeps apart; beyond, the oldest become one."""


@dataclass(frozen=True, slots=True)
class Part:
    """An episode of an alert."""

    span: FiringSpan
    count: int
    samples: tuple[str, ...] = ()
    sole_organization: str | None = None
    """The one that all its events are of; None: there is no such one."""
    episodes: int = 1
    """More than one: the oldest of many, taken together."""

    def to_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        since, first, last = (
            format_timestamp(as_time(at)) for at in (self.span.since, self.span.first, self.span.last)
        )
        found = {
            "since": since,
            "first": first,
            "last": last,
            "count": self.count,
            "size": self.span.size,
            "samples": list(self.samples),
        }
        if self.sole_organization is not None:
            found["sole_organization"] = self.sole_organization
        if self.episodes > 1:
            found["episodes"] = self.episodes
        return found


def part_from(found: Mapping[str, Any]) -> Part:
    """Return a part that was stored."""
    since, first, last = (in_millis(found[name]) for name in ("since", "first", "last"))
    return Part(
        FiringSpan(since, first, last, found["size"]),
        found["count"],
        tuple(found.get("samples", ())),
        found.get("sole_organization"),
        found.get("episodes", 1),
    )


def parts_after(
    known: Iterable[Part], fired: Sequence[FiringSpan], evidence: Sequence[Evidence]
) -> list[Part]:
    """Return all parts after some have fired, in order of time, at most 50.

    Evidence only grows: a runner that stalled saw less than is stored.
    """
    parts = list(known)
    made: list[Part] = []
    for span, found in zip(fired, evidence, strict=True):
        before = [part for part in parts if _touches(part.span, span)]
        parts = [part for part in parts if not _touches(part.span, span)]
        made.append(_grown(span, found, before))
    return _bounded(sorted([*parts, *made], key=lambda part: (part.span.first, part.span.last)))


def _grown(span: FiringSpan, found: Evidence, before: Sequence[Part]) -> Part:
    episodes = max((part.episodes for part in before), default=1)
    if found.count < sum(part.count for part in before):
        return replace(_together(before), span=span, episodes=episodes)
    return Part(span, found.count, tuple(found.samples), found.sole_organization, episodes)


def _together(parts: Sequence[Part]) -> Part:
    spans = [part.span for part in parts]
    owners = {part.sole_organization for part in parts}
    return Part(
        FiringSpan(
            min(span.since for span in spans),
            min(span.first for span in spans),
            max(span.last for span in spans),
            max(span.size for span in spans),
        ),
        sum(part.count for part in parts),
        samples_of([sample for part in parts for sample in part.samples]),
        owners.pop() if len(owners) == 1 else None,
        sum(part.episodes for part in parts),
    )


def _bounded(parts: list[Part]) -> list[Part]:
    excess = len(parts) - PARTS_MAX
    return [_together(parts[: excess + 1]), *parts[excess + 1 :]] if excess > 0 else parts


def _touches(part: FiringSpan, span: FiringSpan) -> bool:
    return part.first <= span.last and part.last >= span.first
