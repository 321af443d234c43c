"""Side by side, interleaved: the ceiling, this consumer once and twice, the one written by hand."""

from collections.abc import Callable, Sequence
from functools import partial

from rich.console import Group

from benchmarks.bodies import Bodies
from benchmarks.contestants import BY_HAND, CONSUMER, Arena, Emptied, Shape
from benchmarks.figures import Spread, interleaved, ratio, table
from benchmarks.index import Index
from benchmarks.run import Run

CEILING, ONE, TWO, HAND = "ceiling", "one", "two", "by_hand"
CONTESTANTS = {
    CEILING: "ready-made bodies: the ceiling",
    ONE: "auditlog consume",
    TWO: "auditlog consume, two processes",
    HAND: "written by hand in a day",
}
"""Names -> titles."""

_CONNECTIONS = (1, 2, 3, 4)
_DOCUMENTS = (1000, 2000, 5000)
_WARM = 2
_PART_LEAST, _PART_MOST, _PART_SHARE = 50_000, 200_000, 5
"""How many documents the sweep and the warm-up push: a share of all, within bounds."""
_MIB_A_MILLION = 1_000_000 / (1024 * 1024)

Runs = dict[str, list[Run]]


def measure_speed(arena: Arena, rounds: int, only: Sequence[str] = ()) -> Runs:
    """Find the ceiling's best shape, then let all run, one round after the other, and show it all.

    With `only`, some of the contestants; then there may be no ratios. Raises BenchError.
    """
    bodies = arena.make_bodies()
    names = [name for name in CONTESTANTS if name in (only or CONTESTANTS)]
    part = min(arena.events, max(_PART_LEAST, min(_PART_MOST, arena.events // _PART_SHARE)))
    for _ in range(1 if arena.is_small else _WARM):
        arena.ceiling(Shape(), part, "Warming Elasticsearch up")
    shape = _best_shape(arena, part) if CEILING in names else Shape()
    disk: list[int] = []

    def measure_disk(index: Index) -> None:
        index.force_merge()
        disk.append(index.disk().bytes)

    ways: dict[str, Callable[[str], Run]] = {
        CEILING: partial(arena.ceiling, shape, arena.events),
        ONE: lambda what: arena.consumers(CONSUMER, 1, what, then=measure_disk)[0],
        TWO: lambda what: arena.consumers(CONSUMER, 2, what)[0],
        HAND: lambda what: arena.consumers(BY_HAND, 1, what)[0],
    }
    runs = interleaved(arena.screen, rounds, {name: ways[name] for name in names}, _sentence)
    note = f"The ceiling: {shape}. A document has {bodies.mean_bytes:.0f} bytes."
    if disk:
        note += f" On disk, merged to one segment, a million take {_mib(disk[-1], bodies):,.0f} MiB."
    arena.screen.show(speed_table(runs, note))
    return runs


def speed_table(runs: Runs, note: str) -> Group:
    """Show rates, ratios to the ceiling of the same round, and costs. Pure."""
    rows = [_row(CONTESTANTS[name], found, runs.get(CEILING)) for name, found in runs.items()]
    every = [run for found in runs.values() for run in found]
    others = max(run.others_share for run in every)
    if ONE in runs and HAND in runs:
        faster = ratio(_rates(runs[ONE]), _rates(runs[HAND]))
        note += f" `auditlog consume` is {faster:.2f} times as fast as what is written by hand."
    return table(
        f"Side by side: {every[0].documents:,} events",
        (
            "",
            "docs/s",
            "of the ceiling",
            "by CPU",
            "own CPU",
            "Elasticsearch",
            "broker",
            "peak MiB",
            "start",
        ),
        rows,
        f"Median (range); CPU in seconds for a million events. {note} "
        f"Up to {others:.0%} of the machine went to other processes.",
    )


def _row(title: str, runs: Sequence[Run], ceiling: Sequence[Run] | None) -> list[str]:
    """Return a contestant's figures.

    By CPU is the ratio that the CPU times alone allow where all share all cores: the cost of a
    document in the ceiling's run, by its cost in this one.
    """
    return [
        title,
        f"{Spread.of(_rates(runs)):,.0f}",
        f"{ratio(_rates(runs), _rates(ceiling)):.2f}" if ceiling else "",
        f"{ratio(map(_cost, ceiling), map(_cost, runs)).median:.2f}" if ceiling else "",
        f"{Spread.of(run.contestant_cpu_per_million for run in runs):.1f}",
        f"{Spread.of(run.elastic_cpu_per_million for run in runs).median:.1f}",
        f"{Spread.of(run.broker_cpu_per_million for run in runs).median:.1f}",
        f"{Spread.of(run.peak_mib for run in runs):.0f}",
        f"{Spread.of(run.start_seconds for run in runs).median:.1f} s",
    ]


def _best_shape(arena: Arena, part: int) -> Shape:
    """Push a part of the documents in every shape, and return the fastest."""
    rates = {
        shape: arena.ceiling(shape, part).documents_per_second
        for documents in (_DOCUMENTS[:1] if arena.is_small else _DOCUMENTS)
        for connections in (_CONNECTIONS[:2] if arena.is_small else _CONNECTIONS)
        for shape in [Shape(connections, documents)]
    }
    rows = [(str(shape), f"{rate:,.0f}") for shape, rate in rates.items()]
    arena.screen.show(table("The ceiling by shape", ("", "docs/s"), rows))
    return max(rates, key=lambda shape: rates[shape])


def measure_scaling(arena: Arena, rounds: int) -> None:
    """Show one process and two against a sink: what the consumer alone can do. Raises BenchError."""

    def way(processes: int) -> Callable[[str], Emptied]:
        return lambda what: arena.emptied(processes, what)

    ways = {f"{n} of the consumer against the sink": way(n) for n in (1, 2)}
    runs = interleaved(arena.screen, rounds, ways, lambda emptied: _sentence(emptied.run))
    one = [emptied.run for emptied in next(iter(runs.values()))]
    rows = [
        [
            name,
            f"{Spread.of(_rates([e.run for e in found])):,.0f}",
            f"{ratio(_rates([e.run for e in found]), _rates(one)):.2f}",
            f"{Spread.of(e.run.contestant_cpu_per_million for e in found):.1f}",
            f"{Spread.of(e.run.broker_cpu_per_million for e in found).median:.1f}",
            f"{Spread.of(e.sink_cpu_per_million for e in found).median:.1f}",
            f"{Spread.of((e.run.documents + e.sent_twice) / e.requests for e in found).median:,.0f}",
        ]
        for name, found in runs.items()
    ]
    headings = ("", "docs/s", "speed-up", "own CPU", "broker", "sink", "documents a body")
    note = f"Median (range) of {arena.events:,} events; CPU in seconds for a million."
    arena.screen.show(table("Processes against a sink that answers at once", headings, rows, note))


def _sentence(run: Run) -> str:
    """Say in one line how a run went."""
    return (
        f"{run.documents_per_second:,.0f} docs/s, {run.contestant_cpu_per_million:.1f} s of CPU "
        f"a million, {run.peak_mib:.0f} MiB"
    )


def _rates(runs: Sequence[Run]) -> list[float]:
    return [run.documents_per_second for run in runs]


def _cost(run: Run) -> float:
    return run.contestant_cpu_per_million + run.elastic_cpu_per_million + run.broker_cpu_per_million


def _mib(size: int, bodies: Bodies) -> float:
    return size / bodies.documents * _MIB_A_MILLION
