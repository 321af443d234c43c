"""Threads that settle batches while the loop reads and validates the next."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from audit_consumer.batch import Batch
from audit_consumer.settle import Progress

__all__ = ["BulkResult", "Workers"]


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of a batch."""

    batch: Batch
    events: int
    """How many documents were sent."""
    size: int
    """Bytes of the body that was sent."""
    seconds: float
    progress: Progress


class Workers:
    """Settles batches, each in a thread. Submit and land from one thread.

    The threads are daemons: a stop need not wait for a request that nobody answers.
    """

    def __init__(self, settle: Callable[[Batch], Progress]) -> None:
        self._settle = settle
        self._todo: queue.SimpleQueue[Batch] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[BulkResult | BaseException] = queue.SimpleQueue()
        self._threads = 0
        self.in_flight = 0

    def submit(self, batch: Batch) -> None:
        """Have a batch settled; it is the worker's until it lands."""
        self.in_flight += 1
        if self.in_flight > self._threads:
            self._threads += 1
            threading.Thread(target=self._work, name=f"bulk-{self._threads}", daemon=True).start()
        self._todo.put(batch)

    def results(self, seconds: float = 0.0) -> Iterator[BulkResult]:
        """Yield batches that came back; wait so long for the first. Raises what a worker raised."""
        while self.in_flight:
            try:
                result = self._done.get(timeout=seconds) if seconds > 0 else self._done.get_nowait()
            except queue.Empty:
                return
            self.in_flight -= 1
            if isinstance(result, BaseException):
                raise result
            yield result
            seconds = 0.0

    def _work(self) -> None:
        while True:
            batch = self._todo.get()
            events, size, began = len(batch.messages), batch.size, time.monotonic()
            try:
                progress = self._settle(batch)
            except BaseException as error:  # noqa: BLE001 - the loop raises it
                self._done.put(error)
            else:
                self._done.put(BulkResult(batch, events, size, time.monotonic() - began, progress))
