"""Wait for a condition, never for a time."""

import time
from collections.abc import Callable

__all__ = ["wait_until"]


def wait_until(
    condition: Callable[[], object], *, seconds: float = 180, pause: float = 0.05, what: str
) -> None:
    """Return when the condition holds; fail with `what` did not happen if it never does.

    The deadline is for a machine that has much else to do: only a test that fails waits for it.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s it is still not so that {what}")
        time.sleep(pause)
