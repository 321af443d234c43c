"""How long to wait before the next try: doubling, with jitter, up to a limit."""

import random
import time
from dataclasses import dataclass

__all__ = ["Backoff"]

_FIRST_SECONDS = 0.1


@dataclass(slots=True)
class Backoff:
    """When the next try is due, on the monotonic clock."""

    limit: float
    tries: int = 0
    due: float = 0.0

    def wait(self) -> float:
        """Put the next try off, and return for how long. While one is put off, it stays as it is."""
        left = self.left()
        if left > 0:
            return left
        self.tries += 1
        pause: float = min(self.limit, _FIRST_SECONDS * 2 ** min(self.tries, 20))
        pause *= random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self.due = time.monotonic() + pause
        return pause

    def left(self) -> float:
        """Return the seconds until the next try, 0 if it is due."""
        return max(0.0, self.due - time.monotonic())

    def reset(self) -> None:
        """Start over: the last attempt succeeded."""
        self.tries, self.due = 0, 0.0
