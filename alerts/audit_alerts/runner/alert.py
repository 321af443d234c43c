"""An alert as it is stored and sent: an ECS document, made from what fired. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audit_schemas import format_timestamp

from audit_alerts.desk.alert import RUNNER, Alert, AlertStatus, CloseReason, HistoryEntry, scope_of
from audit_alerts.desk.rule_exception import RuleException, covering
from audit_alerts.desk.triage import last_step, with_history
from audit_alerts.episodes import FiringSpan, samples_of
from audit_alerts.evidence import Evidence
from audit_alerts.matches import GroupValues
from audit_alerts.plan import Rule
from audit_alerts.runner.changes import AlertChange, AlertTarget
from audit_alerts.runner.page_link import link_of
from audit_alerts.runner.parts import Part, parts_after
from audit_alerts.runner.stored_alert import StoredAlert
from audit_alerts.times import as_time

__all__ = ["Circumstances", "group_key", "merged_alert", "new_alert", "updated_alert"]

_SEVERITY = {"informational": 10, "low": 30, "medium": 50, "high": 70, "critical": 90}
_RELATED_MAX = 50
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is the case while a rule's alerts are recorded."""

    rule: Rule
    version: str
    page: str
    """The page's public address."""
    now: datetime
    sinks: Sequence[str]
    """Whoever is to be notified."""
    exceptions: Sequence[RuleException] = ()
    including: Mapping[GroupValues, Sequence[StoredAlert]] = field(default_factory=dict)
    """Open alerts, by group, of rules whose alerts include this one's."""


def group_key(group: GroupValues) -> str:
    """Return a group as one text, that no other group has."""
    return json.dumps(group, ensure_ascii=False, separators=(",", ":"))


def new_alert(change: AlertChange, given: Circumstances) -> tuple[str, Document]:
    """Return an alert and its id, which follows from the rule, the group and the first moment."""
    rule, group = given.rule, change.target.group
    first = min(span.first for span in change.target.fired)
    text = f"{rule.id}\n{group_key(group)}\n{first}"
    alert_id = hashlib.sha256(text.encode()).hexdigest()[:32]
    named = {n: v for n, v in zip(rule.root.group_by, group, strict=True) if v is not None}
    words = ", ".join(f"{name}={value}" for name, value in named.items())
    document: Document = {
        "@timestamp": "",
        "event": {"kind": "alert", "id": alert_id, "created": format_timestamp(given.now)},
        "rule": {"id": rule.id, "ruleset": "auditlog"},
        "message": f"{rule.title}: {words}" if words else rule.title,
        "related": {},
        "audit": {
            "alert": {
                "group": words,
                "group_key": group_key(group),
                "group_by": list(rule.root.group_by),
                "status": AlertStatus.OPEN.value,
                "revision": 0,
                "last_notified_count": 0,
                "pending": [],
            }
        },
    }
    if "source.ip" in named:
        document["source"] = {"ip": named["source.ip"]}
    if "organization.id" in named:
        document["organization"] = {"id": named["organization.id"]}
    made = _with_content(document, change, given)
    if exception := _exception_of(made, change.target, given):
        return alert_id, _suppressed(made, exception, made["audit"]["alert"]["count"])
    if other := _including(change.target, given):
        return alert_id, _included(made, other, ())
    return alert_id, _notified(made, given.sinks)


