"""Somebody who asks the log again and again, whatever happens to it."""

import threading
import time
from types import TracebackType
from typing import Self

import elasticsearch
from audit_query import AuditLog, Filter, QuerySettings

__all__ = ["Reader"]

_PAUSE_SECONDS = 0.3


class Reader:
    """Asks for the newest events for as long as the context lasts, and notes how it fared."""

    def __init__(self, settings: QuerySettings) -> None:
        self._log = AuditLog(settings, seconds=settings.query_seconds)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._longest = 0.0
        self._failed = 0

    def begin(self) -> None:
        """Note anew from now on."""
        self._longest, self._failed = 0.0, 0

    def end(self) -> tuple[float, int]:
        """Return how long the slowest answer took since `begin`, in seconds, and how many failed."""
        return self._longest, self._failed

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._log.close()

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            begun = time.monotonic()
            try:
                self._log.search(Filter())
            except (elasticsearch.ApiError, elasticsearch.TransportError):
                self._failed += 1
            self._longest = max(self._longest, time.monotonic() - begun)
