"""What each mapped field costs, each setting, the id, the answer, the body's size; and all we add."""

import http.client
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from timeit import repeat
from typing import Any
from urllib.parse import urlsplit

from audit_schemas import published_forms

from benchmarks.bodies import Bodies, Writer
from benchmarks.contestants import Arena, Shape
from benchmarks.figures import Spread, interleaved, ratio, table
from benchmarks.index import Disk, Index
from benchmarks.mapping_variants import group_leaves, pruned, turned_off
from benchmarks.records import random_id
from benchmarks.run import Run

_ANSWERS = ("errors", "errors,items.*.status", "errors,items.*.error", "")
_SIZES = (500, 1000, 5000, 10_000)
_SAMPLE = 5000
_NEGLIGIBLE = 0.05
"""Bytes a document."""
_WARM = 3
_SHAPE = Shape()
_AS_IT_IS = "baseline: as it is"
_RAW = "raw: the event as published, nothing added"

Rewrite = Callable[[bytes, bytes], tuple[bytes, bytes]]
"""Takes an action line and a document, and gives others."""


@dataclass(frozen=True, slots=True)
class Variant:
    """An index or its documents, with one thing changed."""

    name: str
    settings: Mapping[str, Any]
    mappings: Mapping[str, Any]
    rewrite: Rewrite | None = None
    filter_path: str = "errors"
    shape: Shape = _SHAPE


@dataclass(frozen=True, slots=True)
class _Figures:
    run: Run
    disk: Disk


def measure_fields(arena: Arena, rounds: int, only: str = "") -> None:
    """Push the same documents into an index of each variant, in turn, `rounds` times.

    `only` takes the variants whose name has that text. Raises BenchError.
    """
    bodies = arena.make_bodies()
    with arena.fresh_index() as index:
        template = index.template()
    sample = [json.loads(document) for _, document in bodies.pairs(_SAMPLE)]
    always = ("baseline", "raw")
    chosen = [v for v in variants(template, sample) if only in v.name or v.name.startswith(always)]
    for number in range(_WARM):
        arena.ceiling(_SHAPE, arena.events, f"Warming Elasticsearch up, {number + 1} of {_WARM}")
    runs = interleaved(
        arena.screen,
        rounds,
        {variant.name: partial(_measured, arena, variant, bodies) for variant in chosen},
        lambda found: f"{found.run.documents_per_second:,.0f} docs/s",
    )
    _show_disk(arena, next(iter(runs.values()))[-1].disk)
    _show_answers(arena, bodies)
    _show_variants(arena, runs)


def variants(template: Mapping[str, Any], sample: Sequence[Mapping[str, Any]]) -> Iterator[Variant]:
    """Yield what to compare; first and last nothing is changed, so that the noise shows. Pure."""
    plain = Variant(_AS_IT_IS, template["settings"]["index"], template["mappings"])
    yield plain
    loose = {**plain.mappings, "dynamic": False}
    yield replace(plain, name=_RAW, mappings=loose, rewrite=_as_published)
    yield from _field_variants(plain, sample)
    yield from _setting_variants(plain)
    yield replace(plain, name="id: made by Elasticsearch", rewrite=_without_id)
    yield replace(plain, name="id: random (UUIDv4), not the SDK's", rewrite=_random_id)
    for path in _ANSWERS[1:]:
        yield replace(plain, name=f"answer: {path or 'whole'}", filter_path=path)
    for size in _SIZES:
        yield replace(plain, name=f"body: {size:,} documents", shape=replace(_SHAPE, documents=size))
    yield replace(plain, name="baseline again: as it is")


def _field_variants(plain: Variant, sample: Sequence[Mapping[str, Any]]) -> Iterator[Variant]:
    for group, paths in group_leaves(plain.mappings["properties"]).items():
        if not any(pruned(document, paths) != document for document in sample):
            continue  # no event of this traffic has it
        off = {name: turned_off(plain.mappings, paths, (name,)) for name in ("index", "doc_values")}
        if all(off.values()):  # else the one that is on already makes `neither` the same
            off["neither"] = turned_off(plain.mappings, paths, ("index", "doc_values"))
        names = {"index": "no index", "doc_values": "no doc values", "neither": "neither"}
        for kind, mappings in off.items():
            if mappings is not None:
                yield replace(plain, name=f"{group}: {names[kind]}", mappings=mappings)
        yield replace(plain, name=f"{group}: gone", rewrite=partial(_without, paths))


def _setting_variants(plain: Variant) -> Iterator[Variant]:
    changes: Mapping[str, Mapping[str, Any]] = {
        "codec best_compression": {"codec": "best_compression"},
        "refresh 5 s": {"refresh_interval": "5s"},
        "refresh 30 s": {"refresh_interval": "30s"},
        "no refresh": {"refresh_interval": "-1"},
        "translog async (may lose events: not recommended)": {
            "translog": {"durability": "async", "sync_interval": "5s"}
        },
        "sorted by @timestamp": {"sort": {"field": "@timestamp", "order": "asc"}},
        "sorted by @timestamp, newest first": {"sort": {"field": "@timestamp", "order": "desc"}},
        "two shards": {"number_of_shards": "2"},
    }
    for name, change in changes.items():
        yield replace(plain, name=f"setting: {name}", settings={**plain.settings, **change})


