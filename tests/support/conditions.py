"""Wait for a condition, never for a time."""

import time
from collections.abc import Callable

__all__ = ["wait_until"]


def wait_until(
    condition: Callable[[], object], *, seconds: float = 60, pause: float = 0.05, what: str
) -> None:
    """Return when the condition holds; fail with `what` did not happen if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s it is still not so that {what}")
        time.sleep(pause)
