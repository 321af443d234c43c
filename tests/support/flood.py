"""Very many refused logins, in the index within seconds: one event's document, with other numbers."""

import json
from datetime import datetime, timedelta

from audit_producer import new_event
from audit_schemas import Catalogue, Document, IndexNaming, Origin, format_timestamp
from support.servers import Deployment

__all__ = ["flood"]

_BULK = 5000


def flood(
    deployment: Deployment, count: int, *, start: datetime, length: timedelta, users: int = 50
) -> None:
    """Index so many refused logins from one address, evenly from `start` on."""
    catalogue, naming = Catalogue.load(), IndexNaming(deployment.name)
    at = format_timestamp(start)
    index = naming.index_of(at)
    event = catalogue.settle(new_event("login-failed", user="u-1", ip="203.0.113.66", at=start))
    body = Document.of(event, catalogue["login-failed"], Origin("t", 0, 0), at, at).body
    document = json.loads(body)
    with deployment.client() as client:
        for first in range(0, count, _BULK):
            lines: list[bytes] = []
            for number in range(first, min(count, first + _BULK)):
                then = format_timestamp(start + length * number / count)
                user = f"u-{number % users}"
                document["@timestamp"] = document["event"]["ingested"] = then
                document["event"]["id"] = f"flood-{number:012}"
                document["audit"]["kafka"]["offset"] = number
                document["audit"]["user"] = document["user"]["id"] = user
                action = {"create": {"_index": index, "_id": document["event"]["id"]}}
                lines += [json.dumps(line).encode() for line in (action, document)]
            answer = client.options(request_timeout=60).bulk(
                operations=[b"\n".join(lines)],  # type: ignore[list-item]  # sent as it is
                filter_path="errors",
            )
            assert answer["errors"] is False, answer
        client.indices.refresh(index=index)
