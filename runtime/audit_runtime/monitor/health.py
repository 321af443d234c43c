"""Whether a process makes progress."""

import time

__all__ = ["ALIVE_SECONDS", "Health"]

ALIVE_SECONDS = 120.0
"""How long a loop may go without a beat; no wait of its own is longer."""


class Health:
    """Whether the loop is alive, and the problem that blocks it."""

    def __init__(self) -> None:
        self.problem: str | None = "not started yet"
        self._beat = time.monotonic()

    def beat(self, problem: str | None) -> None:
        """Record a beat, and the problem that blocks the loop, if any."""
        self._beat = time.monotonic()
        self.problem = problem

    def alive(self) -> None:
        """Record a beat; the problem stays as it was."""
        self._beat = time.monotonic()

    def is_alive(self) -> bool:
        """Return whether there was a beat within the last two minutes."""
        return time.monotonic() - self._beat < ALIVE_SECONDS
