"""The address that opens the page at an alert's evidence. Pure."""

from collections.abc import Iterator
from urllib.parse import urlencode

from audit_query import ParameterError, QuerySpec
from audit_schemas import format_timestamp

from audit_alerts.condition import AllOf, AnyOf, Condition, Equals
from audit_alerts.episodes import FiringSpan
from audit_alerts.matches import GroupValues
from audit_alerts.plan import LogSource, Rule, bases_of
from audit_alerts.times import as_time

__all__ = ["link_of"]

_NAMES = {
    "source.ip": "ip",
    "audit.source.network": "ip",
    "audit.user": "user",
    "user.effective.id": "effective_user",
    "user.effective.name": "effective_user",
    "organization.id": "org",
    "service.name": "service",
    "audit.chat.id": "chat",
    "audit.session.id": "session",
    "event.action": "activity",
    "event.outcome": "outcome",
}


def link_of(page: str, rule: Rule, group: GroupValues, span: FiringSpan) -> str | None:
    """Return the page's address with the evidence asked for; None for what the page does not show.

    What the page has no parameter for is left out: it shows more then, never less.
    """
    if rule.log_source is not LogSource.EVENTS:
        return None
    pairs = [
        ("from", format_timestamp(as_time(span.since))),
        ("to", format_timestamp(as_time(span.last + 1))),
    ]
    for name, value in zip(rule.root.group_by, group, strict=True):
        if name in _NAMES and value is not None:
            pairs.append((_NAMES[name], value))
    activities = [sorted(_activities(base.condition)) for base in bases_of(rule.root)]
    if all(activities):
        pairs += [("activity", name) for name in sorted({n for names in activities for n in names})]
    try:
        question = QuerySpec.parse(pairs)
    except ParameterError:  # a value longer than the page takes
        question = QuerySpec.parse(pairs[:2])
    return f"{page.rstrip('/')}/?{urlencode(question.pairs)}"


def _activities(condition: Condition) -> Iterator[str]:
    """Yield the activities that events have to be of, as far as the condition says."""
    if isinstance(condition, AllOf | AnyOf):
        found = [list(_activities(part)) for part in condition.parts]
        if isinstance(condition, AllOf) or all(found):
            yield from (name for names in found for name in names)
    elif isinstance(condition, Equals) and condition.field == "event.action":
        yield condition.value