def updated_alert(existing: Document, change: AlertChange, given: Circumstances) -> Document | None:
    """Return the alert as it is now; None if nothing about it has changed.

    What analysts did stays. Receivers are notified again when its count has at least doubled since
    they were: an attack that lasts a day is a handful of messages. They are told too if new evidence
    reopens it. Where an exception covers the evidence, it is added, and that is all; so too where the
    alert of a rule that includes this one is open.
    """
    made = _with_content(_copy(existing), change, given)
    made["rule"] = existing["rule"]  # a rule that was changed since is that of the next alert
    if made == existing:
        return None
    alert, before = made["audit"]["alert"], existing["audit"]["alert"]
    growth = alert["count"] - before["count"]
    exception = _exception_of(made, change.target, given)
    if growth > 0 and exception is not None:
        return _suppressed(made, exception, growth, status=before["status"])
    if growth > 0 and (other := _including(change.target, given)) is not None:
        was_open = before["status"] in (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
        return _included(made, other, given.sinks if was_open else ())
    if growth > 0 and _reopens(existing, change.target):
        return _notified(_reopened(made, existing, given.now), given.sinks)
    is_over = before["status"] not in (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)
    if not is_over and alert["count"] >= 2 * max(1, alert.get("last_notified_count", 0)):
        return _notified(made, given.sinks)
    alert["revision"] += 1
    return made


def merged_alert(
    existing: Document, into: str, given: Circumstances, *, included_by: str | None = None
) -> Document:
    """Return an alert that turned out to be a part of another; of another rule's, if that is named."""
    made = _copy(existing)
    alert = made["audit"]["alert"]
    was_over = alert["status"] in (AlertStatus.SUPPRESSED, AlertStatus.MERGED)
    alert |= {"status": AlertStatus.MERGED.value, "merged_into": into}
    alert.pop("included_by", None)
    if included_by is not None:
        alert["included_by"] = included_by
    made = with_history(made, HistoryEntry(given.now, RUNNER, "merged", note=f"into {into}"))
    return _notified(made, () if was_over else given.sinks)


def _including(target: AlertTarget, given: Circumstances) -> StoredAlert | None:
    """Return the alert of another rule that includes what has fired now."""
    gap = given.rule.alert_span
    first, last = target.fired[0].first - gap, max(span.last for span in target.fired) + gap
    return next(
        (
            alert
            for alert in given.including.get(target.group, ())
            if alert.span.first <= last and alert.span.last >= first
        ),
        None,
    )


def _included(document: Document, other: StoredAlert, sinks: Sequence[str]) -> Document:
    """Return an alert as a part of another rule's; its growth is told to nobody."""
    alert = document["audit"]["alert"]
    alert |= {
        "status": AlertStatus.MERGED.value,
        "merged_into": other.id,
        "included_by": other.document["rule"]["name"],
    }
    if sinks:
        return _notified(document, sinks)
    alert["revision"] += 1
    return document


def _exception_of(made: Document, target: AlertTarget, given: Circumstances) -> RuleException | None:
    """Return the exception that covers what has fired now."""
    last = as_time(max(span.last for span in target.fired))
    group = Alert(made).group
    return covering(given.exceptions, given.rule.id, group, last, scope_of(made))


def _reopens(existing: Document, target: AlertTarget) -> bool:
    """Tell whether new evidence opens an alert again.

    A duplicate is worked on elsewhere: its episode may go on, but another one is news.
    """
    alert = Alert(existing)
    if alert.status in (AlertStatus.SUPPRESSED, AlertStatus.MERGED):
        return True  # no exception holds any more, and nobody looks at an alert that includes it
    if alert.status is not AlertStatus.CLOSED:
        return False
    return alert.reason is not CloseReason.DUPLICATE or _has_new_episode(target)


def _has_new_episode(target: AlertTarget) -> bool:
    return any(
        not any(p.span.first <= span.last and p.span.last >= span.first for p in target.known)
        for span in target.fired
    )


def _reopened(made: Document, existing: Document, now: datetime) -> Document:
    alert = made["audit"]["alert"]
    before = Alert(existing)
    why = "no exception holds any more"
    if before.status is AlertStatus.CLOSED:
        why = f"new evidence after {last_step(before)}" if before.history else "new evidence"
    elif before.status is AlertStatus.MERGED:
        why = "the alert that included it is not open any more"
    alert["status"] = AlertStatus.OPEN.value
    for name in ("reason", "duplicate_of", "merged_into", "included_by"):
        alert.pop(name, None)
    return with_history(made, HistoryEntry(now, RUNNER, "reopened", note=why))


def _suppressed(
    document: Document,
    exception: RuleException,
    growth: int,
    *,
    status: str = AlertStatus.SUPPRESSED.value,
) -> Document:
    """Return an alert whose growth an exception keeps from receivers."""
    alert = document["audit"]["alert"]
    alert["status"] = status
    alert["exceptions"] = sorted({*alert.get("exceptions", ()), exception.id})
    alert["suppressed_count"] = alert.get("suppressed_count", 0) + growth
    alert["revision"] += 1
    return document


def _notified(document: Document, sinks: Sequence[str]) -> Document:
    alert = document["audit"]["alert"]
    alert["revision"] += 1
    alert["notices"] = alert.get("notices", 0) + 1
    alert["last_notified_count"] = alert["count"]
    alert["pending"] = sorted({*alert["pending"], *sinks})
    return document


def _with_content(document: Document, change: AlertChange, given: Circumstances) -> Document:
    rule, target = given.rule, change.target
    parts = parts_after(target.known, target.fired, change.evidence)
    span = _whole(parts)
    since, first, last = (format_timestamp(as_time(at)) for at in (span.since, span.first, span.last))
    document["@timestamp"] = first
    document["event"] |= {"severity": _SEVERITY.get(rule.level, 50), "start": since, "end": last}
    document["rule"] |= {
        "name": rule.name,
        "description": rule.description,
        "category": next(iter(rule.tags), rule.level),
        "version": given.version,
    }
    document["tags"] = list(rule.tags)
    document["related"] = _related(document, change, rule)
    alert = document["audit"]["alert"]
    alert |= {
        "level": rule.level,
        "first": first,
        "last": last,
        "count": sum(part.count for part in parts),
        "size": span.size,
        "samples": list(samples_of([sample for part in parts for sample in part.samples])),
        "parts": [part.to_json() for part in parts],
        "what_to_do": rule.what_to_do,
    }
    _set_organizations(document, parts, change.evidence)
    if link := link_of(given.page, rule, target.group, span):
        alert["link"] = link
    return document


def _whole(parts: Sequence[Part]) -> FiringSpan:
    return FiringSpan(
        min(part.span.since for part in parts),
        min(part.span.first for part in parts),
        max(part.span.last for part in parts),
        max(part.span.size for part in parts),
    )


def _related(document: Document, change: AlertChange, rule: Rule) -> dict[str, list[str]]:
    before = [document, *(alert.document for alert in change.target.absorbed)]
    named: Mapping[str, str | None] = dict(zip(rule.root.group_by, change.target.group, strict=True))
    return {
        name: _some(
            [named.get(field)],
            *(each["related"].get(name, ()) for each in before),
            *(getattr(evidence, values) for evidence in change.evidence),
        )
        for name, field, values in (("user", "audit.user", "users"), ("ip", "source.ip", "ips"))
    }


def _set_organizations(document: Document, parts: Sequence[Part], evidence: Iterable[Evidence]) -> None:
    alert = document["audit"]["alert"]
    known = alert.get("organizations", ())
    alert["organizations"] = _some(known, *(each.organizations for each in evidence))
    owners = {part.sole_organization for part in parts}
    owner = owners.pop() if len(owners) == 1 else None
    if owner is not None:
        alert["sole_organization"] = owner
    else:
        alert.pop("sole_organization", None)


def _some(*lists: Iterable[str | None]) -> list[str]:
    """Return what the lists hold, sorted; of very many the first."""
    found = dict.fromkeys(value for values in lists for value in values if value is not None)
    return sorted(list(found)[:_RELATED_MAX])


def _copy(document: Document) -> Document:
    copied: Document = json.loads(json.dumps(document))
    return copied
