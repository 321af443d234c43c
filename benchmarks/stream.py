"""A steady stream of events that happen now, published with next to no CPU.

The topic's own records serve again: each gets the present time and an id that never was, by cutting
bytes. So the stream's cost does not disturb what is measured.
"""

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from types import TracebackType
from typing import Self

from audit_producer import ProducerSettings
from audit_schemas import format_timestamp
from confluent_kafka import Producer

from benchmarks.cut import Cut, cut, offer
from benchmarks.errors import BenchError
from benchmarks.kafka import records
from benchmarks.topic import TOPIC

__all__ = ["Stream", "load_stream"]

_RECORDS = 100_000
_TICK = 0.01
_SAMPLE_SECONDS = 0.05


def load_stream(servers: str) -> list[Cut]:
    """Return a part of the preloaded topic's records, cut."""
    return [cut(message) for message in records(servers, TOPIC, _RECORDS)]


class Stream:
    """Publishes from a thread of its own, from entering to `finish` or leaving the context."""

    def __init__(self, servers: str, topic: str, source: Sequence[Cut], rate: float) -> None:
        settings = ProducerSettings(kafka_bootstrap_servers=servers, topic=topic)
        self._producer = Producer(settings.producer_config())
        self._topic = topic
        self._source = source
        self._rate = rate
        self._numbers = count(1)
        self._samples: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._sent, self._seconds = 0, 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sampling = threading.Event()
        """While it is set, an event every 50 ms is a sample."""

    def take_samples(self) -> dict[str, float]:
        """Return the ids of new samples, and when each happened, as time.time() has it.

        Raises BenchError if the stream broke off.
        """
        self._check()
        with self._lock:
            taken, self._samples = self._samples, {}
            return taken

    def finish(self) -> tuple[int, float]:
        """Stop; return how many events were delivered, and how many a second there were."""
        self._stop.set()
        self._thread.join()
        self._check()
        return self._sent, self._sent / self._seconds

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _check(self) -> None:
        if self._failure is not None:
            raise BenchError(f"the stream broke off: {self._failure}")

    def _run(self) -> None:
        begin = time.monotonic()
        try:
            while not self._stop.is_set():
                due = int((time.monotonic() - begin) * self._rate) - self._sent
                self._publish(due)
                self._producer.poll(0)
                time.sleep(_TICK)
            self._seconds = time.monotonic() - begin
            if left := self._producer.flush(60):
                raise BenchError(f"{left} events were not delivered")
        except Exception as error:  # noqa: BLE001 - told by whoever asks next
            self._failure = error

    def _publish(self, due: int) -> None:
        now = time.time()
        moment = format_timestamp(datetime.fromtimestamp(now, UTC)).encode()
        for _ in range(due):
            number = next(self._numbers)
            record = self._source[number % len(self._source)]
            if self.sampling.is_set() and number % max(1, int(self._rate * _SAMPLE_SECONDS)) == 0:
                with self._lock:
                    self._samples[record.id(number)] = now
            offer(
                self._producer, self._topic, record.key, record.renewed(number, moment), record.headers
            )
            self._sent += 1
