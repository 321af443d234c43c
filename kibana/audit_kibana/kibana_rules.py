"""A rule as one of Kibana's own. What Kibana can't say becomes a rule over the runner's alerts. Pure.

Kibana's rules count over what came in between two runs and a span before; ours over every moment. So
theirs look back over the span and a step: what fires here fires there, and now and then a little more.
They go by `event.ingested`, so that events which come late are looked at too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from audit_alerts import (
    OPTIONAL,
    Base,
    Correlation,
    Kind,
    LogSource,
    NewTerms,
    Rule,
    bases_of,
    span_words,
)

from audit_kibana.durations import interval_of, kibana_duration
from audit_kibana.target import ExportTarget

__all__ = ["KibanaRule", "RuleType", "kibana_rule"]

_ARRIVED = "event.ingested"
_MINUTE = 60_000
_GROUPS = 1000
_SAMPLES = 10
_SIGNALS = 1000
"""As many alerts in a run as Kibana allows by default (xpack.alerting.rules.run.alerts.max). A rule
that doesn't say so stops at 100."""
_FIELDS = 3
"""What Kibana can group by at once: new_terms takes the fewest."""

_ALERT_RULE, _ALERT_MADE = "rule.name", "event.created"
_ALERT_GROUP = ("audit.alert.group", "event.id")
"""One of Kibana's alerts for each of ours, and its name says whom it is about."""
_ALERT_WINDOW = 3_600_000
"""How long Kibana may be away without missing one; for so long each is active there."""
_RISK = {
    "informational": ("low", 1),
    "low": ("low", 21),
    "medium": ("medium", 47),
    "high": ("high", 73),
    "critical": ("critical", 99),
}


class RuleType(StrEnum):
    """Which kind of Kibana's rules it is."""

    ES_QUERY = "es-query"
    THRESHOLD = "threshold"
    NEW_TERMS = "new_terms"
    ALERTS = "over alerts"

    @property
    def is_detection(self) -> bool:
        """Tell whether it belongs to Elastic Security."""
        return self in (RuleType.THRESHOLD, RuleType.NEW_TERMS)


@dataclass(frozen=True, slots=True)
class KibanaRule:
    """A request that makes a rule, and what to know about it."""

    rule: str
    type: RuleType
    id: str
    body: dict[str, Any]
    note: str
    """Why it has this form, or where it differs from our own."""

    @property
    def path(self) -> str:
        """Where it is posted to, below the space."""
        if self.type.is_detection:
            return "/api/detection_engine/rules"
        return f"/api/alerting/rule/{self.id}"


def kibana_rule(rule: Rule, target: ExportTarget, *, detection: bool = True) -> KibanaRule:
    """Return what the rule becomes; without `detection`, only what every Kibana has."""
    own_id = target.id_of("rule", rule.id)
    if why := _beyond(rule) or _beyond_plain(rule, detection=detection):
        body = _alerting(rule, _over_alerts(rule, target), _MINUTE)
        return KibanaRule(rule.name, RuleType.ALERTS, own_id, body, why)
    root = rule.root
    assert isinstance(root, Correlation)  # noqa: S101 - for mypy: an absence rule is beyond Kibana
    if _new_terms_of(root) is not None:
        body = _detection(rule, own_id, target, root) | _new_terms(root)
        return KibanaRule(rule.name, RuleType.NEW_TERMS, own_id, body, _note_new(root))
    if root.kind is Kind.VALUE_COUNT:
        body = _detection(rule, own_id, target, root) | _threshold(root)
        return KibanaRule(rule.name, RuleType.THRESHOLD, own_id, body, _note(root))
    body = _alerting(rule, _es_query(root, target), interval_of(root.span))
    return KibanaRule(rule.name, RuleType.ES_QUERY, own_id, body, _note(root))


def _beyond(rule: Rule) -> str | None:
    """Return what no rule of Kibana's can say about it; None if one can say it."""
    if rule.lists:
        return f"its lists ({', '.join(rule.lists)}) change, and Kibana would keep those of the export"
    if rule.log_source is LogSource.DEAD_LETTERS:
        return "the dead-letter topic is in Kafka, where Kibana does not look"
    if not isinstance(rule.root, Correlation):
        return "Kibana counts what is there, not which groups are missing"
    return _beyond_counts(rule.root) or _beyond_history_conditions(rule.root)


def _beyond_counts(root: Correlation) -> str | None:
    if root.kind in (Kind.TEMPORAL, Kind.TEMPORAL_ORDERED):
        return "Kibana knows no order of events"
    if root.aliases or not all(isinstance(part, Base) for part in root.parts):
        return "Kibana builds no rule on another"
    if root.surge is not None:
        return "Kibana compares with no other days"
    seen = [seen for base in bases_of(root) for seen in base.seen_before]
    if seen and (root.cell or any(each.is_wanted for each in seen)):
        return "Kibana can't leave out events by what was there before them"
    if not 0 < len(_group(root)) <= _FIELDS:
        return f"Kibana groups by one to {_FIELDS} fields that every event has"
    return None


def _beyond_history_conditions(root: Correlation) -> str | None:
    conditions = [
        base.history_condition for base in bases_of(root) if base.history_condition is not None
    ]
    if not conditions:
        return None
    is_new = isinstance(conditions[0], NewTerms) and len(root.parts) == 1
    if not is_new or root.at_least > 1 or root.kind is not Kind.EVENT_COUNT:
        return "Kibana knows no usual hours and no distances, and can't count new terms"
    return None if len(_new_fields(root)) <= _FIELDS else "Kibana combines at most three new terms"


