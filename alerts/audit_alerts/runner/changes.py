"""What a step does to the alerts: plain data, complete before the first alert is written. Pure.

Moments that fired are joined to episodes, none further from the next than the rule's timespan, and the
episodes of a group to alerts, none further from the next than the rule's alert span. Both are the same
for whatever order the events are found in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from audit_alerts.episodes import FiringSpan, joined
from audit_alerts.evidence import Evidence
from audit_alerts.matches import GroupValues
from audit_alerts.runner.parts import Part
from audit_alerts.runner.stored_alert import StoredAlert

__all__ = [
    "AlertChange",
    "AlertTarget",
    "EpisodeTarget",
    "ExistingAlerts",
    "Spans",
    "has_episode",
    "targets_of",
]

Spans = Mapping[GroupValues, Sequence[FiringSpan]]
"""When a rule fired, by group."""
ExistingAlerts = Mapping[GroupValues, Sequence[StoredAlert]]
"""Alerts that may go on, by group."""


@dataclass(frozen=True, slots=True)
class EpisodeTarget:
    """An episode that has something new, whose evidence is to be read."""

    group: GroupValues
    span: FiringSpan


@dataclass(frozen=True, slots=True)
class AlertTarget:
    """Episodes that fired, joined with the alerts that they belong to."""

    group: GroupValues
    fired: tuple[FiringSpan, ...]
    """Those with something new, each joined with the known parts that it touches."""
    known: tuple[Part, ...]
    """All parts of these alerts, before; each once."""
    existing: StoredAlert | None
    """The one that stays: the earliest of those that are not over; None: the alert is new."""
    absorbed: tuple[StoredAlert, ...]
    """The others, which turned out to be parts of that one."""


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What becomes of an alert: which one it is, and the evidence of each episode that fired."""

    target: AlertTarget
    evidence: tuple[Evidence, ...]


def targets_of(existing: ExistingAlerts, spans: Spans, gap: int, alert_span: int) -> list[AlertTarget]:
    """Return what spans that fired do to the alerts of their groups."""
    return [
        target
        for group, fired in spans.items()
        for target in _targets(group, existing.get(group, ()), fired, gap, alert_span)
    ]


def has_episode(existing: Sequence[StoredAlert], span: FiringSpan, gap: int) -> bool:
    """Tell whether there is an episode of an alert that a span belongs to."""
    return any(
        part.span.last >= span.first - gap and part.span.first <= span.last + gap
        for alert in existing
        for part in alert.parts
    )


def _targets(
    group: GroupValues,
    existing: Sequence[StoredAlert],
    fired: Sequence[FiringSpan],
    gap: int,
    alert_span: int,
) -> Iterator[AlertTarget]:
    for whole in joined([alert.span for alert in existing], fired, max(gap, alert_span)):
        fresh = [span for span in fired if span.first <= whole.last and span.last >= whole.first]
        if not fresh:
            continue
        alerts = sorted(
            (alert for alert in existing if whole.first <= alert.span.first <= whole.last),
            key=lambda alert: (alert.rank, alert.span.first, alert.id),
        )
        known = _distinct(part for alert in alerts for part in alert.parts)
        episodes = tuple(
            span
            for span in joined([part.span for part in known], fresh, gap)
            if any(each.first <= span.last and each.last >= span.first for each in fresh)
        )
        yield AlertTarget(group, episodes, known, alerts[0] if alerts else None, tuple(alerts[1:]))


def _distinct(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return the parts without those that lie within others, in order of time.

    Where a merge was cut short, the alert that stays has the parts of the other one already.
    """
    found: list[Part] = []
    for part in sorted(parts, key=lambda part: (part.span.first, -part.span.last, -part.count)):
        if not found or part.span.last > found[-1].span.last:
            found.append(part)
    return tuple(found)
