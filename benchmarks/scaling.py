"""The consumer in one process and in two, against a sink: what the consumer alone can do."""

from dataclasses import asdict
from typing import Any

from benchmarks.contestants import Arena
from benchmarks.emptying import Emptied, empty_topic
from benchmarks.spread import Spread

__all__ = ["measure_scaling"]

_PROCESSES = (1, 2)


def measure_scaling(arena: Arena, rounds: int) -> dict[str, Any]:
    """Send the topic to the sink by one process and by two, in turn. Raises BenchError."""
    runs: dict[int, list[Emptied]] = {processes: [] for processes in _PROCESSES}
    for number in range(1, rounds + 1):
        for processes in _PROCESSES:
            what = f"Round {number} of {rounds}: {processes} of the consumer against the sink"
            found = empty_topic(arena, processes, what)
            runs[processes].append(found)
            arena.screen.say(
                f"{what}: {found.run.documents_per_second:,.0f} docs/s, "
                f"{found.run.contestant_cpu_per_million:.1f} s of CPU a million"
            )
    return {
        "events": arena.events,
        "rounds": rounds,
        "processes": {str(n): _summary(found, runs[1]) for n, found in runs.items()},
    }


def _summary(runs: list[Emptied], one: list[Emptied]) -> dict[str, Any]:
    speedups = [
        ours.run.documents_per_second / single.run.documents_per_second
        for ours, single in zip(runs, one, strict=True)
    ]
    figures = {
        "documents_per_second": [r.run.documents_per_second for r in runs],
        "contestant_cpu_per_million": [r.run.contestant_cpu_per_million for r in runs],
        "broker_cpu_per_million": [r.run.broker_cpu_per_million for r in runs],
        "sink_cpu_per_million": [r.sink_cpu_per_million for r in runs],
        "peak_mib": [r.run.peak_mib for r in runs],
        "documents_a_body": [(r.run.documents + r.sent_twice) / r.requests for r in runs],
        "sent_twice": [float(r.sent_twice) for r in runs],
        "speedup": speedups,
    }
    return {name: asdict(Spread.of(values)) for name, values in figures.items()}
