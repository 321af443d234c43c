"""What a base rule asks of one event, as the program itself can answer it. Pure.

It says what Elasticsearch says of the query that `condition_query` makes of it: keywords are compared
whole and by case, an address by its value, and of several values of a field one has to fit.
"""

import dataclasses
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from audit_runtime import ReferenceList

from audit_alerts.fields import FieldKind

__all__ = [
    "AllOf",
    "AnyOf",
    "Condition",
    "Equals",
    "Exists",
    "InList",
    "InNetwork",
    "Like",
    "Not",
    "depth_of",
    "fields_of",
    "leaves_of",
    "values_at",
]

Event = Mapping[str, Any]


class Condition(Protocol):
    """Answers whether an event fits. Never raises for an event of ours."""

    def matches(self, event: Event) -> bool:
        """Tell whether the event fits."""
        ...


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part fits."""

    parts: tuple[Condition, ...]

    def matches(self, event: Event) -> bool:
        """Tell whether the event fits."""
        return all(part.matches(event) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part fits; of no parts, none does."""

    parts: tuple[Condition, ...]

    def matches(self, event: Event) -> bool:
        """Tell whether the event fits."""
        return any(part.matches(event) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not fit, be it for want of the field."""

    part: Condition

    def matches(self, event: Event) -> bool:
        """Tell whether the event fits."""
        return not self.part.matches(event)


@dataclass(frozen=True, slots=True)
class Equals:
    """A value of the field is this one."""

    field: str
    value: str

    def matches(self, event: Event) -> bool:
        """Tell whether the event fits."""
        return self.value in values_at(event, self.field)


@dataclass(frozen=True, slots=True)
class Like:
    """A value of the field fits a pattern: text, with None for any text and ... for one character."""

    field: str
    pattern: tuple[Any, ...]
    _re: re.Pattern[str] = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = ((".*" if p is None else "." if p is ... else re.escape(p)) for p in self.pattern)
        object.__setattr__(self, "_re", re.compile("".join(parts), re.DOTALL))

    def matches(self, event: Event) -> bool:
        """Tell whether the event fits."""
        return any(self._re.fullmatch(value) for value in values_at(event, self.field))


@dataclass(frozen=True, slots=True)
class InNetwork:
    """An address of the field is in a range; a single address is a range of one."""

    field: str
    network: ipaddress.IPv4Network | ipaddress.IPv6Network

    def matches(self, event: Event) -> bool:
        """Tell whether the event fits."""
        first, last = _bounds(self.network)
        return any(first <= _number(value) <= last for value in values_at(event, self.field))


@dataclass(frozen=True, slots=True)
class InList:
    """A value of the field is on a list that the deployment keeps: among its entries of that kind."""

    field: str
    name: str
    kind: FieldKind
    digest: str = ""
    """Which list it is, by its content; empty: there is none, so nothing is on it."""
    entries: ReferenceList | None = dataclasses.field(default=None, compare=False, repr=False)

    def matches(self, event: Event) -> bool:
        """Tell whether the event fits."""
        return any(self._has(value) for value in values_at(event, self.field))

    def _has(self, value: str) -> bool:
        entries = self.entries
        if entries is None:
            return False
        match self.kind:
            case "ip":
                return entries.has_address(value)
            case "number":
                return entries.has_number(value)
            case _:
                return entries.has_name(value)


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value."""

    field: str

    def matches(self, event: Event) -> bool:
        """Tell whether the event fits."""
        return next(iter(values_at(event, self.field)), None) is not None


def values_at(event: Event, path: str) -> tuple[str, ...]:
    """Return the values of a field; a dot may part names, or be one's own (labels, headers)."""
    found: Any = event
    while path and type(found) is dict:  # as JSON gives it: most fields are reached without a call
        if path in found:
            found, path = found[path], ""
        else:
            name, _, path = path.partition(".")
            if not path or name not in found:
                return ()
            found = found[name]
    return (found,) if not path and type(found) is str else tuple(_values(found, path))


def fields_of(condition: Any) -> set[str]:
    """Return the fields that a condition asks for."""
    return {leaf.field for leaf in leaves_of(condition)}


def depth_of(condition: Any) -> int:
    """Return how many conditions hold one another at most."""
    if isinstance(condition, AllOf | AnyOf):
        return 1 + max(map(depth_of, condition.parts), default=0)
    return 1 + depth_of(condition.part) if isinstance(condition, Not) else 1


def leaves_of(condition: Any) -> Iterator[Any]:
    """Yield what a condition asks of single fields."""
    if isinstance(condition, AllOf | AnyOf):
        for part in condition.parts:
            yield from leaves_of(part)
    elif isinstance(condition, Not):
        yield from leaves_of(condition.part)
    else:
        yield condition


def _values(found: Any, path: str) -> Iterator[str]:
    if isinstance(found, list):
        for inner in found:
            yield from _values(inner, path)
    elif not path:
        if found is not None and not isinstance(found, Mapping):
            yield str(found)
    elif isinstance(found, Mapping):
        if path in found:
            yield from _values(found[path], "")
            return
        name, _, rest = path.partition(".")
        if rest and name in found:
            yield from _values(found[name], rest)


_MAPPED = 0xFFFF << 32
"""An IPv4 address as Elasticsearch keeps it: inside ::ffff:0:0/96."""


@lru_cache(maxsize=8192)
def _number(address: str) -> int:
    parsed = ipaddress.ip_address(address)
    return int(parsed) + (_MAPPED if parsed.version == 4 else 0)  # noqa: PLR2004


@lru_cache(maxsize=4096)
def _bounds(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> tuple[int, int]:
    shift = _MAPPED if network.version == 4 else 0  # noqa: PLR2004
    return int(network.network_address) + shift, int(network.broadcast_address) + shift
