"""Documents as the consumer stores them and queries find them, with no server."""

import json
from pathlib import Path
from typing import Any

from audit_schemas import Activity, AuditEvent, Catalogue, Document, Origin, Place, decode
from support.servers import ROOT

__all__ = ["EXAMPLES", "example", "example_names", "stored"]

EXAMPLES = ROOT / "schemas" / "examples" / "v1" / "valid"
_AT = "2026-11-23T09:30:01.000Z"
_CATALOGUE = Catalogue.load()


def stored(event: AuditEvent, place: Place | None = None) -> dict[str, Any]:
    """Return the document of an event, parsed, even if its activity is not in the catalogue.

    `place` is where its address is.
    """
    activity = _CATALOGUE.get(event.event.action) or Activity(description="Of a deployment's own.")
    what = event.event.model_copy(update={"outcome": event.event.outcome or activity.outcome})
    made = Document.of(
        event.model_copy(update={"event": what}),
        activity,
        Origin("audit.events", 2, 4711),
        _AT,
        _AT,
        place=place.to_json() if place else "",
    )
    document: dict[str, Any] = json.loads(made.body)
    return document


def example_names() -> list[str]:
    """Return the contract's valid examples: one of each activity, and a few more."""
    return sorted(path.stem for path in EXAMPLES.glob("*.json"))


def example(name: str, place: Place | None = None) -> dict[str, Any]:
    """Return the document of one of the contract's valid examples."""
    return stored(decode(Path(EXAMPLES / f"{name}.json").read_bytes()), place=place)
