"""One alert as a Detection Finding (2004) of OCSF."""

import re
from collections.abc import Mapping
from typing import Any

from audit_schemas import SYSTEM, shown_alert

from audit_forward.forms.alert_document import change_of, changed_at
from audit_forward.forms.ocsf_classes import OcsfClass
from audit_forward.forms.ocsf_objects import endpoint, user
from audit_forward.forms.stored import inner, ip_of, milliseconds, part, strings, text

__all__ = ["finding"]

_CHANGES = {"create": (1, "Create"), "update": (2, "Update"), "close": (3, "Close")}
_STATES = {"open": 1, "acknowledged": 2, "suppressed": 3, "closed": 4, "merged": 4}
_LEVELS = {"informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
_VERDICTS = {"false-positive": 1, "true-positive": 2, "benign": 5, "test": 6, "duplicate": 10}
_UNKNOWN = 0
_OTHER = 99
_RULE = 1
_TECHNIQUE = re.compile(r"attack\.(t[0-9]{4})(\.[0-9]{3})?", re.IGNORECASE)
_LEFT = (
    *("group", "group_by", "parts", "size", "organizations", "exceptions"),
    *("merged_into", "duplicate_of", "revision"),
)

Facts = dict[str, Any]


def finding(document: Mapping[str, Any], metadata: Mapping[str, Any]) -> Facts:
    """Return a finding; `metadata` is what all events have there."""
    shown = shown_alert(document)
    what, own = part(shown, "event"), shown["audit"]["alert"]
    number, name = _CHANGES[change_of(document)]
    uid = OcsfClass.DETECTION_FINDING.uid
    changed = changed_at(document)
    message = text(shown, "message")
    made: Facts = {
        "category_uid": uid // 1000,
        "class_uid": uid,
        "class_name": OcsfClass.DETECTION_FINDING.caption,
        "activity_id": number,
        "activity_name": name,
        "type_uid": uid * 100 + number,
        "severity_id": _LEVELS.get(text(own, "level") or "", _UNKNOWN),
        "status_id": _STATES.get(text(own, "status") or "", _UNKNOWN),
        "is_alert": True,
        "time": changed,
        "start_time": milliseconds(text(what, "start")),
        "end_time": milliseconds(text(what, "end")),
        "count": _integer(own.get("count")),
        "message": message,
        "metadata": _metadata(document, own, metadata),
        "finding_info": _finding_info(shown, own, changed),
        "evidences": _evidences(shown),
        "remediation": {"desc": what_to_do} if (what_to_do := text(own, "what_to_do")) else None,
        "src_url": text(own, "link"),
        "assignee": user({"name": assignee}) if (assignee := text(own, "assignee")) else None,
        "verdict_id": _VERDICTS.get(reason, _OTHER) if (reason := text(own, "reason")) else None,
        "unmapped": {f"audit.alert.{name}": own[name] for name in _LEFT if own.get(name)},
    }
    return _filled(made)


def _metadata(document: Mapping[str, Any], own: Mapping[str, Any], common: Mapping[str, Any]) -> Facts:
    """Return metadata; the `uid` is of this state of the alert, the finding's of the alert."""
    alert = part(part(document, "audit"), "alert")
    state = f"{own.get('revision', 0)}-{alert.get('triage_version', 0)}"
    tenant = inner(document, "organization", "id") or text(own, "sole_organization")
    uid = inner(document, "event", "id") or "unknown"
    return _filled(
        {
            **common,
            "profiles": ["incident"],
            "uid": f"{uid}-{state}",
            "correlation_uid": uid,
            "tenant_uid": tenant,
        }
    )


def _finding_info(shown: Mapping[str, Any], own: Mapping[str, Any], changed: int) -> Facts:
    what, rule = part(shown, "event"), part(shown, "rule")
    tags = strings(shown, "tags")
    uid = text(what, "id") or "unknown"
    analytic = {
        "type_id": _RULE,
        "type": "Rule",
        "name": text(rule, "name"),
        "uid": text(rule, "id"),
        "version": text(rule, "version"),
    }
    return _filled(
        {
            "uid": uid,
            "title": text(shown, "message"),
            "desc": text(rule, "description"),
            "analytic": _filled(analytic) if text(rule, "name") or text(rule, "id") else None,
            "attacks": [attack for tag in tags if (attack := _attack(tag))],
            "types": tags,
            "created_time": milliseconds(text(what, "created")),
            "first_seen_time": milliseconds(text(own, "first")),
            "last_seen_time": milliseconds(text(own, "last")),
            "modified_time": changed,
            "related_events": [{"uid": sample} for sample in strings(own, "samples")],
            "related_events_count": _integer(own.get("count")),
            "src_url": text(own, "link"),
        }
    )


def _attack(tag: str) -> Facts | None:
    """Return the technique of MITRE ATT&CK that a tag such as attack.t1110.001 names."""
    named = _TECHNIQUE.fullmatch(tag)
    if named is None:
        return None
    technique = named[1].upper()
    made: Facts = {"technique": {"uid": technique}}
    if named[2]:
        made["sub_technique"] = {"uid": technique + named[2]}
    return made


def _evidences(shown: Mapping[str, Any]) -> list[Facts]:
    related = part(shown, "related")
    source = part(shown, "source")
    addresses = {ip: {"ip": ip} for ip in strings(related, "ip") if ip_of(ip)}
    if ip := text(source, "ip"):
        addresses = {ip: dict(source), **{k: v for k, v in addresses.items() if k != ip}}
    found = [{"src_endpoint": place} for each in addresses.values() if (place := endpoint(each))]
    return [
        *found,
        *({"user": user({"name": name}, system=name == SYSTEM)} for name in strings(related, "user")),
    ]


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _filled(made: Facts) -> Facts:
    """Return what is there: without None, and without empty lists and objects."""
    return {name: value for name, value in made.items() if value is not None and value not in ([], {})}
