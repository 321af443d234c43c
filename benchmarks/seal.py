"""What a sealed log costs: the sealer beside bare reading, its disk, checking, and evidence."""

import random
import resource
import time
from contextlib import closing
from pathlib import Path

from audit_query import AuditLog, Filter, QuerySettings
from audit_runtime.kafka import partition_bounds, partitions_of
from audit_runtime.partition_reader import PartitionReader
from audit_seal import (
    PlaceIndex,
    SealSettings,
    initialize,
    prove,
    seal_now,
    verify_log,
)
from confluent_kafka import Consumer

from benchmarks.children import job, running
from benchmarks.contestants import CONSUMER, Arena
from benchmarks.errors import BenchError
from benchmarks.figures import Spread, interleaved, quantile, table
from benchmarks.index import Index

READING, SEALING = "reading alone", "auditlog seal run --once"

_PROVEN = 200
_SECONDS_AN_EVENT = 1 / 2000
_MICROSECONDS = 1_000_000

Cost = tuple[float, float]
"""Microseconds of CPU an event, and the most memory in MiB."""


def measure_seal(arena: Arena, rounds: int) -> None:
    """Seal the topic by a process of its own; then index it, check all documents, and prove some."""
    folders = (arena.servers.folder / f"seal-{number}" for number in range(rounds))

    def read(what: str) -> Cost:
        return _measured(arena, what, read_all)

    def seal(what: str) -> Cost:
        return _measured(arena, what, seal_all, str(next(folders)))

    costs = interleaved(
        arena.screen, rounds, {READING: read, SEALING: seal}, lambda cost: f"{cost[0]:.1f} us an event"
    )
    folder = arena.servers.folder / "seal-0"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    rows = [
        [name, f"{Spread.of(cpu for cpu, _ in each):.1f}", f"{Spread.of(mib for _, mib in each):.0f}"]
        for name, each in costs.items()
    ]
    arena.screen.show(
        table(
            f"Sealing {arena.events:,} events",
            ("", "CPU us/event", "peak MiB"),
            rows,
            f"On disk, with its salts: {size / arena.events:.1f} bytes an event.",
        )
    )
    arena.consumers(CONSUMER, 1, "Indexing", then=lambda index: _check(arena, folder, index))


def read_all(kafka: str, topic: str) -> Cost:
    """Read all values of the topic as the sealer does, and do nothing with them."""
    settings = SealSettings(kafka_bootstrap_servers=kafka, topic=topic)
    before = _cpu_seconds()
    events = 0
    with (
        closing(Consumer(settings.consumer_config())) as consumer,
        closing(PartitionReader(settings)) as reader,
    ):
        for place in partitions_of(consumer, topic, seconds=30):
            first, end = partition_bounds(consumer, place, seconds=30)
            while first < end:
                found = reader.fetch(topic, place.partition, first, seconds=30)
                events += sum(len(batch.values() or ()) for batch in found.batches)
                first = found.next_offset
    return _cost(before, events)


def seal_all(kafka: str, topic: str, folder: str) -> Cost:
    """Seal the topic into a new log. No consumer has read it: nothing is settled."""
    path = Path(folder)  # each log has a name of its own: the topic of checkpoints is one
    settings = SealSettings(
        kafka_bootstrap_servers=kafka, topic=topic, seal_folder=path, seal_name=path.name
    )
    before = _cpu_seconds()
    initialize(settings)
    seal_now(settings)
    with closing(Consumer(settings.consumer_config())) as consumer:
        places = partitions_of(consumer, topic, seconds=30)
        events = sum(partition_bounds(consumer, place, seconds=30)[1] for place in places)
    return _cost(before, events)


def _measured(arena: Arena, what: str, function: object, *arguments: str) -> Cost:
    command = job(what, function, arena.servers.kafka, arena.topic, *arguments)  # type: ignore[arg-type]
    with running([command], arena.servers.folder) as (child,):
        answer = child.finish(60 + arena.events * _SECONDS_AN_EVENT)
    cpu, mib = map(float, answer.strip(b"[]").split(b","))
    return cpu, mib


def _check(arena: Arena, folder: Path, index: Index) -> None:
    """Show how many documents are checked in a second, and how long an event's evidence takes."""
    arena.servers.calm_down()
    settings = SealSettings(
        kafka_bootstrap_servers=arena.servers.kafka,
        topic=arena.topic,
        elasticsearch_url=arena.servers.elasticsearch,
        index_prefix=index.prefix,
        seal_folder=folder,
    )
    searched = _checked(arena, settings, None)
    file = arena.servers.folder / "events.ndjson"
    _export(settings, file)
    read = _checked(arena, settings, file)
    taken = _evidence(arena, folder, index)
    arena.screen.show(
        table(
            f"Checking {arena.events:,} documents, and proving {len(taken)} of them",
            ("", "figure"),
            [
                ["seal verify, with the search, documents/s", f"{searched:,.0f}"],
                ["seal verify --export, documents/s", f"{read:,.0f}"],
                ["evidence, p50 ms", f"{quantile(taken, 0.5):.1f}"],
                ["evidence, p95 ms", f"{quantile(taken, 0.95):.1f}"],
            ],
            "Two workers check.",
        )
    )


def _checked(arena: Arena, settings: SealSettings, export: Path | None) -> float:
    """Check all documents, of an export if one is given; return how many in a second."""
    begun = time.perf_counter()
    found = verify_log(settings, lambda *_: None, export=export)
    seconds = time.perf_counter() - begun
    if not found.is_sound or found.result.classes["indexed"] != arena.events:
        raise BenchError("the log that was sealed is not the one that was indexed")
    return arena.events / seconds


def _export(settings: SealSettings, file: Path) -> None:
    with (
        AuditLog(settings, seconds=60) as log,
        log.scan(Filter()) as pages,
        file.open("wb") as out,
    ):
        for hits in pages:
            out.writelines(b"%b\n" % hit.line for hit in hits)


def _evidence(arena: Arena, folder: Path, index: Index) -> list[float]:
    """Return how many milliseconds the evidence of some events takes, from their documents on."""
    source = random.Random(7)  # noqa: S311 - to be repeated
    query = QuerySettings(elasticsearch_url=arena.servers.elasticsearch, index_prefix=index.prefix)
    taken = []
    with AuditLog(query) as log, PlaceIndex(folder) as places:
        events = [
            event
            for newest_first in (True, False)
            for event in log.search(Filter(), size=1000, newest_first=newest_first).events
        ]
        prove(folder, events[0], places)  # makes the index of places
        for event in source.choices(events, k=_PROVEN):
            begun = time.perf_counter()
            prove(folder, event, places).zip()
            taken.append((time.perf_counter() - begun) * 1000)
    return taken


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _cost(before: float, events: int) -> Cost:
    cpu = (_cpu_seconds() - before) / max(1, events) * _MICROSECONDS
    return cpu, _peak_mib()


def _peak_mib() -> float:
    """Return the most memory that this program had; the kernel's `ru_maxrss` counts its parent's."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
