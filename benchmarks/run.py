"""One contestant's run: what is sampled while it works, and the figures that follow from it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psutil

from benchmarks.children import Child
from benchmarks.errors import BenchError
from benchmarks.family import Family, busy_seconds
from benchmarks.servers import Servers

STALL_SECONDS = 60.0
_LONGEST_PAUSE, _USUAL_PAUSE, _SHORTEST_PAUSE = 0.5, 0.1, 0.01
_MILLION = 1_000_000
_MIB = 1024 * 1024
_USERS = ("contestant", "elastic", "broker", "bench")


@dataclass(frozen=True, slots=True)
class Sample:
    """What was so at one moment: documents indexed, and CPU seconds used since each began."""

    at: float
    documents: int
    contestant: float
    elastic: float
    broker: float
    bench: float
    machine: float


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of one run."""

    documents: int
    documents_per_second: float
    """From the first document to the last."""
    contestant_cpu_per_million: float
    """CPU seconds, user and system, of all its processes, until all is committed, less the start."""
    elastic_cpu_per_million: float
    broker_cpu_per_million: float
    peak_mib: float
    """The largest resident size that one process reached."""
    start_seconds: float
    """From the start of the processes to the first document."""
    start_cpu_seconds: float
    """What it takes to start all its processes and to settle a first event."""
    total_cpu_seconds: float
    """The whole contestant's, start included."""
    others_share: float
    """The part of the machine that went to none of us: a large one makes the run doubtful."""


@dataclass(slots=True)
class Watch:
    """Watches a run from outside: counts, CPU times, progress. Raises BenchError if it stalls."""

    servers: Servers
    children: Sequence[Child]
    count: Callable[[], int]
    target: int
    on_progress: Callable[[int], None] = lambda _: None
    extra: Sequence[Family] = ()
    """Processes of the bench's own besides this one, such as a sink."""
    samples: list[Sample] = field(default_factory=list)

    def until_all(self) -> list[Sample]:
        """Wait until all documents are counted; return a sample of the start, and all that follow."""
        self._take(0)
        self.until(lambda: self.count() > 0, "a first document is indexed")
        self._take(self.count())
        moved = self.samples[-1]
        while self.samples[-1].documents < self.target:
            time.sleep(self._pause())
            self._take(self.count())
            if self.samples[-1].documents > moved.documents:
                moved = self.samples[-1]
            elif self.samples[-1].at - moved.at > STALL_SECONDS:
                raise self._stalled(f"stopped at {moved.documents:,} of {self.target:,} documents")
        return self.samples

    def until(self, done: Callable[[], bool], what: str, seconds: float = STALL_SECONDS) -> None:
        """Wait for a condition that has to come true while the contestant runs."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                raise self._stalled(f"did not get to where {what}", seconds)
            self._check()
            time.sleep(_USUAL_PAUSE)

    def _take(self, documents: int) -> None:
        self._check()
        self.on_progress(documents)
        bench = time.process_time() + sum(family.cpu_seconds() for family in self.extra)
        self.samples.append(
            Sample(
                time.monotonic(),
                documents,
                sum(child.family.cpu_seconds() for child in self.children),
                self.servers.elastic.cpu_seconds(),
                self.servers.broker.cpu_seconds(),
                bench,
                busy_seconds(),
            )
        )

    def _pause(self) -> float:
        """Sample rarely on the way and often near the end, so that the last moment is met."""
        first, last = self.samples[1], self.samples[-1]
        elapsed = max(last.at - self.samples[0].at, _SHORTEST_PAUSE)
        rate = max((last.documents - first.documents) / elapsed, 1.0)
        left = (self.target - last.documents) / rate
        return min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, left / 4))

    def _check(self) -> None:
        for child in self.children:
            child.check()

    def _stalled(self, what: str, seconds: float = STALL_SECONDS) -> BenchError:
        names = ", ".join(child.name for child in self.children)
        return BenchError(f"{names} {what} within {seconds:.0f} s. {self.children[0].end_of_log()}")


def figures(
    samples: Sequence[Sample], peak_bytes: int, total_cpu: float, start_cpu: float | None
) -> Run:
    """Return the figures of a run. Pure.

    `start_cpu` is what starting alone costs the contestant; with None the start counts as a part
    of the run, in its rate too, and so it does where the first sample finds half of all done.
    """
    start, first, last = samples[0], samples[1], samples[-1]
    whole = start_cpu is None or first.documents * 2 > last.documents
    begin, start_cpu = (start, 0.0) if whole or start_cpu is None else (first, start_cpu)
    scale = _MILLION / last.documents
    used = [getattr(last, name) - getattr(start, name) for name in _USERS]
    others = last.machine - start.machine - sum(used)
    return Run(
        documents=last.documents,
        documents_per_second=(last.documents - begin.documents) / (last.at - begin.at),
        contestant_cpu_per_million=(total_cpu - start_cpu) * scale,
        elastic_cpu_per_million=(last.elastic - start.elastic) * scale,
        broker_cpu_per_million=(last.broker - start.broker) * scale,
        peak_mib=peak_bytes / _MIB,
        start_seconds=first.at - start.at,
        start_cpu_seconds=start_cpu,
        total_cpu_seconds=total_cpu,
        others_share=max(0.0, others) / ((last.at - start.at) * (psutil.cpu_count() or 1)),
    )
