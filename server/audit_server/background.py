"""What takes long to find out: found out in the background, kept for some seconds."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Generic, TypeVar

import structlog

__all__ = ["BackgroundValue", "Reading"]

_log = structlog.get_logger()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What was found out last: a value, and when; or that the last try failed."""

    value: T | None = None
    at: datetime | None = None
    failed: bool = False
    is_pending: bool = False
    """Nothing is known yet, and it is being found out."""


class BackgroundValue(Generic[T]):
    """Finds a value out in a thread of its own, when somebody asks and the last one is old.

    One thread at a time, whoever asks. `find` may raise anything: what it is goes to the log. For
    threads.
    """

    def __init__(
        self,
        name: str,
        find: Callable[[], T],
        *,
        fresh_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._find = find
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._reading: Reading[T] = Reading()
        self._tried: float | None = None
        self._done: threading.Event | None = None

    def read(self, *, wait_seconds: float = 0.0) -> Reading[T]:
        """Return what is known, at once; where nothing is, after so many seconds at most."""
        with self._lock:
            done = self._done or self._start_if_old()
            is_known = self._reading.at is not None or self._reading.failed
        if done is not None and not is_known and wait_seconds:
            done.wait(wait_seconds)
        with self._lock:
            reading = self._reading
            return reading if reading.at or reading.failed else replace(reading, is_pending=True)

    def _start_if_old(self) -> threading.Event | None:
        now = self._clock()
        if self._tried is not None and now - self._tried < self._fresh_seconds:
            return None
        self._tried, done = now, threading.Event()
        try:
            threading.Thread(target=self._run, args=(done,), name=self._name, daemon=True).start()
        except RuntimeError as error:  # there is no thread to be had: the next reader tries again
            _log.warning("not read", what=self._name, reason=str(error))
            return None
        self._done = done
        return done

    def _run(self, done: threading.Event) -> None:
        try:
            reading = Reading(self._find(), datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - whatever it is, the page goes on without it
            _log.warning("not read", what=self._name, reason=str(error)[:300])
            reading = replace(self._reading, failed=True)
        with self._lock:
            self._reading = reading
            self._tried = self._clock()
            self._done = None
        done.set()
