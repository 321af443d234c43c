"""What a base rule asks of one event, as the program itself can answer it. Pure.

It says what Elasticsearch says of the Lucene query that the same rule becomes: keywords are compared
whole and by case, an address by its value, and of several values of a field one has to fit.
"""

import dataclasses
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

__all__ = [
    "AllOf",
    "AnyOf",
    "Condition",
    "Equals",
    "Exists",
    "InNetwork",
    "Like",
    "Not",
    "fields_of",
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
class Exists:
    """The field has a value."""

    field: str

    def matches(self, event: Event) -> bool:
        """Tell whether the event fits."""
        return next(iter(values_at(event, self.field)), None) is not None


def values_at(event: Event, path: str) -> tuple[str, ...]:
    """Return the values of a field; a dot may part names, or be one's own (labels, headers)."""
    return tuple(_values(event, path))


def fields_of(condition: Any) -> set[str]:
    """Return the fields that a condition asks for."""
    if isinstance(condition, AllOf | AnyOf):
        return {name for part in condition.parts for name in fields_of(part)}
    if isinstance(condition, Not):
        return fields_of(condition.part)
    return {condition.field}


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
