"""A rule against its own examples: compact lines become events as the consumer would store them."""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit_runtime import ListError, ReferenceLists, parse_list
from audit_schemas import (
    OFFSET_HEADER,
    PARTITION_HEADER,
    RECEIVED_HEADER,
    TOPIC_HEADER,
    Catalogue,
    Document,
    EventRefusedError,
    Origin,
    Place,
    Problem,
    Reason,
    format_timestamp,
    validate,
)

from audit_alerts import plan
from audit_alerts.attributes import milliseconds
from audit_alerts.episodes import Episode
from audit_alerts.errors import RuleRefusedError
from audit_alerts.evaluate import evaluate
from audit_alerts.fields import DEAD_LETTER_FIELDS
from audit_alerts.plan import Rule
from audit_alerts.rule_lists import with_lists
from audit_alerts.times import as_time, in_millis

__all__ = ["BEGIN", "Failed", "check_examples", "example_events", "with_example_lists"]

BEGIN = in_millis("2026-01-05T00:00:00Z")
"""When examples begin: a Monday's midnight in UTC."""

_TIMES_MAX = 100_000
_OF_A_LINE = ("at", "times", "every", "place")


@dataclass(frozen=True, slots=True)
class Failed:
    """An example that did not do what it says."""

    says: str
    must_fire: bool
    found: str


def check_examples(rule: Rule, catalogue: Catalogue) -> Iterator[Failed]:
    """Yield the examples that fail; needs no server. Raises RuleRefusedError for what is no event."""
    rule = with_example_lists(rule)
    for must_fire, kind in ((True, "fires"), (False, "silent")):
        for example in rule.examples[kind]:
            events = list(example_events(rule, example, catalogue))
            until = BEGIN + milliseconds(example["until"]) if example["until"] else None
            found = evaluate(rule, events, until=until)
            if wrong := _wrong(found, example["group"]) if must_fire else _keys(found):
                yield Failed(example["says"], must_fire, wrong)


def with_example_lists(rule: Rule) -> Rule:
    """Return the rule with the lists of its examples. Raises RuleRefusedError for what is no entry."""
    try:
        lists = {
            name: parse_list(name, "\n".join(entries), "examples.lists")
            for name, entries in rule.examples["lists"].items()
        }
    except ListError as error:
        raise RuleRefusedError(rule.file, str(error)) from None
    return with_lists(rule, ReferenceLists(lists), as_time(BEGIN))


def example_events(
    rule: Rule, example: Mapping[str, Any], catalogue: Catalogue
) -> Iterator[Mapping[str, Any]]:
    """Yield an example's events: whole documents, or the headers of dead letters."""
    offsets = itertools.count()
    for line in example["events"]:
        for at, fields in _repeated(rule, line):
            offset = next(offsets)
            try:
                if rule.log_source is plan.LogSource.DEAD_LETTERS:
                    _check_headers(rule, fields)
                    yield {
                        TOPIC_HEADER: "audit.events",
                        PARTITION_HEADER: "0",
                        OFFSET_HEADER: str(offset),
                        RECEIVED_HEADER: format_timestamp(as_time(at)),
                        **fields,
                    }
                else:
                    yield _document(fields, at, offset, catalogue, _place(rule, line))
            except EventRefusedError as refused:
                raise RuleRefusedError(rule.file, f"example {example['says']!r}: {refused}") from None
            except OverflowError:
                reason = f"example {example['says']!r}: ends after the year 9999"
                raise RuleRefusedError(rule.file, reason) from None


def _wrong(found: list[Episode], group: Mapping[str, str] | None) -> str:
    """Return what is wrong with what fired, or nothing."""
    if len(found) != 1:
        return _keys(found) or "nothing fired"
    given = dict(zip(found[0].group_by, found[0].group, strict=True))
    given = {name: value for name, value in given.items() if value is not None}
    return "" if group is None or given == group else _keys(found)


def _keys(found: list[Episode]) -> str:
    return "; ".join(episode.key or "fired" for episode in found)


def _repeated(rule: Rule, line: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    fields = {name: value for name, value in line.items() if name not in _OF_A_LINE}
    try:
        at, every = milliseconds(str(line["at"])), milliseconds(str(line.get("every", "0s")))
        times = int(line.get("times", 1))
    except (KeyError, TypeError, ValueError) as error:
        raise RuleRefusedError(
            rule.file, f"examples: a line needs at (0s, 5m, 2h), times and every: {error}"
        ) from None
    if not 1 <= times <= _TIMES_MAX:
        raise RuleRefusedError(rule.file, f"examples: times is between 1 and {_TIMES_MAX}")
    for number in range(times):
        yield BEGIN + at + number * every, _counted(fields, str(number))


def _place(rule: Rule, line: Mapping[str, Any]) -> str:
    """Return what the consumer would add to the address of a line."""
    if (name := line.get("place")) is None:
        return ""
    if name not in rule.examples["places"]:
        raise RuleRefusedError(rule.file, f"examples.places does not say where {name} is")
    return Place(**rule.examples["places"][name]).to_json()


def _check_headers(rule: Rule, fields: Mapping[str, Any]) -> None:
    if unknown := set(map(str, fields)) - set(DEAD_LETTER_FIELDS):
        raise RuleRefusedError(
            rule.file, f"examples: {min(unknown)} is not a header that rules can use"
        )


def _counted(value: Any, number: str) -> Any:
    if isinstance(value, dict):
        return {name: _counted(inner, number) for name, inner in value.items()}
    if isinstance(value, list):
        return [_counted(inner, number) for inner in value]
    return value.replace("{n}", number) if isinstance(value, str) else value


def _document(
    fields: Mapping[str, Any], at: int, offset: int, catalogue: Catalogue, place: str
) -> Mapping[str, Any]:
    """Return the event as it would be stored, with all that the consumer adds."""
    moment = format_timestamp(as_time(at))
    wire: dict[str, Any] = {"@timestamp": moment}
    for path, value in {"event.id": f"example-{offset:08}", **fields}.items():
        *parents, name = path.split(".")
        level = wire
        for parent in parents:
            level = level.setdefault(parent, {})
            if not isinstance(level, dict):
                raise EventRefusedError(Reason.INVALID, Problem(path, f"{parent} is a value already"))
        level[name] = value
    event = catalogue.settle(validate(wire))
    activity = catalogue[event.event.action]
    origin = Origin("audit.events", 0, offset)
    document = Document.of(event, activity, origin, moment, moment, place=place)
    found: Mapping[str, Any] = json.loads(document.body)
    return found
