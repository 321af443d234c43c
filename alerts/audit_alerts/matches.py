"""Events as the evaluation sees them: when, where in Kafka, and the few values that matter. Pure."""

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from audit_schemas import OFFSET_HEADER, PARTITION_HEADER, RECEIVED_HEADER

from audit_alerts.condition import values_at
from audit_alerts.fields import kind_of
from audit_alerts.plan import (
    OPTIONAL,
    Absence,
    Base,
    Correlation,
    ImpossibleTravel,
    LogSource,
    NewTerms,
    Node,
    UnusualHours,
    field_below,
    nodes_of,
)
from audit_alerts.times import in_millis

__all__ = [
    "LOCATION",
    "GroupValues",
    "Match",
    "group_values",
    "matches_of_base",
    "needed_fields",
    "place",
]

LOCATION = ("source.geo.location.lat", "source.geo.location.lon")
"""Where an event's address is, in degrees."""

GroupValues = tuple[str | None, ...]
"""The values of what is grouped by, in its order; None where an event may lack one."""

_HOME: Mapping[LogSource, tuple[str, str, str]] = {
    LogSource.EVENTS: ("@timestamp", "audit.kafka.partition", "audit.kafka.offset"),
    LogSource.DEAD_LETTERS: (RECEIVED_HEADER, PARTITION_HEADER, OFFSET_HEADER),
}
"""When it happened, and what tells events of one moment apart. A dead letter's time is when Kafka
took the refused record, so that a consumer's backlog is no flood."""


@dataclass(frozen=True, slots=True)
class Match:
    """An event that fits a base rule, or the moment at which a correlation fired."""

    at: int
    """Milliseconds since 1970, as Elasticsearch compares times."""
    order: tuple[int, int]
    """Kafka partition and offset: which of two of the same moment comes first."""
    id: str
    since: int
    """When what it is about began; an event's own time."""
    values: Mapping[str, str | None]
    """Of the fields that matter; addresses in one spelling each."""
    weight: int = 1
    """How many events it stands for: those of a cell, alike in all these values, are one match."""


def matches_of_base(
    base: Base, fields: Iterable[str], events: Iterable[Mapping[str, Any]]
) -> list[Match]:
    """Return the events that fit a base rule, in order of time, whatever its history condition.

    An event that is given twice counts once.
    """
    wanted = tuple(fields)
    addresses = {path for path in wanted if kind_of(path) == "ip"}
    home = _HOME[base.log_source]
    found: dict[tuple[int, tuple[int, int], str], Match] = {}
    for event in events:
        if base.condition.matches(event):
            match = _match(event, home, wanted, addresses)
            found[match.at, match.order, match.id] = match
    return [found[key] for key in sorted(found)]


def needed_fields(root: Node | Absence, base: Base) -> frozenset[str]:
    """Return the fields of a base rule's events that groups, counts and history conditions need."""
    found: set[str] = set(root.group_by) if isinstance(root, Absence) else set()
    for node in nodes_of(root):
        if isinstance(node, Correlation):
            wanted = {*node.group_by, *([node.counted] if node.counted else ())}
            found |= {path for name in wanted if (path := field_below(node, name, base))}
    match base.history_condition:
        case NewTerms(field, group_by):
            found |= {field, *group_by}
        case UnusualHours(group_by):
            found |= set(group_by)
        case ImpossibleTravel(group_by):
            found |= {*LOCATION, *group_by}
        case None:
            pass
    return frozenset(found.union(*(seen.by for seen in base.seen_before)))


def place(match: Match) -> tuple[int, tuple[int, int], str]:
    """Return what matches are sorted by: when it happened, then which of one moment comes first."""
    return match.at, match.order, match.id


def group_values(match: Match, names: Iterable[str]) -> GroupValues | None:
    """Return the group that a match is in, None if it lacks a value that tells groups apart."""
    found = []
    for name in names:
        value = match.values.get(name)
        if value is None and name not in OPTIONAL:
            return None
        found.append(value)
    return tuple(found)


def _match(
    event: Mapping[str, Any],
    home: tuple[str, str, str],
    fields: tuple[str, ...],
    addresses: Collection[str],
) -> Match:
    when, partition, offset = (next(iter(values_at(event, path)), None) for path in home)
    at = in_millis(str(when))
    order = (int(partition or 0), int(offset or 0))
    named = next(iter(values_at(event, "event.id")), None)
    values = {path: next(iter(values_at(event, path)), None) for path in fields}
    for path in addresses:
        if (address := values[path]) is not None:
            values[path] = _as_grouped(address)
    return Match(at, order, named or f"{order[0]}-{order[1]}", at, values)


@lru_cache(maxsize=8192)
def _as_grouped(address: str) -> str:
    """Return an address as Elasticsearch writes it: one group, however its publishers spell it."""
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
