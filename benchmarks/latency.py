"""From publish to searchable: a steady stream, and a search for sampled events every 50 ms."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Self

from audit_producer import ProducerSettings
from confluent_kafka import Producer

from benchmarks.contestants import Arena
from benchmarks.errors import BenchError
from benchmarks.figures import quantile, table
from benchmarks.kafka import records
from benchmarks.records import Moment, Record, record_of, send
from benchmarks.run import Watch
from benchmarks.topic import TOPIC

_TOPIC = "bench.latency"
_RECORDS = 100_000
_TICK = 0.01
_SAMPLE_SECONDS = _SEARCH_SECONDS = 0.05
_WARM_SECONDS = 20.0
"""Before the first sample: the consumer catches up with what came while it started, and the servers
compile what they run most."""
_PATIENCE_SECONDS = 60.0

Find = Callable[[list[str]], list[str]]
"""Returns those of the ids that a search finds now."""


def measure_latency(arena: Arena, rate: float, seconds: float) -> None:
    """Publish at a steady rate while a consumer runs, and time sampled events. Raises BenchError.

    The time of an event is its own `@timestamp`, taken at most 10 ms before it is published; it is
    found when the answer to the first search that has it arrived. Refresh is 1 s.
    """
    arena = replace(arena, topic=_TOPIC)
    source = [record_of(message) for message in records(arena.servers.kafka, TOPIC, _RECORDS)]
    stream = Stream(arena.servers.kafka, source, rate)
    with (
        arena.fresh_index() as index,
        arena.consuming(index.prefix, "a consumer of a steady stream") as children,
        stream,
    ):
        watch = Watch(arena.servers, children, lambda: 0, 0)
        watch.until(lambda: index.indexed() > 0, "a first event is indexed")
        time.sleep(min(_WARM_SECONDS, seconds))
        found = stream.latencies(index.find, seconds)
        published, rate = stream.finish()
        arena.wait_for_commit(children, index.prefix)
        index.check_count(published, "the latency's consumer")
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "highest": 1.0}
    rows = [
        [
            f"{rate:,.0f}",
            *(f"{quantile(found, share):.2f} s" for share in shares.values()),
            str(len(found)),
        ]
    ]
    note = f"At a steady rate for {seconds:.0f} s; the index refreshes every second."
    headings = ("events/s", *shares, "samples")
    arena.screen.show(table("From publish to searchable", headings, rows, note))


class Stream:
    """Publishes events that happen now, with next to no CPU, from a thread of its own.

    The topic's own records serve again: each gets the present time and a new id.
    """

    def __init__(self, kafka: str, source: Sequence[Record], rate: float) -> None:
        settings = ProducerSettings(kafka_bootstrap_servers=kafka, topic=_TOPIC)
        self._producer = Producer(settings.producer_config())
        self._source = source
        self._rate = rate
        self._numbers = count(1)
        self._sampling = threading.Event()
        self._waiting: dict[str, float] = {}
        """Ids of samples that were not found yet, and when each happened."""
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._sent, self._seconds = 0, 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def latencies(self, find: Find, seconds: float) -> list[float]:
        """Sample an event every 50 ms for so long; return how long each took to be found."""
        found: list[float] = []
        begin = time.monotonic()
        deadline = begin + seconds + _PATIENCE_SECONDS
        self._sampling.set()
        while self._sampling.is_set() or self._waiting:
            started = time.monotonic()
            if waiting := list(self._waiting):
                seen, now = find(waiting), time.time()
                found += [now - self._waiting.pop(event) for event in seen]
            self._check()
            if started > begin + seconds:
                self._sampling.clear()
            if started > deadline:
                raise BenchError(
                    f"{len(self._waiting)} sampled events were not found within "
                    f"{_PATIENCE_SECONDS:.0f} s: the consumer does not keep up"
                )
            time.sleep(max(0.0, started + _SEARCH_SECONDS - time.monotonic()))
        if not found:
            raise BenchError("no event was sampled")
        return found

    def finish(self) -> tuple[int, float]:
        """Stop; return how many events were delivered, and how many a second there were."""
        self._stop.set()
        self._thread.join()
        self._check()
        return self._sent, self._sent / self._seconds

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _check(self) -> None:
        if self._failure is not None:
            raise BenchError(f"the stream failed: {self._failure}")

    def _run(self) -> None:
        begin = time.monotonic()
        try:
            while not self._stop.is_set():
                self._publish(int((time.monotonic() - begin) * self._rate) - self._sent)
                self._producer.poll(0)
                time.sleep(_TICK)
            self._seconds = time.monotonic() - begin
            if left := self._producer.flush(60):
                raise BenchError(f"{left} events were not delivered")
        except Exception as error:  # noqa: BLE001 - raised by `_check`, in the thread that waits
            self._failure = error

    def _publish(self, due: int) -> None:
        now = time.time()
        moment = Moment.of(datetime.fromtimestamp(now, UTC))
        for _ in range(due):
            number = next(self._numbers)
            record = self._source[number % len(self._source)]
            event_id, value = record.moved(number, moment)
            if self._sampling.is_set() and number % max(1, int(self._rate * _SAMPLE_SECONDS)) == 0:
                self._waiting[event_id] = now
            send(self._producer, _TOPIC, record, value)
            self._sent += 1
