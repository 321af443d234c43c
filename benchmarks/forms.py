"""What it costs to write the log's documents in each form that receivers take."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

import msgspec
from audit_forward.forms import FORMS, Form, form
from audit_generator.traffic import Traffic
from audit_schemas import AuditEvent, Catalogue, Document, Origin, format_timestamp
from rich.console import Group

from benchmarks.figures import Spread, table

__all__ = ["forms_table"]

_EVENTS = 3_000
_ROUNDS = 30


def forms_table() -> Group:
    """Measure CPU time an event: into each form, and from there into bytes."""
    documents = _documents()
    into: dict[str, list[float]] = {name: [] for name in FORMS}
    written: dict[str, list[float]] = {name: [] for name in FORMS}
    size: dict[str, float] = {}
    for _ in range(_ROUNDS):
        for name in FORMS:
            made, seconds = _cpu(form(name), documents)
            into[name].append(seconds)
            start = time.process_time()
            lines = [one.encode() if isinstance(one, str) else msgspec.json.encode(one) for one in made]
            written[name].append((time.process_time() - start) / len(lines) * 1e6)
            size[name] = sum(map(len, lines)) / len(lines)
    rows = [
        (
            name,
            f"{Spread.of(_quartiles(into[name])):.2f}",
            f"{Spread.of(_quartiles(written[name])):.2f}",
            f"{size[name]:,.0f}",
        )
        for name in FORMS
    ]
    return table(
        f"From a stored document to a receiver's form: {_EVENTS:,} events",
        ("", "CPU us/event", "written as bytes", "bytes/event"),
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


def _cpu(made: Form, documents: Sequence[Mapping[str, Any]]) -> tuple[list[Any], float]:
    """Return what the documents become, and microseconds of CPU an event."""
    write = made.event
    start = time.process_time()
    found = [write(document) for document in documents]
    return found, (time.process_time() - start) / len(documents) * 1e6


def _quartiles(found: Sequence[float]) -> tuple[float, float, float]:
    ordered = sorted(found)
    return ordered[len(ordered) // 4], median(ordered), ordered[3 * len(ordered) // 4]
