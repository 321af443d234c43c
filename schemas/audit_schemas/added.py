"""The fields that the consumer adds to an event."""

from audit_schemas.event import Mapped
from audit_schemas.model import Leaf
from audit_schemas.place import PLACE

__all__ = ["ADDED", "FORMER"]

_HIDDEN = Mapped(index=False, doc_values=False)
_COUNTED = Mapped(index=False)

ADDED = (
    Leaf("event.category", Mapped()),
    Leaf("event.type", Mapped()),
    Leaf("event.created", Mapped("date", index=False, doc_values=False)),
    Leaf("event.ingested", Mapped("date")),
    Leaf("event.hash", _HIDDEN),
    Leaf("event.original", _HIDDEN),
    *PLACE,
    Leaf("audit.user", Mapped()),
    Leaf("audit.source.network", Mapped()),
    Leaf("audit.kafka.topic", _COUNTED),
    Leaf("audit.kafka.partition", Mapped("integer", index=False)),
    Leaf("audit.kafka.offset", Mapped("long", index=False)),
)
"""The fields that the consumer adds, in the order it writes them."""

FORMER = (
    Leaf("event.kind", Mapped()),
    Leaf("ecs.version", _HIDDEN),
    Leaf("related.user", Mapped(doc_values=False)),
    Leaf("related.ip", Mapped("ip", doc_values=False)),
)
"""Fields that consumers added before: the same for all, or copies. Documents of then have them, so
they stay mapped, at no cost to a document that has none; see `audit_schemas.former`."""
