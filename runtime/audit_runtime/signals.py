"""Stop requests: SIGTERM and Ctrl-C."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["stop_requests"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_requests(*on_request: Callable[[], None]) -> Iterator[threading.Event]:
    """Give an event that is set by the first SIGTERM or Ctrl-C; a second one ends the process.

    `on_request` runs inside the signal handler: it may set flags, and must not log or take locks.
    Works in the main thread alone. The handlers that were there before return at the end.
    """
    requested = threading.Event()

    def handle(_: int, __: FrameType | None) -> None:
        requested.set()
        for notify in on_request:
            notify()
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
