"""Events in the index as the consumer would have written them, with no Kafka in between."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from audit_schemas import AuditEvent, Catalogue, Document, IndexNaming, Origin, format_timestamp
from support.servers import Deployment

__all__ = ["store"]


def store(
    deployment: Deployment,
    *events: AuditEvent,
    first: int = 0,
    partition: int = 0,
    ingested: datetime | None = None,
    place: str | Callable[[AuditEvent], str] = "",
) -> None:
    """Index events at the offsets from `first` on, in the order given, and make them searchable.

    `place` is `Place.to_json` of all their addresses, or what returns it for each.
    """
    catalogue, naming = Catalogue.load(), IndexNaming(deployment.name)
    now = format_timestamp(ingested or datetime.now(UTC))
    lines: list[Any] = []  # the client takes ready-made lines too, whatever its types say
    for offset, event in enumerate(events, first):
        settled = catalogue.settle(event)
        origin = Origin(f"{deployment.name}.events", partition, offset)
        where = place if isinstance(place, str) else place(event)
        document = Document.of(settled, catalogue[event.event.action], origin, now, now, place=where)
        index = naming.index_of(event.timestamp)
        lines.append(b'{"create":{"_index":"%s","_id":"%s"}}' % (index.encode(), document.id.encode()))
        lines.append(document.body)
    with deployment.client() as client:
        answer = client.bulk(operations=lines, refresh=True)
        assert not answer["errors"], answer
