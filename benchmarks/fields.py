"""What each mapped field costs, and each setting, the id, the answer, and the body's size."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from timeit import repeat
from typing import Any

from benchmarks.answer import bulk_answer
from benchmarks.bodies import Bodies, Writer
from benchmarks.contestants import Arena, Shape
from benchmarks.ids import random_id
from benchmarks.index import Disk, Index
from benchmarks.mapping_variants import group_leaves, pruned, turned_off
from benchmarks.run import Run
from benchmarks.spread import Spread

__all__ = ["Variant", "measure_fields", "variants"]

_SHAPE = Shape(3, 2000)
_ANSWERS = ("errors,items.*.status", "errors,items.*.error", "")
_SIZES = (500, 1000, 5000, 10_000)
_SAMPLE = 5000
_NEGLIGIBLE = 0.05
"""Bytes a document."""
_WARM = 3
_AS_IT_IS = "as it is"

Rewrite = Callable[[bytes, bytes], tuple[bytes, bytes]]
"""Takes an action line and a document, and gives others."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that is other than it is."""

    group: str
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


def measure_fields(arena: Arena, rounds: int, only: str = "") -> dict[str, Any]:
    """Push the same documents into an index of each variant, in turn, `rounds` times.

    `only` takes the variants whose group or name has that text. Raises BenchError.
    """
    with arena.fresh_index() as index:
        template = index.template()
    bodies = Bodies(arena.servers.folder)
    chosen = [
        v
        for v in variants(template, _sample(bodies))
        if only in f"{v.group}: {v.name}" or v.name == _AS_IT_IS
    ]
    for number in range(_WARM):
        arena.ceiling(_SHAPE, arena.events, f"Warming Elasticsearch up, {number + 1} of {_WARM}")
    found: dict[str, list[_Figures]] = {f"{v.group}: {v.name}": [] for v in chosen}
    for number in range(1, rounds + 1):
        for variant in chosen:
            what = f"Round {number} of {rounds}: {variant.group}: {variant.name}"
            figures = _measured(arena, variant, bodies, what)
            found[f"{variant.group}: {variant.name}"].append(figures)
            arena.screen.say(
                f"{what}: {figures.run.documents_per_second:,.0f} docs/s, "
                f"{figures.run.elastic_cpu_per_million:.1f} us of Elasticsearch's CPU a document, "
                f"{figures.disk.bytes / arena.events:.0f} bytes"
            )
    rows = [
        {"group": v.group, "name": v.name} | _row(found[f"{v.group}: {v.name}"], arena.events)
        for v in chosen
    ]
    return {
        "events": arena.events,
        "rounds": rounds,
        "rows": rows,
        "answers": [_answer(path) for path in ("errors", *_ANSWERS)],
        "disk": _by_field(next(iter(found.values()))[-1].disk, arena.events),
    }


def variants(template: Mapping[str, Any], sample: Sequence[Mapping[str, Any]]) -> Iterator[Variant]:
    """Yield what to compare, first and last as it is, so that the noise shows. Pure."""
    plain = Variant("baseline", _AS_IT_IS, template["settings"]["index"], template["mappings"])
    yield plain
    yield from _field_variants(plain, sample)
    yield from _setting_variants(plain)
    yield replace(plain, group="id", name="made by Elasticsearch", rewrite=_without_id)
    yield replace(plain, group="id", name="random (UUIDv4), not the SDK's", rewrite=_random_id)
    for path in _ANSWERS:
        yield replace(plain, group="answer", name=path or "whole", filter_path=path)
    for size in _SIZES:
        shape = replace(_SHAPE, documents=size)
        yield replace(plain, group="body", name=f"{size:,} documents", shape=shape)
    yield replace(plain, group="baseline again")


