"""Whether a process gets on with its work."""

import time

__all__ = ["ALIVE_SECONDS", "Health"]

ALIVE_SECONDS = 120.0
"""How long a loop may be silent; no wait of its own is longer."""


class Health:
    """Whether the loop turns, and what keeps it from its work."""

    def __init__(self) -> None:
        self.problem: str | None = "not started yet"
        self._beat = time.monotonic()

    def beat(self, problem: str | None) -> None:
        """Note that the loop turned, and what hinders it, if anything."""
        self._beat = time.monotonic()
        self.problem = problem

    def alive(self) -> None:
        """Note that the loop turned; what hinders it is as it was."""
        self._beat = time.monotonic()

    def is_alive(self) -> bool:
        """Tell whether it turned within the last two minutes."""
        return time.monotonic() - self._beat < ALIVE_SECONDS
