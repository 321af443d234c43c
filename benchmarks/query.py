"""How long answers take: the query module beside the same requests written by hand."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import elasticsearch
from audit_query import AuditLog, Filter, QuerySettings

from benchmarks import drain
from benchmarks.children import job, running
from benchmarks.contestants import CONSUMER, Arena
from benchmarks.errors import BenchError
from benchmarks.index import Index
from benchmarks.questions import KINDS, Kind, Material
from benchmarks.spread import Spread, quantile

__all__ = ["FULL_QUERY_EVENTS", "measure_query"]

FULL_QUERY_EVENTS = 2_000_000
"""What the figures have to rest on to be published."""

_SAMPLES = 60
_WARM = 10
_VALUES = 500
_DRAIN_SECONDS = 900.0
_FORMS = (drain.BARE, "ndjson", "csv")


def measure_query(arena: Arena, end: datetime, rounds: int) -> dict[str, Any]:
    """Index the topic by the consumer, then ask every kind of question, and export it all."""
    found: dict[str, Any] = {}

    def ask(index: Index) -> None:
        index.force_merge()
        arena.servers.calm_down()
        settings = QuerySettings(
            elasticsearch_url=arena.servers.elasticsearch, index_prefix=index.prefix
        )
        with AuditLog(settings) as log:
            material = _material(log, end)
            found["kinds"] = {kind.name: _timed(arena, log, kind, material, index) for kind in KINDS}
        found["export"] = _exports(arena, index, rounds)

    arena.consumers(CONSUMER, 1, "Indexing", then=ask)
    return {"events": arena.events, "rounds": rounds, **found}


def _material(log: AuditLog, end: datetime) -> Material:
    users = tuple(row.value for row in log.top(Filter(), "user", size=_VALUES))
    ids = tuple(event["event"]["id"] for event in log.walk(Filter(), limit=_VALUES))
    return Material(users, ids, end)


def _timed(arena: Arena, log: AuditLog, kind: Kind, material: Material, index: Index) -> dict[str, Any]:
    """Ask in turn, one way first and then the other, so that neither has the warmer caches."""
    client = elasticsearch.Elasticsearch(arena.servers.elasticsearch, request_timeout=60)
    taken: dict[str, list[float]] = {"module": [], "by_hand": []}
    ways: list[tuple[str, Callable[[int], object]]] = [
        ("module", lambda n: kind.ask(log, material, n)),
        ("by_hand", lambda n: kind.by_hand(client, index.prefix, material, n)),
    ]
    with client, arena.screen.bar(kind.name, _SAMPLES) as advance:
        for number in range(_WARM + _SAMPLES):
            for turn, (name, way) in enumerate(ways if number % 2 else ways[::-1]):
                started = time.perf_counter()
                way(2 * number + turn)
                if number >= _WARM:
                    taken[name].append((time.perf_counter() - started) * 1000)
            advance(number - _WARM)
    return {name: _milliseconds(times) for name, times in taken.items()}


def _milliseconds(times: list[float]) -> dict[str, float]:
    return {"p50": quantile(times, 0.5), "p95": quantile(times, 0.95)}


def _exports(arena: Arena, index: Index, rounds: int) -> dict[str, Any]:
    """Read everything in each way in turn, each in a process of its own."""
    runs: dict[str, list[Mapping[str, float]]] = {form: [] for form in _FORMS}
    for _ in range(rounds):
        for form in _FORMS:
            runs[form].append(_drained(arena, index, form))
    bare = [run["rows"] / run["seconds"] for run in runs[drain.BARE]]
    found = {}
    for form in _FORMS:
        rates = [run["rows"] / run["seconds"] for run in runs[form]]
        ratios = [rate / base for rate, base in zip(rates, bare, strict=True)]
        found[form] = {
            "rows_per_second": asdict(Spread.of(rates)),
            "of_bare": asdict(Spread.of(ratios)),
            "peak_bytes": max(run["peak_bytes"] for run in runs[form]),
        }
    return found


def _drained(arena: Arena, index: Index, form: str) -> Mapping[str, float]:
    work = drain.Drain(arena.servers.elasticsearch, index.prefix, form)
    with running([job(f"export {form}", drain.__name__, work)], arena.servers.folder) as (child,):
        found: dict[str, float] = json.loads(child.finish(_DRAIN_SECONDS))
    if found["rows"] != arena.events:
        raise BenchError(f"{form}: {found['rows']:,} rows, and not {arena.events:,}")
    return found
