"""From publish to searchable: a steady stream, and a search for sampled events every 50 ms."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.children import Child, running
from benchmarks.contestants import CONSUMER, Arena, consumer_commands, consumer_environment
from benchmarks.errors import BenchError
from benchmarks.index import Index
from benchmarks.run import Watch
from benchmarks.spread import quantile
from benchmarks.stream import Stream, load_stream

__all__ = ["WARM_SECONDS", "Pace", "measure_latency"]

_TOPIC = "bench.latency"
WARM_SECONDS = 8.0

_SEARCH_SECONDS = 0.05
_PATIENCE_SECONDS = 60.0
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast, and for how long."""

    events_per_second: float
    warm_seconds: float
    """Before the first sample: the consumer catches up with what came while it started."""
    seconds: float


def measure_latency(arena: Arena, pace: Pace) -> dict[str, Any]:
    """Publish at a steady pace while a consumer runs, and time sampled events. Raises BenchError.

    The time of an event is its own `@timestamp`, taken at most 10 ms before it is published; it is
    found when the answer to the first search that has it arrived. Refresh is 1 s.
    """
    arena = replace(arena, topic=_TOPIC)
    records = load_stream(arena.servers.kafka)
    with arena.fresh_index() as index:
        environment = consumer_environment(arena.servers, _TOPIC, index.prefix)
        commands = consumer_commands(CONSUMER, 1, "a consumer at half its rate", environment)
        stream = Stream(arena.servers.kafka, _TOPIC, records, pace.events_per_second)
        with running(commands, arena.servers.folder) as children, stream:
            watch = Watch(arena.servers, children, lambda: 0, 0)
            watch.until(lambda: index.indexed() > 0, "a first event is indexed")
            time.sleep(pace.warm_seconds)
            found = _Probing(arena, index, stream, children).run(pace.seconds)
            published, rate = stream.finish()
            arena.wait_for_commit(children, index.prefix)
        index.check_count(published, "the latency's consumer")
    return asdict(pace) | {"events_per_second": rate, "samples": len(found)} | _figures(found)


def _figures(latencies: Sequence[float]) -> dict[str, float]:
    figures = {name: quantile(latencies, share) for name, share in _SHARES.items()}
    return figures | {"highest": max(latencies)}


class _Probing:
    """Searches for what was sampled and not found yet, one cheap request for all of them."""

    def __init__(self, arena: Arena, index: Index, stream: Stream, children: Sequence[Child]) -> None:
        self._arena = arena
        self._index = index
        self._stream = stream
        self._children = children
        self._waiting: dict[str, float] = {}
        self._found: list[float] = []

    def run(self, seconds: float) -> list[float]:
        """Sample for so long; return how long each sampled event took, in seconds."""
        self._stream.sampling.set()
        begin = time.monotonic()
        with self._arena.screen.bar("Publish to searchable", int(seconds)) as advance:
            while time.monotonic() < begin + seconds:
                advance(int(time.monotonic() - begin))
                self._look()
        self._stream.sampling.clear()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self._look():
            if time.monotonic() > deadline:
                raise BenchError(
                    f"{len(self._waiting)} of {len(self._waiting) + len(self._found)} sampled events "
                    f"were not found within {_PATIENCE_SECONDS:.0f} s: the consumer does not keep up"
                )
        if not self._found:
            raise BenchError("no event was sampled")
        return self._found

    def _look(self) -> int:
        """Search once, at the next time for it; return how many are still waited for."""
        for child in self._children:
            child.check()
        begin = time.monotonic()
        self._waiting |= self._stream.take_samples()
        if self._waiting:
            seen = self._index.find(list(self._waiting))
            now = time.time()
            self._found += [now - self._waiting.pop(event) for event in seen]
        time.sleep(max(0.0, begin + _SEARCH_SECONDS - time.monotonic()))
        return len(self._waiting)
