"""How long answers take: the query module beside the same requests written by hand."""

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import elasticsearch
from audit_query import AuditLog, Filter, QuerySettings
from audit_query.export import Format, export

from benchmarks.children import job, running
from benchmarks.contestants import CONSUMER, Arena
from benchmarks.errors import BenchError
from benchmarks.family import Family
from benchmarks.figures import Spread, interleaved, quantile, ratio, table
from benchmarks.index import Index
from benchmarks.pages import time_pages
from benchmarks.questions import DAYS, KINDS, Kind, Material

_SAMPLES = 60
_WARM = 10
_VALUES = 500
_READ_SECONDS = 900.0
_PAGE = 5000
_MIB = 1024 * 1024
_FORMATS: dict[str, Format] = {"export as NDJSON": "ndjson", "export as CSV": "csv"}
_BARE = "bare PIT scan"


def measure_query(arena: Arena, end: datetime, rounds: int) -> None:
    """Index the topic by the consumer, then ask every kind of question, and export it all."""

    def ask(index: Index) -> None:
        index.force_merge()
        arena.servers.calm_down()
        address = arena.servers.elasticsearch
        ask_all(arena, QuerySettings(elasticsearch_url=address, index_prefix=index.prefix), end)
        _export(arena, index, rounds)

    arena.consumers(CONSUMER, 1, "Indexing", then=ask)


def ask_all(arena: Arena, settings: QuerySettings, end: datetime, samples: int = _SAMPLES) -> None:
    """Show how long every kind of question takes, both ways."""
    with AuditLog(settings) as log:
        users = tuple(row.value for row in log.top(Filter(), "user", size=_VALUES))
        ids = tuple(event["event"]["id"] for event in log.iter_events(Filter(), limit=_VALUES))
        material = Material(users, ids, end)
        rows = []
        for kind in KINDS:
            times = _timed(arena, log, settings.index_prefix, kind, material, samples)
            ours, hand = (quantile(taken, 0.5) for taken in times)
            late = quantile(times[0], 0.95)
            rows.append(
                [kind.name, *(f"{ms:.1f}" for ms in (ours, hand)), f"{ours - hand:+.1f}", f"{late:.1f}"]
            )
    arena.screen.show(
        table(
            f"{arena.events:,} events of {DAYS} days, in ms",
            ("", "module p50", "by hand p50", "more", "module p95"),
            rows,
            "By hand: the same requests through the bare client. Both in turn, each time with other "
            "values, so that no cache of Elasticsearch answers; merged to one segment a month.",
        )
    )
    time_pages(arena.screen, settings, material, arena.events, samples)


def _timed(
    arena: Arena, log: AuditLog, prefix: str, kind: Kind, material: Material, samples: int
) -> tuple[list[float], list[float]]:
    """Ask both ways in turn, each first every other time, so that neither has the warmer caches."""
    taken: tuple[list[float], list[float]] = ([], [])
    client = elasticsearch.Elasticsearch(arena.servers.elasticsearch, request_timeout=60)
    with client, arena.screen.bar(kind.name, samples) as show:
        ways: list[Callable[[int], object]] = [
            lambda n: kind.ask(log, material, n),
            lambda n: kind.by_hand(client, prefix, material, n),
        ]
        for number in range(_WARM + samples):
            for turn, way in enumerate((0, 1) if number % 2 else (1, 0)):
                started = time.perf_counter()
                ways[way](2 * number + turn)
                if number >= _WARM:
                    taken[way].append((time.perf_counter() - started) * 1000)
            show(number - _WARM)
    return taken


def _export(arena: Arena, index: Index, rounds: int) -> None:
    """Read everything in each way in turn, each in a process of its own."""

    def way(name: str) -> Callable[[str], dict[str, float]]:
        def run(what: str) -> dict[str, float]:
            command = job(what, read_all, arena.servers.elasticsearch, index.prefix, name)
            with running([command], arena.servers.folder) as (child,):
                found: dict[str, float] = json.loads(child.finish(_READ_SECONDS))
            if found["rows"] != arena.events:
                raise BenchError(f"{what}: {found['rows']:,} rows, and not {arena.events:,}")
            return found

        return run

    ways = {name: way(name) for name in (_BARE, *_FORMATS)}
    runs = interleaved(arena.screen, rounds, ways, lambda run: f"{run['seconds']:.1f} s")
    rows = [
        [
            name,
            f"{Spread.of(arena.events / run['seconds'] for run in found):,.0f}",
            f"{ratio((r['seconds'] for r in runs[_BARE]), (r['seconds'] for r in found)):.2f}",
            f"{max(run['peak_bytes'] for run in found) / _MIB:.0f}",
        ]
        for name, found in runs.items()
    ]
    note = (
        "Median (range). The bare scan pages in the cheapest order with the client as it comes, and "
        "writes nothing; an export is in order of time."
    )
    headings = ("", "rows/s", "of the bare scan", "peak MiB")
    arena.screen.show(table(f"Exporting all {arena.events:,} events", headings, rows, note))


def read_all(address: str, prefix: str, name: str) -> dict[str, float]:
    """Read a whole log once, by an export or by a bare scan. A process of its own."""
    started = time.monotonic()
    rows = sum(_scanned(address, prefix) if name == _BARE else _exported(address, prefix, name))
    seconds, peak = time.monotonic() - started, Family("export", os.getpid()).peak_bytes()
    return {"rows": rows, "seconds": seconds, "peak_bytes": peak}


def _exported(address: str, prefix: str, name: str) -> Iterator[int]:
    with AuditLog(QuerySettings(elasticsearch_url=address, index_prefix=prefix)) as log:
        for count, _ in export(log, Filter(), _FORMATS[name]):
            yield count


def _scanned(address: str, prefix: str) -> Iterator[int]:
    """Page through a point in time in the cheapest order, with the client as it comes."""
    with elasticsearch.Elasticsearch(address, request_timeout=60) as client:
        pit = client.open_point_in_time(index=prefix, keep_alive="1m")["id"]
        after: Any = None
        count = _PAGE
        while count == _PAGE:
            hits = client.search(
                pit={"id": pit, "keep_alive": "1m"},
                size=_PAGE,
                sort=["_shard_doc"],
                search_after=after,
                track_total_hits=False,
            )["hits"]["hits"]
            count = len(hits)
            after = hits[-1]["sort"] if hits else None
            yield count
        client.close_point_in_time(id=pit)
