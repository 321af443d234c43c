"""Which groups are worth an exact check, and when: by counts that Elasticsearch makes. Pure.

A window as long as the span lies within two neighbouring steps of that length, wherever the edges of
the steps are. So a group whose two steps together have too few events can't fire between them, and
nothing that straddles an edge is left out. Distinct values are never more than events, so events are
counted for these too: Elasticsearch's own count of values is only about right.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit_schemas import merge_intervals

from audit_alerts.matches import GroupValues
from audit_alerts.plan import (
    OPTIONAL,
    Absence,
    Base,
    Correlation,
    Kind,
    Node,
    bases_of,
    field_below,
)

__all__ = [
    "PAGE",
    "Driver",
    "Window",
    "candidate_windows",
    "counts_body",
    "driver_of",
    "merge_windows",
]

PAGE = 5000
"""Counts of one answer."""

_COUNTED = (Kind.EVENT_COUNT, Kind.VALUE_COUNT)
_WHOLE = 86_400_000

Window = tuple[int, int]
"""Milliseconds since 1970, from and to, both included."""


@dataclass(frozen=True, slots=True)
class Driver:
    """The part of a rule that its candidates are found by: without it nothing fires."""

    bases: tuple[Base, ...]
    group_by: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    """Base -> what the fields of the group are called in it."""
    step: int
    at_least: int


def driver_of(root: Correlation | Absence) -> Driver:
    """Return the most telling part: what has to come often, else what has no history condition."""
    if isinstance(root, Absence):
        return Driver((root.base,), root.group_by, {root.name: root.group_by}, _WHOLE, root.least)
    node, at_least, step = _telling(root)
    bases = tuple(bases_of(node))
    fields = {
        base.name: tuple(field_below(root, name, base) or name for name in root.group_by)
        for base in bases
    }
    return Driver(bases, root.group_by, fields, step, at_least)


def counts_body(driver: Driver, base: Base, after: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the aggregation that counts a base rule's events by step and group, a page of them."""
    sources: list[dict[str, Any]] = [
        {"step": {"date_histogram": {"field": "@timestamp", "fixed_interval": f"{driver.step}ms"}}}
    ]
    for number, path in enumerate(driver.fields[base.name]):
        missing = {"missing_bucket": True} if path in OPTIONAL else {}
        sources.append({f"group{number}": {"terms": {"field": path, **missing}}})
    composite: dict[str, Any] = {"size": PAGE, "sources": sources}
    if after is not None:
        composite["after"] = dict(after)
    return {"counts": {"composite": composite}}


def candidate_windows(
    driver: Driver, buckets: Iterable[Mapping[str, Any]]
) -> dict[GroupValues, list[Window]]:
    """Return the windows of each group in which the driver can be fulfilled; neighbours are one."""
    counts: dict[GroupValues, Counter[int]] = {}
    for bucket in buckets:
        key = bucket["key"]
        group = tuple(key[f"group{number}"] for number in range(len(driver.group_by)))
        counts.setdefault(group, Counter())[key["step"]] += bucket["doc_count"]
    found = {group: _windows(driver, steps) for group, steps in counts.items()}
    return {group: windows for group, windows in found.items() if windows}


def merge_windows(windows: Iterable[Window], *, gap: int = 1) -> list[Window]:
    """Return the windows sorted, with those merged that begin within `gap` ms of another's end."""
    return list(merge_intervals(sorted(windows), gap=gap))


def _windows(driver: Driver, steps: Mapping[int, int]) -> list[Window]:
    return merge_windows(
        (start - driver.step, start + driver.step - 1)
        for start in steps
        if steps[start] + steps.get(start - driver.step, 0) >= driver.at_least
    )


def _telling(node: Node) -> tuple[Node, int, int]:
    """Return a part, and how many of its events have to come within how long a step."""
    if isinstance(node, Base):
        return node, 1, _WHOLE
    if node.kind in _COUNTED:
        if all(isinstance(part, Base) for part in node.parts):
            least = 1 if any(base.history_condition for base in bases_of(node)) else node.at_least
            return node, least, node.span
        return node, 1, node.span
    if node.at_least < len(node.parts):
        return node, 1, node.span  # any of the parts may be the one that is missing
    return _most_telling([_telling(part) for part in node.parts])


def _most_telling(found: Sequence[tuple[Node, int, int]]) -> tuple[Node, int, int]:
    plain = [each for each in found if not any(base.history_condition for base in bases_of(each[0]))]
    return max(plain or found, key=lambda each: each[1])
