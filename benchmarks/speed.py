"""Side by side, interleaved: the ceiling, this consumer once and twice, and what else there is."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from rich.console import Group

from benchmarks.bodies import Bodies
from benchmarks.contestants import BY_HAND, CONSUMER, Arena, Emptied, Indexer, Loss, Shape
from benchmarks.errors import BenchError
from benchmarks.figures import Spread, interleaved, ratio, table
from benchmarks.index import Index
from benchmarks.run import Run
from benchmarks.shippers import RSYSLOG

CEILING, ONE, TWO, HAND = "ceiling", "one", "two", "by_hand"
CONTESTANTS = {
    CEILING: "ready-made bodies: the ceiling",
    ONE: "auditlog consume",
    TWO: "auditlog consume, two processes",
    HAND: "written by hand in a day",
    RSYSLOG.name: "rsyslog, events as they are",
}
"""Names -> titles."""
PROMISES = {
    ONE: "once",
    HAND: "once",
    RSYSLOG.name: "once at most",
}
_INDEXERS: Mapping[str, Indexer] = {ONE: CONSUMER, HAND: BY_HAND, RSYSLOG.name: RSYSLOG}
"""Those of one process, which are also killed."""
_SCALING, _SCALING_PARTITIONS, _PROCESSES = "bench.scaling", 12, (1, 2, 4)
"""Twelve partitions are the same share for each of one, two and four processes."""

_CONNECTIONS = (1, 2, 3, 4)
_DOCUMENTS = (1000, 2000, 5000)
_WARM = 2
_PART_LEAST, _PART_MOST, _PART_SHARE = 50_000, 200_000, 5
"""How many documents the sweep and the warm-up push: a share of all, within bounds."""
_MIB_A_MILLION = 1_000_000 / (1024 * 1024)

Runs = dict[str, list[Run]]


def measure_speed(arena: Arena, rounds: int, only: Sequence[str] = ()) -> Runs:
    """Find the ceiling's best shape, then let all run, one round after the other, and show it all.

    At last, each is killed once. With `only`, some of the contestants; then there may be no ratios.
    Those that are not installed are left out. Raises BenchError.
    """
    names = _those_there(arena, only)
    bodies = arena.make_bodies()
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
        RSYSLOG.name: lambda what: arena.consumers(RSYSLOG, 1, what)[0],
    }
    runs = interleaved(arena.screen, rounds, {name: ways[name] for name in names}, _sentence)
    losses = {
        name: arena.killed(_INDEXERS[name], f"Killing {name}") for name in names if name in _INDEXERS
    }
    note = f"The ceiling: {shape}. A document has {bodies.mean_bytes:.0f} bytes."
    if disk:
        note += f" On disk, merged to one segment, a million take {_mib(disk[-1], bodies):,.0f} MiB."
    arena.screen.show(speed_table(runs, losses, note))
    return runs


def _those_there(arena: Arena, only: Sequence[str]) -> list[str]:
    """Return which contestants take part, and tell in a line of each that is not installed."""
    names = [name for name in CONTESTANTS if name in (only or CONTESTANTS)]
    if RSYSLOG.name in names and (why := RSYSLOG.missing()):
        arena.screen.say(why)
        names.remove(RSYSLOG.name)
    if not names:
        raise BenchError("no contestant is left")
    return names


def speed_table(runs: Runs, losses: Mapping[str, Loss], note: str) -> Group:
    """Show rates, ratios to the ceiling of the same round, costs and what a kill loses. Pure."""
    rows = [
        [*_row(CONTESTANTS[name], found, runs.get(CEILING)), *_kept(name, losses)]
        for name, found in runs.items()
    ]
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
            "promises",
            "lost + doubled",
        ),
        rows,
        f"Median (range); CPU in seconds for a million events; lost and doubled are by a kill -9 in "
        f"the middle and a new start. {note} "
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


def _kept(name: str, losses: Mapping[str, Loss]) -> list[str]:
    """Return what a contestant promises, and what a kill showed of it."""
    if name not in losses:
        return ["", ""]
    return [PROMISES[name], f"{losses[name].missing:,} + {losses[name].doubled:,}"]


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
    """Show one process, two and four against a sink: what the consumer alone can do.

    The stream is twice the topic, so that the start and its rebalances count for little. Raises
    BenchError.
    """
    longer = arena.on_topic(_SCALING, 2 * arena.events, _SCALING_PARTITIONS)

    def way(processes: int) -> Callable[[str], Emptied]:
        return lambda what: longer.emptied(processes, what)

    ways = {f"{n} of the consumer against the sink": way(n) for n in _PROCESSES}
    runs = interleaved(arena.screen, rounds, ways, lambda emptied: _sentence(emptied.run))
    one = [emptied.run for emptied in next(iter(runs.values()))]
    rows = [
        [
            name,
            f"{Spread.of(_rates([e.run for e in found])):,.0f}",
            f"{ratio(_rates([e.run for e in found]), _rates(one)):.2f}",
            f"{Spread.of(e.run.contestant_cpu_per_million for e in found):.1f}",
            f"{ratio(_cpu([e.run for e in found]), _cpu(one)):.2f}",
            f"{Spread.of(e.run.broker_cpu_per_million for e in found).median:.1f}",
            f"{Spread.of(e.sink_cpu_per_million for e in found).median:.1f}",
            f"{Spread.of((e.run.documents + e.sent_twice) / e.requests for e in found).median:,.0f}",
        ]
        for name, found in runs.items()
    ]
    headings = ("", "docs/s", "speed-up", "own CPU", "of one", "broker", "sink", "documents a body")
    note = f"Median (range) of {longer.events:,} events; CPU in seconds for a million."
    arena.screen.show(table("Processes against a sink that answers at once", headings, rows, note))


def _sentence(run: Run) -> str:
    """Say in one line how a run went."""
    return (
        f"{run.documents_per_second:,.0f} docs/s, {run.contestant_cpu_per_million:.1f} s of CPU "
        f"a million, {run.peak_mib:.0f} MiB"
    )


def _rates(runs: Sequence[Run]) -> list[float]:
    return [run.documents_per_second for run in runs]


def _cpu(runs: Sequence[Run]) -> list[float]:
    return [run.contestant_cpu_per_million for run in runs]


def _cost(run: Run) -> float:
    return run.contestant_cpu_per_million + run.elastic_cpu_per_million + run.broker_cpu_per_million


def _mib(size: int, bodies: Bodies) -> float:
    return size / bodies.documents * _MIB_A_MILLION
