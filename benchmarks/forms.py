"""What it costs to write the log's documents in each form that receivers take."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

import msgspec
from audit_forward.forms import FORMS, form
from audit_generator.traffic import Traffic
from audit_schemas import AuditEvent, Catalogue, Document, Origin, format_timestamp
from rich.console import Group

from benchmarks.figures import Spread, table

__all__ = ["forms_table"]

Write = Callable[[Mapping[str, Any]], Any]

_EVENTS = 3_000
_ROUNDS = 30


def forms_table() -> Group:
    """Measure CPU time an event: into each form, and from there into bytes."""
    documents = _documents()
    ways: dict[str, tuple[Write, Write]] = {
        name: (form(name).event, _to_bytes(form(name).event)) for name in FORMS
    }
    cpu: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in FORMS}
    for _ in range(_ROUNDS):
        for name, both in ways.items():
            for write, found in zip(both, cpu[name], strict=True):
                found.append(_cpu(write, documents))
    rows = [
        (
            name,
            *(f"{Spread.of(_quartiles(found)):.1f}" for found in cpu[name]),
            f"{sum(len(to_bytes(document)) for document in documents) / len(documents):,.0f}",
        )
        for name, (_, to_bytes) in ways.items()
    ]
    return table(
        f"From a stored document to a receiver's form: {_EVENTS:,} events",
        ("", "CPU us/event", "to bytes", "bytes/event"),
        rows,
        f"Median and quartiles of {_ROUNDS} rounds in turn.",
    )


def _documents() -> Sequence[Mapping[str, Any]]:
    catalogue, now = Catalogue.load(), datetime.now(UTC)
    return [
        _document(catalogue, catalogue.settle(event), format_timestamp(now), offset)
        for offset, event in enumerate(Traffic(_EVENTS, now))
    ]


def _document(catalogue: Catalogue, event: AuditEvent, at: str, offset: int) -> dict[str, Any]:
    origin = Origin("audit.events", 0, offset)
    made = Document.of(event, catalogue[event.event.action], origin, at, at)
    document: dict[str, Any] = msgspec.json.decode(made.body)
    return document


def _to_bytes(write: Write) -> Write:
    def written(document: Mapping[str, Any]) -> bytes:
        made = write(document)
        return made.encode() if isinstance(made, str) else msgspec.json.encode(made)

    return written


def _cpu(write: Write, documents: Sequence[Mapping[str, Any]]) -> float:
    """Return microseconds of CPU an event."""
    start = time.process_time()
    for document in documents:
        write(document)
    return (time.process_time() - start) / len(documents) * 1e6


def _quartiles(found: Sequence[float]) -> tuple[float, float, float]:
    ordered = sorted(found)
    return ordered[len(ordered) // 4], median(ordered), ordered[3 * len(ordered) // 4]
