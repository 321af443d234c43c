"""An event or alert on its way, and some of them together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

__all__ = ["Batch", "Item", "Limits", "first_part"]


class Item(msgspec.Struct, frozen=True, gc=False):
    """One event or alert, as the receiver gets it."""

    id: str
    """The same whenever it is sent again: the receiver drops repeats by it."""
    body: bytes
    """The chosen form, on one line."""
    happened: str = ""
    """When, in RFC 3339."""
    action: str = ""
    severity: int = 6
    """As syslog has it: 6 is informational, 0 an emergency."""
    partition: int = -1
    offset: int = -1
    cursor: Sequence[int] = ()
    """Where history goes on behind it."""
    organization: str | None = None
    user: str | None = None
    """The id of who acted; like the next, as the stream's rules for fields leave it."""
    ip: str | None = None


@dataclass(slots=True)
class Batch:
    """Items in order, and up to where everything before is in it, or is not wanted by the stream."""

    items: list[Item] = field(default_factory=list)
    ends: dict[int, int] = field(default_factory=dict)
    """For each partition, the offset to go on at."""
    received_ms: int | None = None
    """When Kafka took the last of it; None if that is not known."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was there."""
        return not (self.items or self.ends)

    def extend(self, other: "Batch") -> None:
        """Append what follows."""
        self.items += other.items
        self.ends.update(other.ends)
        self.received_ms = other.received_ms or self.received_ms


@dataclass(frozen=True, slots=True)
class Limits:
    """What a receiver takes at once, and how long it pays to wait for that much."""

    events: int
    bytes: int
    seconds: float = 0.2


def first_part(items: Sequence[Item], first: int, limits: Limits) -> Sequence[Item]:
    """Return the items from one on that are within the limits; one that is larger goes alone."""
    size = 0
    for at in range(first, min(len(items), first + limits.events)):
        size += len(items[at].body) + 1
        if size > limits.bytes and at > first:
            return items[first:at]
    return items[first : first + limits.events]