def _measured(arena: Arena, variant: Variant, bodies: Bodies, what: str) -> _Figures:
    index = Index(arena.client, "bench-variant")
    folder = _rewritten(arena, variant.rewrite, bodies) if variant.rewrite else None
    index.create("all", dict(variant.settings), dict(variant.mappings))
    try:
        arena.servers.calm_down()
        shape, path = variant.shape, variant.filter_path
        run = arena.pushed(index, shape, arena.events, what, filter_path=path, folder=folder)
        index.force_merge()
        return _Figures(run, index.disk())
    finally:
        index.delete()
        if folder is not None:
            shutil.rmtree(folder)


def _rewritten(arena: Arena, rewrite: Rewrite, bodies: Bodies) -> Path:
    """Write the variant's own documents."""
    folder = arena.servers.folder / "rewritten"
    folder.mkdir()
    writer = Writer(folder)
    for action, document in bodies.pairs(arena.events):
        writer.write(*rewrite(action, document))
    writer.close()
    return folder


def _without(paths: Sequence[str], action: bytes, document: bytes) -> tuple[bytes, bytes]:
    less = pruned(json.loads(document), paths)
    return action, json.dumps(less, ensure_ascii=False, separators=(",", ":")).encode()


def _as_published(action: bytes, document: bytes) -> tuple[bytes, bytes]:
    return action, next(published_forms(json.loads(document)))


def _without_id(_: bytes, document: bytes) -> tuple[bytes, bytes]:
    return b'{"create":{}}', document


def _random_id(action: bytes, document: bytes) -> tuple[bytes, bytes]:
    found = json.loads(action)["create"]["_id"]
    other = random_id(found).encode()
    return action.replace(found.encode(), other), document.replace(found.encode(), other)


def _show_disk(arena: Arena, disk: Disk) -> None:
    """Show each field's bytes a document, the largest first."""
    ordered = sorted(disk.fields.items(), key=lambda field: -sum(field[1]))
    rows = [
        [name, *(f"{part / arena.events:.1f}" for part in (*parts, sum(parts)))]
        for name, parts in ordered
        if sum(parts) / arena.events >= _NEGLIGIBLE
    ]
    title = "Bytes of a document, after a merge to one segment, by field"
    note = "What Elasticsearch's own analysis says of the mapping as it is (`_disk_usage`)."
    headings = ("", "index", "doc values", "stored", "sum")
    arena.screen.show(table(title, headings, rows, note))


def _show_answers(arena: Arena, bodies: Bodies) -> None:
    """Show what the real answers to a bulk take on the wire, and the consumer to parse."""
    rows = []
    for path in _ANSWERS:
        with arena.fresh_index() as index:
            answer, documents = _answer(arena, index, bodies, path)
        seconds = min(repeat(partial(json.loads, answer), number=10, repeat=5)) / 10
        size = f"{len(answer) / documents:.1f}"
        rows.append([path or "none: the whole answer", size, f"{seconds / documents * 1e6:.2f}"])
    headings = ("filter_path", "bytes/doc", "us/doc to parse")
    arena.screen.show(table("What an answer costs the consumer", headings, rows))


def _answer(arena: Arena, index: Index, bodies: Bodies, filter_path: str) -> tuple[bytes, int]:
    """Send one body, and return its answer and how many documents it had."""
    body = next(bodies.of(_SHAPE.documents, arena.events))
    with bodies.file.open("rb") as file:
        content = file.read(body.size)
    connection = http.client.HTTPConnection(urlsplit(arena.servers.elasticsearch).netloc)
    path = f"/{index.prefix}-all/_bulk?filter_path={filter_path}"
    connection.request("POST", path, content, {"Content-Type": "application/x-ndjson"})
    answer = connection.getresponse().read()
    connection.close()
    return answer, body.documents


def _show_variants(arena: Arena, runs: Mapping[str, Sequence[_Figures]]) -> None:
    rows = []
    base: list[float] = []
    for name, found in runs.items():
        rate = Spread.of(f.run.documents_per_second for f in found).median
        cpu = Spread.of(f.run.elastic_cpu_per_million for f in found)
        size = Spread.of(f.disk.bytes / arena.events for f in found).median
        base = base or [cpu.median, size]
        change = f"{cpu.median - base[0]:+.1f}", f"{size - base[1]:+.1f}"
        rows.append([name, f"{rate:,.0f}", f"{cpu:.1f}", change[0], f"{size:.1f}", change[1]])
    title = "What fields, settings, ids, answers and sizes cost"
    headings = ("", "docs/s", "Elasticsearch CPU us/doc", "change", "bytes/doc, merged", "change")
    note = (
        f"{arena.events:,} ready-made documents, median (range). "
        "The difference between the two baselines is noise."
    )
    arena.screen.show(table(title, headings, rows, f"{note} {_against_raw(runs)}"))


def _against_raw(runs: Mapping[str, Sequence[_Figures]]) -> str:
    """Say what our document costs in the parts of what the event alone does."""
    ours, raw = runs[_AS_IT_IS], runs[_RAW]
    cpu = ratio(
        (one.run.elastic_cpu_per_million for one in ours),
        (one.run.elastic_cpu_per_million for one in raw),
    )
    size = ratio((one.disk.bytes for one in ours), (one.disk.bytes for one in raw))
    return f"Baseline by raw: {cpu:.2f} of Elasticsearch's CPU, {size:.2f} of the bytes."
