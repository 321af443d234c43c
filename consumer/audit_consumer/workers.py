"""Threads that settle packs, so that Elasticsearch works while the loop reads and validates."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from audit_consumer.batch import Pack
from audit_consumer.settle import Progress

__all__ = ["Landing", "Workers"]


@dataclass(frozen=True, slots=True)
class Landing:
    """A pack that came back."""

    pack: Pack
    events: int
    """How many documents were sent."""
    size: int
    """Bytes of the body that was sent."""
    seconds: float
    progress: Progress


class Workers:
    """Settles packs, each in a thread. Submit and land from one thread.

    The threads are daemons: a stop need not wait for a request that nobody answers.
    """

    def __init__(self, settle: Callable[[Pack], Progress]) -> None:
        self._settle = settle
        self._todo: queue.SimpleQueue[Pack] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Landing | BaseException] = queue.SimpleQueue()
        self._threads = 0
        self.in_flight = 0

    def submit(self, pack: Pack) -> None:
        """Have a pack settled; it is the worker's until it lands."""
        self.in_flight += 1
        if self.in_flight > self._threads:
            self._threads += 1
            threading.Thread(target=self._work, name=f"bulk-{self._threads}", daemon=True).start()
        self._todo.put(pack)

    def landings(self, seconds: float = 0.0) -> Iterator[Landing]:
        """Yield packs that came back; wait so long for the first. Raises what a worker raised."""
        while self.in_flight:
            try:
                landing = self._done.get(timeout=seconds) if seconds > 0 else self._done.get_nowait()
            except queue.Empty:
                return
            self.in_flight -= 1
            if isinstance(landing, BaseException):
                raise landing
            yield landing
            seconds = 0.0

    def _work(self) -> None:
        while True:
            pack = self._todo.get()
            events, size, began = len(pack.messages), pack.size, time.monotonic()
            try:
                progress = self._settle(pack)
            except BaseException as error:  # noqa: BLE001 - the loop raises it
                self._done.put(error)
            else:
                self._done.put(Landing(pack, events, size, time.monotonic() - began, progress))
