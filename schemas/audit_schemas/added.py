"""The fields that the consumer adds to an event."""

from audit_schemas.event import Mapped
from audit_schemas.model import Leaf
from audit_schemas.place import PLACE

__all__ = ["ADDED"]

_HIDDEN = Mapped(index=False, doc_values=False)
_COUNTED = Mapped(index=False)

ADDED = (
    Leaf("event.kind", Mapped()),
    Leaf("event.category", Mapped()),
    Leaf("event.type", Mapped()),
    Leaf("event.created", Mapped("date", index=False, doc_values=False)),
    Leaf("event.ingested", Mapped("date")),
    Leaf("event.hash", _HIDDEN),
    Leaf("event.original", _HIDDEN),
    *PLACE,
    Leaf("ecs.version", _HIDDEN),
    Leaf("related.user", Mapped(doc_values=False)),
    Leaf("related.ip", Mapped("ip", doc_values=False)),
    Leaf("audit.user", Mapped()),
    Leaf("audit.source.network", Mapped()),
    Leaf("audit.kafka.topic", _COUNTED),
    Leaf("audit.kafka.partition", Mapped("integer", index=False)),
    Leaf("audit.kafka.offset", Mapped("long", index=False)),
)
"""The fields that the consumer adds, in the order it writes them."""
