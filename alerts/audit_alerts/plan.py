"""What rules become: frozen plans that say what to count, by what, over which time. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from audit_schemas import ALERT_LEVELS

from audit_alerts.condition import Condition

__all__ = [
    "LEVELS",
    "OPTIONAL",
    "Absence",
    "Base",
    "Correlation",
    "HistoryCondition",
    "ImpossibleTravel",
    "Kind",
    "LogSource",
    "NewTerms",
    "Node",
    "Rule",
    "SeenBefore",
    "Surge",
    "UnusualHours",
    "background_reach",
    "bases_of",
    "bases_read",
    "field_below",
    "fields_below",
    "group_fields",
    "nodes_of",
]

_DAY = 86_400_000

LEVELS = ALERT_LEVELS[::-1]
"""Of rules, and so of their alerts; the worst first."""

OPTIONAL = frozenset({"organization.id"})
"""Fields of a group that an event may lack: where there is one organization, none is named.

Without one of the others an event is in no group: an unknown address is not the same address.
"""


class Kind(StrEnum):
    """How a correlation looks at what its parts found: Sigma's own names."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"


class LogSource(StrEnum):
    """Where a base rule's events are: Sigma's logsource.service."""

    EVENTS = "audit-events"
    DEAD_LETTERS = "dead-letter"


@dataclass(frozen=True, slots=True)
class NewTerms:
    """Keep an event only if its value of `field` is new for its group.

    New: no event of the group had the value in the `history` before, and one had another. A group
    that was never seen before has nothing new: all of it is.
    """

    field: str
    group_by: tuple[str, ...]
    history: int

    @property
    def reach(self) -> int:
        """How long before an event others may decide about it, in milliseconds."""
        return self.history


@dataclass(frozen=True, slots=True)
class UnusualHours:
    """Keep an event only if its group is never active around that time of day.

    On at least `days` days of the `history` before that day there were events, and none of them
    within `margin` of that time of day, as a clock in UTC shows it. The time between two events no
    further apart than a `shift` counts as active too: who logs in and hours later out was there.
    """

    group_by: tuple[str, ...]
    history: int
    days: int
    margin: int
    shift: int = 0

    @property
    def reach(self) -> int:
        """How long before an event others may decide about it, in milliseconds."""
        return self.history + self.shift + _DAY  # the history begins at a day's beginning


@dataclass(frozen=True, slots=True)
class ImpossibleTravel:
    """Keep an event only if its group was too far away at its event before.

    Further than `distance` km, and than `speed` km/h get one in the time between. Events whose place is
    not known are left out.
    """

    group_by: tuple[str, ...]
    speed: int
    distance: int

    @property
    def reach(self) -> int:
        """How long before an event others may decide about it, in milliseconds."""
        return _HALF_AROUND_KM * 3_600_000 // self.speed + 1


_HALF_AROUND_KM = 20_038
"""No two places are further apart."""

HistoryCondition = NewTerms | UnusualHours | ImpossibleTravel


@dataclass(frozen=True, slots=True)
class Base:
    """Events that fit a condition, which Lucene says too; perhaps only those that a mark keeps."""

    name: str
    log_source: LogSource
    condition: Condition
    lucene: str
    history_condition: HistoryCondition | None = None
    seen_before: tuple["SeenBefore", ...] = ()

    @property
    def reach(self) -> int:
        """How long before an event others may decide about it, in milliseconds."""
        return self.history_condition.reach if self.history_condition is not None else 0


@dataclass(frozen=True, slots=True)
class SeenBefore:
    """Leave out an event whose group had certain others in the `history` before; or keep it alone.

    Such as a refused login from where the same person was let in before. Of `counted`, there have to
    be `least` different values.
    """

    base: Base
    by: tuple[str, ...]
    history: int
    counted: str | None = None
    least: int = 1
    is_wanted: bool = False
    """Keep those that had, rather than those that had not."""
    lag: int = 0
    """What happened so shortly before does not count."""


@dataclass(frozen=True, slots=True)
class Surge:
    """Far more than at this time of the days before: `factor` times the most of any of them."""

    days: int
    factor: int


