"""Wait for a condition, never for a time."""

import time
from collections.abc import Callable

__all__ = ["wait_until"]


_FIRST_SECONDS = 0.05
_SHARE = 0.1
"""So much longer than needed a wait may take."""
_LONGEST_SECONDS = 0.5


def wait_until(
    condition: Callable[[], object], *, seconds: float = 180, pause: float | None = None, what: str
) -> None:
    """Return when the condition holds; fail with `what` did not happen if it never does.

    It is asked every `pause` seconds, by default at first often and less so the longer it takes: to
    ask is work, for servers above all. The deadline is for a machine that has much else to do: only
    a test that fails waits for it.
    """
    begun = time.monotonic()
    while not condition():
        waited = time.monotonic() - begun
        if waited > seconds:
            raise AssertionError(f"after {seconds} s it is still not so that {what}")
        time.sleep(pause or min(max(_FIRST_SECONDS, _SHARE * waited), _LONGEST_SECONDS))
