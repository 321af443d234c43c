"""Where a stream's items come from."""

from typing import Protocol

from audit_forward.item import Batch
from audit_forward.state import StreamState

__all__ = ["Source"]


class Source(Protocol):
    """Where a stream's items come from, in order. For one thread at a time."""

    def begin(self, state: StreamState) -> StreamState:
        """Go to where a stream is, and return that; a new one is given where it begins."""

    def read(self) -> Batch | None:
        """Return what follows, an empty batch if nothing is there yet, None at the end."""

    def lag(self, state: StreamState) -> int:
        """Return how many records are behind the positions, as far as that is known."""

    def close(self) -> None:
        """Close the connections."""
