"""An alert as it is stored and sent: an ECS document, made from what fired. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit_schemas import format_timestamp

from audit_alerts.episodes import FiringSpan
from audit_alerts.matches import GroupValues
from audit_alerts.plan import Rule
from audit_alerts.runner.evidence import Evidence
from audit_alerts.runner.page_link import link_of
from audit_alerts.times import as_time, in_millis

__all__ = ["StoredAlert", "group_key", "merged_alert", "new_alert", "updated_alert"]

_SEVERITY = {"informational": 10, "low": 30, "medium": 50, "high": 70, "critical": 90}
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert as it is in the index."""

    id: str
    document: Document
    seq_no: int
    primary_term: int

    @property
    def span(self) -> FiringSpan:
        """When the rule fired, as far as the alert knows."""
        alert, event = self.document["audit"]["alert"], self.document["event"]
        since, first, last = map(in_millis, (event["start"], alert["first"], alert["last"]))
        return FiringSpan(since, first, last, alert["size"])


def group_key(group: GroupValues) -> str:
    """Return a group as one text, that no other group has."""
    return json.dumps(group, ensure_ascii=False, separators=(",", ":"))


def new_alert(
    rule: Rule,
    version: str,
    group: GroupValues,
    span: FiringSpan,
    evidence: Evidence,
    *,
    page: str,
    created: str,
    sinks: Sequence[str],
) -> tuple[str, Document]:
    """Return an alert and its id, which follows from the rule, the group and the first moment."""
    text = f"{rule.id}\n{group_key(group)}\n{span.first}"
    alert_id = hashlib.sha256(text.encode()).hexdigest()[:32]
    named = {n: v for n, v in zip(rule.root.group_by, group, strict=True) if v is not None}
    words = ", ".join(f"{name}={value}" for name, value in named.items())
    document: Document = {
        "@timestamp": "",
        "event": {"kind": "alert", "id": alert_id, "created": created},
        "rule": {"id": rule.id, "ruleset": "auditlog"},
        "message": f"{rule.title}: {words}" if words else rule.title,
        "related": {},
        "audit": {
            "alert": {
                "group": words,
                "group_key": group_key(group),
                "group_by": list(rule.root.group_by),
                "status": "open",
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
    made = _with_content(document, rule, version, group, span, evidence, page)
    return alert_id, _with_revision(made, sinks)


def updated_alert(
    existing: Document,
    rule: Rule,
    version: str,
    group: GroupValues,
    span: FiringSpan,
    evidence: Evidence,
    *,
    page: str,
    sinks: Sequence[str],
) -> Document | None:
    """Return the alert as it is now; None if nothing about it has changed.

    Receivers are notified again when its count has at least doubled since they were: an attack that
    lasts a day is a handful of messages. Evidence only grows: a runner that stalled saw less than is
    stored.
    """
    shown = existing["audit"]["alert"]
    if evidence.count < shown["count"]:
        related = existing["related"]
        evidence = Evidence(
            shown["count"],
            shown["samples"],
            related["user"],
            related["ip"],
            shown.get("organizations", ()),
            shown.get("sole_organization"),
        )
    made = _with_content(_copy(existing), rule, version, group, span, evidence, page)
    made["rule"] = existing["rule"]  # a rule that was changed since is that of the next alert
    if made == existing:
        return None
    alert = made["audit"]["alert"]
    if alert["count"] >= 2 * max(1, alert.get("last_notified_count", 0)):
        return _with_revision(made, sinks)
    alert["revision"] += 1
    return made


def merged_alert(existing: Document, into: str, sinks: Sequence[str]) -> Document:
    """Return an alert that turned out to be a part of another."""
    made = _copy(existing)
    made["audit"]["alert"] |= {"status": "merged", "merged_into": into}
    return _with_revision(made, sinks)


def _with_revision(document: Document, sinks: Sequence[str]) -> Document:
    alert = document["audit"]["alert"]
    alert["revision"] += 1
    alert["last_notified_count"] = alert["count"]
    alert["pending"] = sorted({*alert["pending"], *sinks})
    return document


def _with_content(
    document: Document,
    rule: Rule,
    version: str,
    group: GroupValues,
    span: FiringSpan,
    evidence: Evidence,
    page: str,
) -> Document:
    since, first, last = (format_timestamp(as_time(at)) for at in (span.since, span.first, span.last))
    document["@timestamp"] = first
    document["event"] |= {"severity": _SEVERITY.get(rule.level, 50), "start": since, "end": last}
    document["rule"] |= {
        "name": rule.name,
        "description": rule.description,
        "category": next(iter(rule.tags), rule.level),
        "version": version,
    }
    document["tags"] = list(rule.tags)
    named: Mapping[str, str | None] = dict(zip(rule.root.group_by, group, strict=True))
    document["related"] = {
        "user": _with(evidence.users, named.get("audit.user")),
        "ip": _with(evidence.ips, named.get("source.ip")),
    }
    alert = document["audit"]["alert"]
    alert |= {
        "level": rule.level,
        "first": first,
        "last": last,
        "count": evidence.count,
        "size": span.size,
        "samples": list(evidence.samples),
        "what_to_do": rule.what_to_do,
    }
    alert["organizations"] = list(evidence.organizations)
    if evidence.sole_organization is not None:
        alert["sole_organization"] = evidence.sole_organization
    else:
        alert.pop("sole_organization", None)
    if link := link_of(page, rule, group, span):
        alert["link"] = link
    return document


def _with(values: Sequence[str], value: str | None) -> list[str]:
    return sorted({*values, *([value] if value is not None else [])})


def _copy(document: Document) -> Document:
    copied: Document = json.loads(json.dumps(document))
    return copied
