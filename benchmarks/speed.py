"""Side by side, interleaved: the ceiling, this consumer once and twice, the one written by hand."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.contestants import BY_HAND, CONSUMER, Arena, Shape
from benchmarks.index import Index
from benchmarks.run import Run
from benchmarks.spread import Spread

__all__ = ["CEILING", "CONTESTANTS", "ONE", "Contestant", "measure_speed", "summary", "sweep"]

CEILING, ONE, TWO, HAND = "ceiling", "one", "two", "by_hand"

_CONNECTIONS = (1, 2, 3, 4)
_DOCUMENTS = (1000, 2000, 5000)
_WARM = 2
_USUAL = Shape(3, 2000)
_PART_LEAST, _PART_MOST, _PART_SHARE = 50_000, 200_000, 5
"""How many documents the sweep and the warming-up push: a share of all, within bounds."""
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Contestant:
    """One of those who index the same topic."""

    name: str
    title: str
    module: str = ""
    processes: int = 1


CONTESTANTS = (
    Contestant(CEILING, "ready-made bodies: the ceiling"),
    Contestant(ONE, "auditlog consume", CONSUMER, 1),
    Contestant(TWO, "auditlog consume, two processes", CONSUMER, 2),
    Contestant(HAND, "written by hand in a day", BY_HAND, 1),
)


def measure_speed(arena: Arena, rounds: int, only: Sequence[str] = ()) -> dict[str, Any]:
    """Find the ceiling's best shape, then let all run, a round after the other.

    With `only`, some of the contestants; then there may be no ratios. Raises BenchError.
    """
    racing = [c for c in CONTESTANTS if not only or c.name in only]
    part = min(arena.events, max(_PART_LEAST, min(_PART_MOST, arena.events // _PART_SHARE)))
    for _ in range(1 if arena.is_small else _WARM):
        arena.ceiling(_USUAL, part, "Warming Elasticsearch up")
    tried, shape = sweep(arena, part) if racing[0].name == CEILING else ([], _USUAL)
    runs: dict[str, list[Run]] = {c.name: [] for c in racing}
    disk = _Disk()
    for number in range(1, rounds + 1):
        for contestant in racing:
            what = f"Round {number} of {rounds}: {contestant.title}"
            run = _run(arena, contestant, shape, what, disk)
            runs[contestant.name].append(run)
            arena.screen.say(f"{what}: {sentence(run, runs.get(CEILING))}")
    return {
        "events": arena.events,
        "rounds": rounds,
        "sweep": tried,
        "shape": asdict(shape),
        "contestants": {
            c.name: {
                "title": c.title,
                "runs": [asdict(run) for run in runs[c.name]],
                "summary": summary(runs[c.name], runs.get(CEILING), runs.get(HAND)),
            }
            for c in racing
        },
        "disk": disk.section(arena.events),
    }


def sweep(arena: Arena, part: int) -> tuple[list[dict[str, Any]], Shape]:
    """Push a part of the documents in every shape; return the figures and the fastest shape."""
    tried, best, fastest = [], Shape(1, 1000), 0.0
    for documents in _DOCUMENTS[:1] if arena.is_small else _DOCUMENTS:
        for connections in _CONNECTIONS[:2] if arena.is_small else _CONNECTIONS:
            shape = Shape(connections, documents)
            run = arena.ceiling(shape, part)
            tried.append(
                asdict(shape)
                | {
                    "documents_per_second": run.documents_per_second,
                    "elastic_cpu_per_million": run.elastic_cpu_per_million,
                }
            )
            if run.documents_per_second > fastest:
                best, fastest = shape, run.documents_per_second
    arena.screen.say(
        f"The ceiling's best: {best.connections} connections, {best.documents:,} documents a body "
        f"({fastest:,.0f} a second)"
    )
    return tried, best


def summary(
    runs: Sequence[Run], ceiling: Sequence[Run] | None, by_hand: Sequence[Run] | None = None
) -> dict[str, Any]:
    """Return median and range of each figure, and of the ratios to others of the same round.

    `expected_ratio` is what the CPU times alone allow where all share all cores: the cost of a
    document to the ceiling's run, by the cost of one to this run.
    """
    found: dict[str, Any] = {
        name: asdict(Spread.of([getattr(run, name) for run in runs]))
        for name in asdict(runs[0])
        if name != "documents"
    }
    if by_hand:
        found["ratio_to_by_hand"] = _ratios(runs, by_hand)
    if ceiling:
        pairs = zip(runs, ceiling, strict=True)
        found["ratio_to_ceiling"] = _ratios(runs, ceiling)
        found["expected_ratio"] = asdict(Spread.of([_cost(best) / _cost(run) for run, best in pairs]))
    return found


def sentence(run: Run, ceiling: Sequence[Run] | None) -> str:
    """Say in one line how a run went."""
    said = (
        f"{run.documents_per_second:,.0f} docs/s, {run.contestant_cpu_per_million:.1f} s of CPU "
        f"a million, {run.peak_mib:.0f} MiB"
    )
    if ceiling:
        ratio = run.documents_per_second / ceiling[-1].documents_per_second
        said += f", {ratio:.2f} of the ceiling"
    return said


def _ratios(runs: Sequence[Run], others: Sequence[Run]) -> dict[str, float]:
    pairs = zip(runs, others, strict=True)
    ratios = [run.documents_per_second / other.documents_per_second for run, other in pairs]
    return asdict(Spread.of(ratios))


def _cost(run: Run) -> float:
    return run.contestant_cpu_per_million + run.elastic_cpu_per_million + run.broker_cpu_per_million


@dataclass(slots=True)
class _Disk:
    """The size of the index that the last run of one consumer left."""

    merged: int = 0

    def look(self, index: Index) -> None:
        index.force_merge()
        self.merged = index.disk().bytes

    def section(self, events: int) -> dict[str, float] | None:
        return {"bytes_per_million": self.merged / events * _MILLION} if self.merged else None


def _run(arena: Arena, contestant: Contestant, shape: Shape, what: str, disk: _Disk) -> Run:
    if contestant.name == CEILING:
        return arena.ceiling(shape, arena.events, what)
    look = disk.look if contestant.name == ONE else lambda _: None
    return arena.consumers(contestant.module, contestant.processes, what, then=look)[0]