def _beyond_plain(rule: Rule, *, detection: bool) -> str | None:
    root = rule.root
    if detection or not isinstance(root, Correlation):
        return None
    needed = root.kind is Kind.VALUE_COUNT or _new_terms_of(root) is not None
    return "it needs a detection rule, which was not wanted" if needed else None


def _new_terms_of(root: Correlation) -> NewTerms | None:
    new_terms = next(bases_of(root)).history_condition
    return new_terms if isinstance(new_terms, NewTerms) else None


def _group(root: Correlation) -> list[str]:
    """Return what to group by in Kibana, which leaves out events that lack one of the fields."""
    return [name for name in root.group_by if name not in OPTIONAL]


def _new_fields(root: Correlation) -> list[str]:
    new_terms = _new_terms_of(root)
    if new_terms is None:
        return []
    return [*(name for name in new_terms.group_by if name not in OPTIONAL), new_terms.field]


def _query(root: Correlation) -> str:
    """Return one Lucene query for all parts."""
    texts = list(dict.fromkeys(base.lucene for base in bases_of(root)))
    return texts[0] if len(texts) == 1 else " OR ".join(f"({text})" for text in texts)


def _es_query(root: Correlation, target: ExportTarget) -> dict[str, Any]:
    fields = _group(root)
    query = {"query_string": {"query": _query(root), "allow_leading_wildcard": True}}
    return _params(
        target.events,
        _ARRIVED,
        {"query": query},
        root.span + interval_of(root.span),
        root.at_least,
        fields[0] if len(fields) == 1 else fields,
    )


def _over_alerts(rule: Rule, target: ExportTarget) -> dict[str, Any]:
    query = {"query": {"bool": {"filter": [{"term": {_ALERT_RULE: rule.name}}]}}}
    return _params(target.alerts, _ALERT_MADE, query, _ALERT_WINDOW, 1, list(_ALERT_GROUP))


def _params(
    index: str,
    time_field: str,
    query: dict[str, Any],
    window: int,
    least: int,
    term: str | Sequence[str],
) -> dict[str, Any]:
    size, unit = kibana_duration(window)
    return {
        "searchType": "esQuery",
        "index": [index],
        "timeField": time_field,
        "esQuery": json.dumps(query),
        "size": _SAMPLES,
        "timeWindowSize": size,
        "timeWindowUnit": unit,
        "threshold": [least],
        "thresholdComparator": ">=",
        "aggType": "count",
        "groupBy": "top",
        "termField": term,
        "termSize": _GROUPS,
        # A threshold would be counted anew after each run, and never be reached.
        "excludeHitsFromPreviousRun": False,
    }


def _alerting(rule: Rule, params: dict[str, Any], step: int) -> dict[str, Any]:
    size, unit = kibana_duration(step)
    return {
        "name": f"Audit log: {rule.title}",
        "rule_type_id": ".es-query",
        "consumer": "stackAlerts",
        "schedule": {"interval": f"{size}{unit}"},
        "params": params,
        "tags": _tags(rule),
        "actions": [],
        "enabled": True,
    }


def _detection(rule: Rule, own_id: str, target: ExportTarget, root: Correlation) -> dict[str, Any]:
    severity, risk = _RISK.get(rule.level, _RISK["medium"])
    step = interval_of(root.span)
    size, unit = kibana_duration(step)
    return {
        "rule_id": own_id,
        "name": f"Audit log: {rule.title}",
        "description": rule.description,
        "severity": severity,
        "risk_score": risk,
        "index": [target.events],
        "language": "lucene",
        "query": _query(root),
        "interval": f"{size}{unit}",
        "from": f"now-{(root.span + step) // 1000}s",
        "to": "now",
        "timestamp_override": _ARRIVED,
        "max_signals": _SIGNALS,
        "false_positives": list(rule.false_positives),
        "note": rule.what_to_do,
        "tags": _tags(rule),
        "enabled": True,
    }


def _threshold(root: Correlation) -> dict[str, Any]:
    # So many values are at least as many events, so the count of these excludes nothing.
    cardinality = [{"field": root.counted, "value": root.at_least}]
    return {
        "type": "threshold",
        "threshold": {"field": _group(root), "value": root.at_least, "cardinality": cardinality},
    }


def _new_terms(root: Correlation) -> dict[str, Any]:
    new_terms = _new_terms_of(root)
    assert new_terms is not None  # noqa: S101 - for mypy
    size, unit = kibana_duration(new_terms.history)
    return {
        "type": "new_terms",
        "new_terms_fields": _new_fields(root),
        "history_window_start": f"now-{size}{unit}",
    }


def _tags(rule: Rule) -> list[str]:
    return ["auditlog", f"auditlog:{rule.name}", f"level:{rule.level}", *rule.tags]


def _note(root: Correlation) -> str:
    note = f"counts over {span_words(root.span + interval_of(root.span))}, where ours slides"
    if any(base.seen_before for base in bases_of(root)):
        note += "; also counts those who were let in before"
    left = [name for name in root.group_by if name in OPTIONAL]
    return f"{note}; without {left[0]}, which events may lack" if left else note


def _note_new(root: Correlation) -> str:
    return f"{_note(root)}; also fires for those who were never seen before"