def _field_variants(plain: Variant, sample: Sequence[Mapping[str, Any]]) -> Iterator[Variant]:
    for group, paths in group_leaves(plain.mappings["properties"]).items():
        if not any(pruned(document, paths) != document for document in sample):
            continue  # no event of this traffic has it
        for name, what in (
            ("no index", ("index",)),
            ("no doc values", ("doc_values",)),
            ("neither", ("index", "doc_values")),
        ):
            mappings = turned_off(plain.mappings, paths, what)
            both = len(what) > 1
            if mappings is not None and not (both and _is_one_off(plain.mappings, paths)):
                yield replace(plain, group=group, name=name, mappings=mappings)
        yield replace(plain, group=group, name="gone", rewrite=partial(_without, paths))


def _is_one_off(mappings: Mapping[str, Any], paths: Sequence[str]) -> bool:
    """Tell whether turning both off is the same as turning off the one that is still on."""
    return any(turned_off(mappings, paths, (one,)) is None for one in ("index", "doc_values"))


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
        yield replace(plain, group="setting", name=name, settings={**plain.settings, **change})


def _measured(arena: Arena, variant: Variant, bodies: Bodies, what: str) -> _Figures:
    index = Index(arena.client, "bench-variant")
    folder = _rewritten(arena, variant, bodies)
    index.create("all", dict(variant.settings), dict(variant.mappings))
    try:
        arena.servers.calm_down()
        run = arena.pushed(
            index,
            "all",
            variant.shape,
            arena.events,
            what,
            filter_path=variant.filter_path,
            folder=folder,
        )
        index.force_merge()
        return _Figures(run, index.disk())
    finally:
        index.delete()
        if folder is not None:
            shutil.rmtree(folder)


def _rewritten(arena: Arena, variant: Variant, bodies: Bodies) -> Path | None:
    """Write the variant's own documents, if it has any."""
    if variant.rewrite is None:
        return None
    folder = arena.servers.folder / "rewritten"
    folder.mkdir()
    writer = Writer(folder)
    for action, document in bodies.pairs(arena.events):
        writer.write(*variant.rewrite(action, document))
    writer.close()
    return folder


def _without(paths: Sequence[str], action: bytes, document: bytes) -> tuple[bytes, bytes]:
    less = pruned(json.loads(document), paths)
    return action, json.dumps(less, ensure_ascii=False, separators=(",", ":")).encode()


def _without_id(_: bytes, document: bytes) -> tuple[bytes, bytes]:
    return b'{"create":{}}', document


def _random_id(action: bytes, document: bytes) -> tuple[bytes, bytes]:
    found = json.loads(action)["create"]["_id"]
    other = random_id(found).encode()
    return action.replace(found.encode(), other), document.replace(found.encode(), other)


def _sample(bodies: Bodies) -> list[dict[str, Any]]:
    return [json.loads(document) for _, document in bodies.pairs(_SAMPLE)]


def _by_field(disk: Disk, events: int) -> dict[str, list[float]]:
    """Return each field's bytes a document: index, doc values, stored; the largest first."""
    ordered = sorted(disk.fields.items(), key=lambda field: -sum(field[1].values()))
    return {
        name: [parts[part] / events for part in ("index", "doc_values", "stored")]
        for name, parts in ordered
        if sum(parts.values()) / events >= _NEGLIGIBLE
    }


def _answer(filter_path: str) -> dict[str, Any]:
    """Return what an answer takes on the wire, and the consumer to read it."""
    actions = [b'{"create":{"_index":"audit-events-2026.10","_id":"%036d"}}' % n for n in range(2000)]
    body = b"".join(b"%b\n{}\n" % action for action in actions)
    path = filter_path.split(",") if filter_path else ()
    answer = bulk_answer(body, len(actions), path)
    seconds = min(repeat(lambda: json.loads(answer), number=10, repeat=5)) / 10
    return {
        "filter_path": filter_path or "none: the whole answer",
        "bytes_per_document": len(answer) / len(actions),
        "parse_us_per_document": seconds / len(actions) * 1e6,
    }


def _row(found: Sequence[_Figures], events: int) -> dict[str, Any]:
    figures = {
        "documents_per_second": [f.run.documents_per_second for f in found],
        "elastic_us_per_document": [f.run.elastic_cpu_per_million for f in found],
        "bytes_per_document": [f.disk.bytes / events for f in found],
    }
    return {name: asdict(Spread.of(values)) for name, values in figures.items()}
