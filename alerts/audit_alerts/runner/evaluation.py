"""The evaluation of one step of one rule: it reads, and writes nothing."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from audit_query import AuditLog

from audit_alerts.evidence import Evidence
from audit_alerts.log_reader import LogReader, RuleFilter
from audit_alerts.plan import Absence, LogSource, Rule
from audit_alerts.runner.absence_step import AbsenceStep
from audit_alerts.runner.changes import (
    AlertChange,
    EpisodeTarget,
    ExistingAlerts,
    Spans,
    targets_of,
)
from audit_alerts.runner.dead_letter_step import DeadLetterStep
from audit_alerts.runner.event_step import EventStep

__all__ = ["Alerts", "EventSource", "RuleStep", "changes_of", "reads_dead_letters", "rule_step"]


class EventSource(Protocol):
    """What the runner asks of Kafka."""

    def ingest_watermark(self) -> int:
        """Return up to when all that was ingested can be found, in milliseconds."""
        ...

    def dead_letters(self, start: int, end: int) -> Iterable[dict[str, Any]]:
        """Return the headers of the dead letters that Kafka took from one time to before another."""
        ...


class Alerts(Protocol):
    """What the evaluation asks of the alerts."""

    def existing(self, rule: Rule, spans: Spans, gap: int) -> ExistingAlerts:
        """Return the alerts that spans may belong to."""
        ...


class RuleStep(Protocol):
    """A rule over the events of a step. What it asks for is asked for all groups together."""

    gap: int
    """How far apart moments of one episode may be, in milliseconds."""

    def spans(self) -> Spans:
        """Return when the rule fired."""
        ...

    def evidence(self, targets: Sequence[EpisodeTarget]) -> list[Evidence]:
        """Return what alerts are to show of these episodes, in the same order."""
        ...


def rule_step(
    rule: Rule, covered: int, upto: int, *, log: AuditLog, source: EventSource, alerts: Alerts
) -> RuleStep:
    """Return the step over what was ingested in (covered, upto], by all that could be found then."""
    if rule.log_source is LogSource.DEAD_LETTERS:
        return DeadLetterStep(source.dead_letters, rule, covered, upto)
    ingested = {"range": {"event.ingested": {"lte": upto, "format": "epoch_millis"}}}
    reader = LogReader(log, RuleFilter(queries=(ingested,)))
    if isinstance(rule.root, Absence):
        return AbsenceStep(reader, rule, rule.root, covered, upto)
    return EventStep(reader, rule, rule.root, covered, alerts.existing)


def changes_of(step: RuleStep, rule: Rule, alerts: Alerts) -> tuple[AlertChange, ...]:
    """Return what a step does to the alerts. Errors of the clients pass through."""
    spans = step.spans()
    if not spans:
        return ()
    known = alerts.existing(rule, spans, max(step.gap, rule.alert_span))
    targets = targets_of(known, spans, step.gap, rule.alert_span)
    episodes = [EpisodeTarget(each.group, span) for each in targets for span in each.fired]
    evidence = iter(step.evidence(episodes))
    return tuple(
        AlertChange(each, tuple(itertools.islice(evidence, len(each.fired)))) for each in targets
    )


def reads_dead_letters(rule: Rule) -> bool:
    """Tell whether a rule is about dead letters, which one reader of Kafka gives, one after another."""
    return rule.log_source is LogSource.DEAD_LETTERS
