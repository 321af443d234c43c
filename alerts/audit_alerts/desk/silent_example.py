"""A closed false positive as a `silent` example of its rule: text to commit by hand. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from audit_schemas import parse_timestamp, printable

from audit_alerts.condition import fields_of, values_at
from audit_alerts.desk.alert import Alert
from audit_alerts.errors import TriageError
from audit_alerts.matches import needed_fields
from audit_alerts.plan import Absence, LogSource, Rule, bases_of

__all__ = ["EXAMPLE_MAX", "silent_example"]

EXAMPLE_MAX = 500
"""Events of an example: one that needs more is better written by hand."""

_ALWAYS = ("event.action", "event.outcome", "user.id", "user.name", "audit.chat.id", "audit.session.id")
"""What makes an event valid, whatever a rule asks for."""
_ADDED = ("audit.user", "audit.source.network", "event.ingested", "source.geo.", "source.as.")
"""Fields that the consumer adds: an example's events get them anew."""


def silent_example(rule: Rule, alert: Alert, events: Sequence[Mapping[str, Any]]) -> str:
    """Return the YAML of an example with an alert's events, to be put below `silent:` of its rule.

    Times keep their weekday and hour, in the examples' week. Lines that only differ by their time are
    taken together where that is regular. It is a beginning: what the rule needs not should go, and
    names be changed, before it is committed; and the rule has to be changed so that it holds. Raises
    TriageError for a rule over dead letters, and for no or too many events.
    """
    if rule.log_source is not LogSource.EVENTS:
        raise TriageError("an example of dead letters is written by hand, from their headers")
    if not 0 < len(events) <= EXAMPLE_MAX:
        raise TriageError(
            f"the alert has {len(events) or 'none'} of its events in the log; an example takes 1 to "
            f"{EXAMPLE_MAX}"
        )
    paths = _paths(rule)
    ordered = sorted(events, key=lambda event: event["@timestamp"])
    monday = _monday(parse_timestamp(ordered[0]["@timestamp"]))
    moments = [(_offset(event, monday), _fields(event, paths)) for event in ordered]
    example: dict[str, Any] = {"says": _says(alert), "events": list(_lines(moments))}
    if isinstance(rule.root, Absence):
        example["until"] = _span_text(round((alert.last - monday).total_seconds()))
    import yaml  # noqa: PLC0415 - of an extra, which whoever has rules has

    text: str = yaml.safe_dump([example], sort_keys=False, allow_unicode=True, width=10_000)
    return text


def _says(alert: Alert) -> str:
    notes = [entry.note for entry in alert.history if entry.note]
    said = " ".join(notes[-1].split()) if notes else f"a false positive of {alert.first:%Y-%m-%d}"
    return printable(said)


def _paths(rule: Rule) -> tuple[str, ...]:
    wanted = dict.fromkeys(_ALWAYS)
    for base in bases_of(rule.root):
        wanted |= dict.fromkeys(sorted(fields_of(base.condition)))
        wanted |= dict.fromkeys(sorted(needed_fields(rule.root, base)))
    if "audit.source.network" in wanted:
        wanted["source.ip"] = None
    return tuple(name for name in wanted if not name.startswith(_ADDED))


def _fields(event: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    found = {}
    for path in paths:
        values = [printable(value) for value in values_at(event, path)]
        if values:
            found[path] = values[0] if len(values) == 1 else values
    return found


def _lines(moments: Sequence[tuple[int, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Yield a line for each run of equal events at one distance, to the second."""
    begin = 0
    while begin < len(moments):
        at, fields = moments[begin]
        end, every = begin + 1, 0
        while end < len(moments) and moments[end][1] == fields:
            step = moments[end][0] - moments[end - 1][0]
            if end > begin + 1 and step != every:
                break
            every, end = step, end + 1
        repeated = {"times": end - begin, "every": f"{every}s"} if end - begin > 1 else {}
        yield {"at": _span_text(at), **repeated, **fields}
        begin = end


def _offset(event: Mapping[str, Any], monday: datetime) -> int:
    return round((parse_timestamp(event["@timestamp"]) - monday).total_seconds())


def _monday(at: datetime) -> datetime:
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def _span_text(seconds: int) -> str:
    text, left = "", seconds
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length)
        text += f"{count}{unit}" if count else ""
    return text or "0s"
