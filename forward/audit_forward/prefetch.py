"""The next read of a source, under way while what was read before is delivered."""

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from audit_forward.item import Batch
from audit_forward.source import Source

__all__ = ["Prefetch"]


class Prefetch:
    """Reads one batch ahead of what is delivered, and no more. A context manager."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._pool = ThreadPoolExecutor(1, "read")
        self._coming = self._pool.submit(source.read)

    def take(self) -> Batch | None:
        """Return what follows, empty if nothing is there yet; None at the end. Raises as it does."""
        found = self._coming.result()
        if found is not None:
            self._coming = self._pool.submit(self._source.read)
        return found

    def take_if_ready(self) -> Batch | None:
        """Return what follows, if that needs no waiting."""
        return self.take() if self._coming.done() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
