"""The SDK beside the bare client: CPU for an event, and the rate to the last delivery report."""

import json
from dataclasses import asdict
from typing import Any

from benchmarks import publish
from benchmarks.children import job, running
from benchmarks.contestants import Arena
from benchmarks.index import Index
from benchmarks.publish import Published, Publishing, Way
from benchmarks.spread import Spread

__all__ = ["WAYS", "measure_producer"]

_TOPIC = "bench.publish"
_EVENTS_MOST = 200_000
_SECONDS = 300.0
_MICROSECONDS = 1e6

WAYS: dict[Way, str] = {
    "bare": "bare Producer.produce, the same bytes",
    "publish": "AuditProducer.publish, a ready event",
    "record": "AuditProducer.record, from the service's own terms",
}


def measure_producer(arena: Arena, rounds: int) -> dict[str, Any]:
    """Let each way publish the same events, in turn, `rounds` times. Raises BenchError."""
    events = min(arena.events, _EVENTS_MOST)
    template = Index(arena.client, "bench-publish")
    template.set_up(arena.servers, _TOPIC)
    template.delete()
    runs: dict[Way, list[Published]] = {way: [] for way in WAYS}
    for number in range(1, rounds + 1):
        for way, title in WAYS.items():
            found = _published(arena, events, way)
            runs[way].append(found)
            arena.screen.say(
                f"Round {number} of {rounds}: {title}: {found.events / found.seconds:,.0f} events/s, "
                f"{found.cpu_seconds / found.events * _MICROSECONDS:.1f} us of CPU an event"
            )
    return {
        "events": events,
        "rounds": rounds,
        "ways": {
            way: {"title": WAYS[way]} | _summary(found, runs["bare"]) for way, found in runs.items()
        },
    }


def _published(arena: Arena, events: int, way: Way) -> Published:
    arena.servers.calm_down()
    work = Publishing(arena.servers.kafka, _TOPIC, events, way)
    with running([job(f"publishing {way}", publish.__name__, work)], arena.servers.folder) as (child,):
        return Published(**json.loads(child.finish(_SECONDS)))


def _summary(runs: list[Published], bare: list[Published]) -> dict[str, Any]:
    return {
        "events_per_second": asdict(Spread.of([r.events / r.seconds for r in runs])),
        "cpu_us_per_event": asdict(Spread.of([r.cpu_seconds / r.events * _MICROSECONDS for r in runs])),
        "caller_cpu_us_per_event": asdict(
            Spread.of([r.caller_cpu_seconds / r.events * _MICROSECONDS for r in runs])
        ),
        "ratio_to_bare": asdict(
            Spread.of([b.seconds / r.seconds for r, b in zip(runs, bare, strict=True)])
        ),
    }
