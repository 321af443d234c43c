"""The events that made an alert, read from the log."""

from collections.abc import Mapping
from typing import Any

from audit_query import AuditLog

from audit_alerts.condition_query import base_query
from audit_alerts.desk.alert import Alert
from audit_alerts.log_reader import RuleFilter, within
from audit_alerts.plan import Rule, bases_of, group_fields
from audit_alerts.times import in_millis

__all__ = ["evidence_events"]


def evidence_events(log: AuditLog, rule: Rule, alert: Alert, *, limit: int) -> list[Mapping[str, Any]]:
    """Return the events of an alert's group within its episodes that its rule looks at, oldest first.

    At most `limit`. What histories decide is not judged again: all that the base rules match. Errors of
    the client pass through.
    """
    windows = [
        (in_millis(part.since.isoformat()), in_millis(part.last.isoformat())) for part in alert.parts
    ]
    matching = [
        {
            "bool": {
                "filter": [
                    base_query(base),
                    *({"term": {name: value}} for name, value in _group(rule, alert, base).items()),
                ]
            }
        }
        for base in bases_of(rule.root)
    ]
    query = {"bool": {"should": matching, "minimum_should_match": 1}}
    wanted = RuleFilter(queries=(within(windows), query))
    return list(log.iter_events(wanted, limit=limit, newest_first=False))


def _group(rule: Rule, alert: Alert, base: Any) -> Mapping[str, str]:
    """Return the values of the group by what its fields are called in a base rule."""
    names = zip(rule.root.group_by, group_fields(rule.root, base), strict=True)
    return {below: alert.group[name] for name, below in names if name in alert.group}
