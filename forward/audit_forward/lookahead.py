"""Batches that are made at the same time, and taken in the order in which they were asked for."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from audit_forward.item import Batch

__all__ = ["LookAhead"]


class LookAhead:
    """Makes batches in threads, a bounded number and amount of them at once. For one thread."""

    def __init__(self, most: int, most_bytes: int) -> None:
        """Be full with `most` batches, or as soon as they are made of `most_bytes`."""
        self._most = most
        self._most_bytes = most_bytes
        self._pool = ThreadPoolExecutor(most, "look-up")
        self._coming: deque[tuple[Future[Batch], int]] = deque()
        self._has_failed = False

    @property
    def is_full(self) -> bool:
        """Whether nothing may be added; behind an error, nothing is."""
        bytes_held = sum(size for _, size in self._coming)
        return self._has_failed or len(self._coming) >= self._most or bytes_held >= self._most_bytes

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to take."""
        return not self._coming

    def add(self, make: Callable[[], Batch], size: int) -> None:
        """Begin to make a batch of so many bytes."""
        self._coming.append((self._pool.submit(make), size))

    def add_error(self, error: Exception) -> None:
        """Have `take` raise an error, once all that was added before it is taken."""
        failed: Future[Batch] = Future()
        failed.set_exception(error)
        self._coming.append((failed, 0))
        self._has_failed = True

    def take(self) -> Batch:
        """Wait for the oldest batch, and return it.

        Raises what made it fail, and again at each call until `clear`: no batch is passed over.
        """
        batch = self._coming[0][0].result()
        self._coming.popleft()
        return batch

    def clear(self) -> None:
        """Forget all that was added; what is under way ends by itself."""
        for batch, _ in self._coming:
            batch.cancel()
        self._coming.clear()
        self._has_failed = False

    def close(self) -> None:
        """Forget all, and wait for what is under way."""
        self.clear()
        self._pool.shutdown(wait=True)
