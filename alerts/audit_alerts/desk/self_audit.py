"""Triage on record: each step is an event of its own, published like any other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from audit_schemas import LABEL_MAX

from audit_alerts.desk.alert import Alert
from audit_alerts.desk.triage import Step, TriageStep

__all__ = ["ACTIVITIES", "Actor", "Publish", "publish_step", "published"]

Publish = Callable[..., object]
"""`AuditProducer.record`: False, or an exception, says that an event was not published."""

ACTIVITIES: Mapping[Step, str] = {
    Step.ACKNOWLEDGE: "alert-acknowledged",
    Step.ASSIGN: "alert-assigned",
    Step.CLOSE: "alert-closed",
    Step.REOPEN: "alert-reopened",
    Step.NOTE: "alert-noted",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who takes a step: their name, from where, and whose they are."""

    name: str
    ip: str | None = None
    organization: str | None = None


def publish_step(
    publish: Publish | None, alert: Alert, step: TriageStep, actor: Actor, at: datetime
) -> bool:
    """Publish a step that is stored; tell whether it is on record. Never raises."""
    labels = {
        "alert": alert.id,
        "rule": alert.rule,
        "level": alert.level,
        "status": alert.status.value,
        "close-reason": step.reason,
        "assignee": alert.assignee if step.step is Step.ASSIGN else None,
        "duplicate-of": step.duplicate_of,
        "note": step.note,
    }
    return published(publish, ACTIVITIES[step.step], labels, actor, at)


def published(
    publish: Publish | None,
    activity: str,
    labels: Mapping[str, str | None],
    actor: Actor,
    at: datetime,
) -> bool:
    """Publish an event about alerts; tell whether that was possible. Never raises."""
    if publish is None:
        return False
    try:
        answer = publish(
            activity,
            user={"name": actor.name},
            ip=actor.ip,
            organization=actor.organization,
            labels={name: value[:LABEL_MAX] for name, value in labels.items() if value},
            at=at,
        )
    except Exception:  # noqa: BLE001 - the step is stored; the caller is told that its event is not
        return False
    return answer is not False