@dataclass(frozen=True, slots=True)
class Correlation:
    """Parts that come together in one group within `span` milliseconds.

    event_count: at least so many hits. value_count: so many values of `counted`. temporal: hits of so
    many parts. temporal_ordered: hits of all parts, in their order. All are monotone: what more
    events there are, the more fires.
    """

    name: str
    kind: Kind
    parts: tuple["Node", ...]
    group_by: tuple[str, ...]
    span: int
    at_least: int
    counted: str | None = None
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """A group's field -> part -> what the field is called there."""
    cell: int = 0
    """Events are counted by steps of so many milliseconds; 0: each by itself."""
    surge: Surge | None = None

    @property
    def reach(self) -> int:
        """How long before an event others may decide about it, in milliseconds."""
        return self.span + max(part.reach for part in self.parts)

    def below(self, name: str, part: "Node") -> str:
        """Return what a field of the group is called in a part."""
        return self.aliases.get(name, {}).get(part.name, name)


@dataclass(frozen=True, slots=True)
class Absence:
    """A group that normally has events has none.

    Nothing for `after` milliseconds, though the same time of each of the days that it is compared
    with had at least `least` events.
    """

    base: Base
    group_by: tuple[str, ...]
    after: int
    days: int
    """How far back the furthest of these days is."""
    least: int
    only: tuple[int, ...] = ()
    """How many days before they are; none named: each of the last `days`."""

    @property
    def compared(self) -> tuple[int, ...]:
        """How many days before are those that it is compared with."""
        return self.only or tuple(range(1, self.days + 1))

    @property
    def name(self) -> str:
        """The base rule's name."""
        return self.base.name

    @property
    def reach(self) -> int:
        """How long before an event others may decide about it, in milliseconds."""
        return self.after + self.days * _DAY


Node = Base | Correlation


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule file, compiled: what it looks for, and what analysts wrote about it."""

    id: str
    name: str
    title: str
    description: str
    level: str
    false_positives: tuple[str, ...]
    what_to_do: str
    reasons: Mapping[str, Mapping[str, str]]
    """Document -> threshold -> why it is so."""
    tags: tuple[str, ...]
    file: str
    root: Correlation | Absence
    alert_span: int = _DAY
    """How far apart episodes of one group may be that belong to one alert, in milliseconds."""
    includes: tuple[str, ...] = ()
    """Names of rules whose alerts are parts of this one's; once linked, those that they include too."""
    included_by: tuple[str, ...] = ()
    """Names of rules that include this one."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """The lists that it names -> which ones they are, by content; empty: there is none."""
    optional_lists: frozenset[str] = frozenset()
    """Those of them that need not exist: then nothing is on them."""
    examples: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    idle: str | None = None
    """Why it can't fire as things are set; None if it can."""

    @property
    def log_source(self) -> LogSource:
        """Where its events are; all its parts look at the same."""
        return next(bases_of(self.root)).log_source


def nodes_of(root: Node | Absence) -> Iterator[Node]:
    """Yield all parts of a plan, parts first."""
    if isinstance(root, Absence):
        yield root.base
        return
    if isinstance(root, Correlation):
        for part in root.parts:
            yield from nodes_of(part)
    yield root


def bases_of(root: Node | Absence) -> Iterator[Base]:
    """Yield the base rules of a plan, in their order; one that is used twice comes twice."""
    return (node for node in nodes_of(root) if isinstance(node, Base))


def bases_read(root: Node | Absence) -> Iterator[Base]:
    """Yield the base rules of a plan, and those of the events that have to be before others."""
    for base in bases_of(root):
        yield base
        yield from (seen.base for seen in base.seen_before)


def background_reach(root: Node | Absence) -> int:
    """Return how long before an event others may be counted that decide about it, in milliseconds."""
    histories = [seen.history for base in bases_of(root) for seen in base.seen_before]
    is_held = isinstance(root, Correlation) and root.surge is not None
    days = root.surge.days * _DAY + root.span if is_held else 0  # type: ignore[union-attr]
    return max([days, *histories])


def field_below(node: Node, name: str, wanted: Node) -> str | None:
    """Return what a group's field of `node` is called in `wanted`, somewhere below it."""
    return next(fields_below(node, name, wanted), None)


def group_fields(root: "Correlation | Absence", base: Base) -> tuple[str, ...]:
    """Return what the fields of a rule's group are called in one of its base rules."""
    if isinstance(root, Absence):
        return root.group_by
    return tuple(field_below(root, name, base) or name for name in root.group_by)


def fields_below(node: Node, name: str, wanted: Node) -> Iterator[str]:
    """Yield what a group's field of `node` is called in `wanted`, for each place that it has below."""
    if node is wanted:
        yield name
    elif isinstance(node, Correlation):
        for part in node.parts:
            yield from fields_below(part, node.below(name, part), wanted)
