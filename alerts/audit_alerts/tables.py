"""Rules and alerts as tables. What came from events is shown, never obeyed."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from typing import Any

from audit_schemas import format_timestamp, printable
from rich.markup import escape
from rich.table import Table

from audit_alerts.candidates import counts_body, driver_of
from audit_alerts.condition_query import base_query
from audit_alerts.episodes import Episode
from audit_alerts.plan import LogSource, Rule
from audit_alerts.times import as_time
from audit_alerts.words import grouping, in_words

__all__ = ["episode_fields", "episodes_table", "explanation", "rule_fields", "rules_table"]


def rules_table(rules: Iterable[Rule]) -> Table:
    """Return a row a rule."""
    table = Table(box=None, pad_edge=False)
    for heading in ("Rule", "Level", "What"):
        table.add_column(heading, no_wrap=heading != "What", overflow="fold")
    for rule in rules:
        state = f" (idle: {rule.idle})" if rule.idle else ""
        table.add_row(
            *(escape(printable(text)) for text in (rule.name, rule.level, rule.title + state))
        )
    return table


def rule_fields(rule: Rule) -> dict[str, Any]:
    """Return a rule for machines."""
    return {
        "id": rule.id,
        "name": rule.name,
        "title": rule.title,
        "level": rule.level,
        "description": rule.description,
        "false_positives": list(rule.false_positives),
        "what_to_do": rule.what_to_do,
        "group_by": list(rule.root.group_by),
        "tags": list(rule.tags),
        "file": rule.file,
        "idle": rule.idle,
    }


def episodes_table(episodes: Iterable[Episode], zone: tzinfo, zone_name: str) -> Table:
    """Return a row an alert."""
    table = Table(box=None, pad_edge=False)
    for heading in ("Rule", "Group", f"From ({zone_name})", f"To ({zone_name})"):
        table.add_column(heading, no_wrap=True)
    table.add_column("Events", justify="right", no_wrap=True)
    for episode in episodes:
        times = (as_time(at).astimezone(zone) for at in (episode.since, episode.last))
        table.add_row(
            escape(printable(episode.rule)),
            escape(printable(episode.key)),
            *(f"{at:%Y-%m-%d %H:%M:%S}" for at in times),
            f"{episode.count:,}",
        )
    return table


def episode_fields(episode: Episode) -> dict[str, Any]:
    """Return an alert for machines."""
    group = dict(zip(episode.group_by, episode.group, strict=True))
    return {
        "rule": episode.rule,
        "group": {name: value for name, value in group.items() if value is not None},
        "since": format_timestamp(as_time(episode.since)),
        "fired": format_timestamp(as_time(episode.fired)),
        "last": format_timestamp(as_time(episode.last)),
        "count": episode.count,
        "size": episode.size,
        "samples": list(episode.samples),
    }


def explanation(rule: Rule) -> Iterator[str]:
    """Yield the lines that say what a rule becomes."""
    return map(printable, _explanation(rule))


def _explanation(rule: Rule) -> Iterator[str]:
    yield f"{rule.title} ({rule.level})"
    yield rule.description
    yield ""
    yield "What fires"
    yield from _indented(in_words(rule.root))
    yield f"  One alert {grouping(rule.root.group_by)}, while it lasts."
    if rule.idle:
        yield f"  Idle: {rule.idle}."
    yield ""
    yield "Why these numbers"
    for document, reasons in rule.reasons.items():
        yield from _indented(f"{document}, {name}: {_line(why)}" for name, why in reasons.items())
    yield ""
    yield "What else it may be"
    yield from _indented(rule.false_positives)
    yield ""
    yield "What to do"
    yield from _indented([rule.what_to_do])
    yield ""
    yield from _queries(rule)
    yield f"File: {rule.file}"


def _queries(rule: Rule) -> Iterator[str]:
    if rule.log_source is LogSource.DEAD_LETTERS:
        yield "It reads the dead-letter topic, so it asks Elasticsearch nothing."
        return
    driver = driver_of(rule.root)
    need = f"candidates have {driver.at_least} in two neighbouring steps" if driver.at_least > 1 else ""
    for base in driver.bases:
        yield f"Query of {base.name}"
        yield from _indented([json.dumps(base_query(base))])
        yield f"Counts of {base.name}, by step and group{f'; {need}' if need else ''}"
        yield from _indented([json.dumps(counts_body(driver, base, None))])


def _indented(lines: Iterable[str] | Sequence[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _line(text: str) -> str:
    return " ".join(text.split())
