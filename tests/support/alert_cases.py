"""Rules and events for tests of alerts, with no more text than the test is about."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from audit_alerts.compile import compile_rule
from audit_alerts.plan import Base, Correlation, Kind, LogSource, Rule
from audit_alerts.times import as_time
from audit_alerts.translate import translated
from audit_schemas import Catalogue, format_timestamp
from sigma.rule import SigmaRule

__all__ = ["CATALOGUE", "base", "compiled", "correlation", "documents", "event", "rule_of", "text_of"]

CATALOGUE = Catalogue.load()
_EVENT = {"at": "0s", "event.action": "login", "user.id": "u-1", "source.ip": "192.0.2.1"}


def documents(**changes: Any) -> list[dict[str, Any]]:
    """Return a rule that is fine, as its documents; a change is `document__key__key=value`.

    None as a value takes the key away; a key that is not there is added.
    """
    found: dict[str, dict[str, Any]] = {
        "rule": {
            "title": "Some logins",
            "id": "11111111-2222-4333-8444-555555555555",
            "name": "some",
            "description": "They are some.",
            "level": "low",
            "falsepositives": ["All of them."],
            "correlation": {
                "type": "event_count",
                "rules": ["part"],
                "group-by": ["source.ip"],
                "timespan": "5m",
                "condition": {"gte": 2},
            },
            "auditlog": {
                "what-to-do": "Nothing.",
                "reasons": {"timespan": "because", "condition": "because"},
                "examples": {
                    "fires": [{"says": "two", "events": [{**_EVENT, "times": 2}]}],
                    "silent": [{"says": "one", "events": [_EVENT]}],
                },
            },
        },
        "part": {
            "title": "A login",
            "name": "part",
            "logsource": {"product": "auditlog", "service": "audit-events"},
            "detection": {"it": {"event.action": "login"}, "condition": "it"},
        },
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        level: Any = found
        for name in parents:
            level = level.setdefault(name, {})
        if value is None:
            level.pop(last)
        else:
            level[last] = value
    return list(found.values())


def text_of(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return documents as a file's text."""
    return str(yaml.safe_dump_all(parts, sort_keys=False))


def compiled(parts: Sequence[Mapping[str, Any]]) -> Rule:
    """Return the rule that documents are. Raises RuleRefusedError."""
    return compile_rule(text_of(parts), "some.yml", CATALOGUE)


def base(name: str = "login", **detection: Any) -> Base:
    """Return a base rule; without a detection, of the activity that it is named after."""
    wanted = detection or {"it": {"event.action": name}, "condition": "it"}
    parsed = SigmaRule.from_dict(
        {"title": name, "logsource": {"product": "auditlog"}, "detection": wanted}
    )
    tree = parsed.detection.parsed_condition[0].parsed
    return Base(name, LogSource.EVENTS, translated(tree, LogSource.EVENTS), "")


def correlation(
    kind: Kind = Kind.EVENT_COUNT,
    *parts: Any,
    span: int = 10,
    at_least: int = 2,
    group_by: tuple[str, ...] = ("source.ip",),
    **more: Any,
) -> Correlation:
    """Return a plan; without parts, over logins."""
    return Correlation(
        name=f"{kind}-{span}",
        kind=kind,
        parts=parts or (base(),),
        group_by=group_by,
        span=span,
        at_least=at_least,
        **more,
    )


def rule_of(root: Any) -> Rule:
    """Return a rule around a plan."""
    return Rule("id", "rule", "Title", "", "low", (), "", {}, (), "rule.yml", root)


def event(at: int, action: str = "login", *, number: int = 0, **fields: Any) -> dict[str, Any]:
    """Return an event at so many milliseconds, as far as rules look at it."""
    return {
        "@timestamp": format_timestamp(as_time(at)),
        "event.id": f"e-{number}",
        "event.action": action,
        "source.ip": "192.0.2.1",
        "audit.kafka.partition": number % 3,
        "audit.kafka.offset": number,
        **{name.replace("__", "."): value for name, value in fields.items()},
    }
