"""How near the settings that settle by themselves come to the best fixed ones."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.contestants import CONSUMER, Arena
from benchmarks.index import Index
from benchmarks.run import Sample
from benchmarks.spread import Spread
from benchmarks.topic import lengthened

__all__ = ["Settling", "measure_adaptive", "settled_rate"]

_TOPIC = "bench.long"
_BULKS = (1, 2, 3, 4)
_BULK_EVENTS = (1000, 2000, 5000)


@dataclass(frozen=True, slots=True)
class Settling:
    """How long the settings may take to settle, and how long the rate is measured after that."""

    settle_seconds: float = 60.0
    measure_seconds: float = 45.0


def measure_adaptive(arena: Arena, rounds: int, settling: Settling) -> dict[str, Any]:
    """Sweep the fixed settings on the topic; then the best of them and none, on a longer stream.

    The stream is as long as the best fixed setting needs for the time to settle and to measure, and
    both are measured over the same part of it. Raises BenchError.
    """
    arena.consumers(CONSUMER, 1, "Warming Elasticsearch up")
    swept = [_swept(arena, _fixed(bulks, size)) for size in _BULK_EVENTS for bulks in _BULKS]
    best = max(swept, key=lambda found: found["documents_per_second"])
    seconds = settling.settle_seconds + settling.measure_seconds
    events = max(arena.events, int(best["documents_per_second"] * seconds))
    rates = _long_runs(replace(arena, topic=_TOPIC, events=events), rounds, settling, best["settings"])
    fixed, adaptive = rates
    ratios = [ours / theirs for ours, theirs in zip(adaptive, fixed, strict=True)]
    return {
        "events": arena.events,
        "events_long": events,
        "rounds": rounds,
        **asdict(settling),
        "sweep": swept,
        "best": best,
        "fixed_after_settling": asdict(Spread.of(fixed)),
        "adaptive_after_settling": asdict(Spread.of(adaptive)),
        "ratio_to_fixed": asdict(Spread.of(ratios)),
    }


def settled_rate(samples: Sequence[Sample], settle_seconds: float) -> float:
    """Return documents a second after the time to settle; of a shorter run, in its second half."""
    first, last = samples[1], samples[-1]
    settled = first.at + min(settle_seconds, (last.at - first.at) / 2)
    begin = next(sample for sample in samples[1:] if sample.at >= settled)
    if begin is last:
        begin = samples[0]
    return (last.documents - begin.documents) / (last.at - begin.at)


def _fixed(bulks: int, size: int) -> dict[str, str]:
    return {"AUDITLOG_BULKS": str(bulks), "AUDITLOG_BULK_EVENTS": str(size)}


def _swept(arena: Arena, settings: Mapping[str, str]) -> dict[str, Any]:
    what = ", ".join(f"{name}={value}" for name, value in settings.items())
    run, _ = arena.consumers(CONSUMER, 1, what, settings=settings)
    arena.screen.say(f"{what}: {run.documents_per_second:,.0f} docs/s")
    return {"settings": dict(settings), **asdict(run)}


def _long_runs(
    arena: Arena, rounds: int, settling: Settling, best: Mapping[str, str]
) -> tuple[list[float], list[float]]:
    template = Index(arena.client, "bench-long")
    template.set_up(arena.servers, arena.topic)
    template.delete()
    lengthened(arena.servers, arena.screen, arena.topic, arena.events)
    rates: tuple[list[float], list[float]] = ([], [])
    for number in range(1, rounds + 1):
        for settings, found, name in ((best, rates[0], "fixed"), ({}, rates[1], "adaptive")):
            what = f"Round {number} of {rounds}: {name}, {arena.events:,} events"
            _, samples = arena.consumers(CONSUMER, 1, what, settings=settings)
            found.append(settled_rate(samples, settling.settle_seconds))
            arena.screen.say(f"{what}: {found[-1]:,.0f} docs/s after settling")
    return rates
