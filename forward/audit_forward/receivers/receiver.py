"""What every receiver of a stream does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from audit_forward.item import Item, Limits

__all__ = ["Answer", "Receiver"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said, in a few words, for people."""

    text: str


class Receiver(Protocol):
    """Takes items in order. For one thread."""

    limits: Limits
    """How many items it takes at once."""

    def send(self, items: Sequence[Item]) -> Answer:
        """Deliver items, within the limits: when this returns, the receiver has acknowledged them.

        Blocks for the time of one attempt at most. Raises NotDeliveredError, after which any of them
        may have been delivered; RefusedError if the receiver refuses one of them, or all, for good;
        and CredentialsError where a secret can't be read.
        """
        ...

    def close(self) -> None:
        """Give back what is open."""
        ...
