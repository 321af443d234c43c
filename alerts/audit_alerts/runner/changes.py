"""What a step does to the alerts: plain data, complete before the first alert is written. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from audit_alerts.episodes import FiringSpan, joined
from audit_alerts.matches import GroupValues
from audit_alerts.runner.alert import StoredAlert
from audit_alerts.runner.evidence import Evidence

__all__ = ["AlertChange", "AlertTarget", "ExistingAlerts", "Spans", "has_alert", "targets_of"]

Spans = Mapping[GroupValues, Sequence[FiringSpan]]
"""When a rule fired, by group."""
ExistingAlerts = Mapping[GroupValues, Sequence[StoredAlert]]
"""Open alerts, by group."""


@dataclass(frozen=True, slots=True)
class AlertTarget:
    """A span that fired, joined with the alerts that it belongs to."""

    group: GroupValues
    span: FiringSpan
    existing: StoredAlert | None
    """The earliest of these alerts, which stays; None: the alert is new."""
    absorbed: tuple[StoredAlert, ...]
    """The others, which turned out to be parts of that one."""


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What becomes of an alert: which one it is, and what it shows from now on."""

    target: AlertTarget
    evidence: Evidence


def targets_of(existing: ExistingAlerts, spans: Spans, gap: int) -> list[AlertTarget]:
    """Return what spans that fired do to the alerts of their groups."""
    return [
        target
        for group, fired in spans.items()
        for target in _targets(group, existing.get(group, ()), fired, gap)
    ]


def has_alert(existing: Sequence[StoredAlert], span: FiringSpan, gap: int) -> bool:
    """Tell whether there is an alert that a span belongs to."""
    return any(
        alert.span.last >= span.first - gap and alert.span.first <= span.last + gap
        for alert in existing
    )


def _targets(
    group: GroupValues, existing: Sequence[StoredAlert], fired: Sequence[FiringSpan], gap: int
) -> Iterator[AlertTarget]:
    for span in joined([alert.span for alert in existing], fired, gap):
        if not any(each.first <= span.last and each.last >= span.first for each in fired):
            continue
        parts = sorted(
            (alert for alert in existing if span.first <= alert.span.first <= span.last),
            key=lambda alert: (alert.span.first, alert.id),
        )
        yield AlertTarget(group, span, parts[0] if parts else None, tuple(parts[1:]))
