"""How near the adaptive bulk settings come to the best fixed ones."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks.contestants import CONSUMER, Arena
from benchmarks.figures import Spread, interleaved, ratio, table
from benchmarks.run import Sample

_TOPIC = "bench.long"
_BULKS = (1, 2, 3, 4)
_BULK_EVENTS = (1000, 2000, 5000)


def measure_adaptive(arena: Arena, rounds: int, settle: float, seconds: float) -> None:
    """Sweep the fixed settings on the topic; then the best of them and none, on a longer stream.

    The stream is as long as the best fixed setting needs for `settle` and then `seconds`, and both
    are measured over the same part of it. Raises BenchError.
    """
    arena.consumers(CONSUMER, 1, "Warming Elasticsearch up")
    swept = {}
    for size in _BULK_EVENTS:
        for bulks in _BULKS:
            name = f"{bulks} bulks of {size:,} events"
            settings = {"AUDITLOG_BULKS": str(bulks), "AUDITLOG_BULK_EVENTS": str(size)}
            run, _ = arena.consumers(CONSUMER, 1, name, settings=settings)
            swept[name] = run.documents_per_second, settings
    rates = [(name, f"{rate:,.0f}") for name, (rate, _) in swept.items()]
    arena.screen.show(table(f"Fixed settings, {arena.events:,} events", ("", "docs/s"), rates))
    best = max(swept, key=lambda name: swept[name][0])
    rate, settings = swept[best]
    longer = arena.on_topic(_TOPIC, max(arena.events, int(rate * (settle + seconds))))

    def way(settings: Mapping[str, str]) -> Callable[[str], float]:
        return lambda what: settled_rate(
            longer.consumers(CONSUMER, 1, what, settings=settings)[1], settle
        )

    ways = {best: way(settings), "adaptive": way({})}
    found = interleaved(arena.screen, rounds, ways, lambda rate: f"{rate:,.0f} docs/s after settling")
    rows = [(name, f"{Spread.of(rates):,.0f}") for name, rates in found.items()]
    rows.append(("ratio", f"{ratio(found['adaptive'], found[best]):.2f}"))
    note = f"{longer.events:,} events, after {settle:.0f} s to settle; median (range)."
    title = "Adaptive, beside the best fixed setting"
    arena.screen.show(table(title, ("", "docs/s after settling"), rows, note))


def settled_rate(samples: Sequence[Sample], settle_seconds: float) -> float:
    """Return documents a second after the time to settle; of a shorter run, in its second half."""
    first, last = samples[1], samples[-1]
    settled = first.at + min(settle_seconds, (last.at - first.at) / 2)
    begin = next(sample for sample in samples[1:] if sample.at >= settled)
    if begin is last:
        begin = samples[0]
    return (last.documents - begin.documents) / (last.at - begin.at)
