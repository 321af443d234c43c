"""What became of each record, counted from Elasticsearch and the dead-letter topic, not by us."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from audit_admin import set_up
from audit_consumer.record import Record
from audit_schemas.dead_letter import OFFSET_HEADER, PARTITION_HEADER, REASON_HEADER, TOPIC_HEADER
from support.servers import Deployment, Servers, new_deployment, tear_down

__all__ = ["Place", "Proof", "a_deployment", "letters", "proof", "stored"]

Place = tuple[int, int]
"""Partition and offset."""

_PAGE = 10_000


@dataclass(frozen=True)
class Proof:
    """The sum of all partitions, as `auditlog verify` counts it."""

    published: int
    indexed: int
    duplicates: int
    dead_lettered: int
    unread: int


@contextmanager
def a_deployment(servers: Servers, **extra: str) -> Iterator[Deployment]:
    """Give a deployment that is set up, for more than one test or on servers of a test's own."""
    deployment = new_deployment(servers, **extra)
    list(set_up(deployment.setup))
    yield deployment
    tear_down(deployment)


def proof(deployment: Deployment) -> Proof:
    """Return what `auditlog verify` proves; it fails if anything is missing."""
    partitions = json.loads(deployment.run("verify", "--json").stdout)
    names = ("published", "indexed", "duplicates", "dead_lettered", "unread")
    found = Proof(*(sum(partition[name] for partition in partitions) for name in names))
    assert found.published == found.indexed + found.duplicates + found.dead_lettered + found.unread
    return found


def stored(deployment: Deployment) -> dict[Place, dict[str, Any]]:
    """Return every document by the place of its record, with `_id` beside."""
    found: dict[Place, dict[str, Any]] = {}
    for document in _documents(deployment):
        kafka = document["audit"]["kafka"]
        place = kafka["partition"], kafka["offset"]
        assert place not in found, f"two documents are of one record: {place}"
        found[place] = document
    return found


def letters(deployment: Deployment) -> dict[Place, Record]:
    """Return every dead letter by the place of its record; copies of one count once."""
    found: dict[Place, Record] = {}
    for letter in deployment.dead_letters():
        partition, offset = (letter.header(name) for name in (PARTITION_HEADER, OFFSET_HEADER))
        assert letter.header(TOPIC_HEADER) == f"{deployment.name}.events".encode()
        assert letter.header(REASON_HEADER)
        found[int(partition or b""), int(offset or b"")] = letter
    return found


def _documents(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """Go through all indices in the order of Kafka, page by page."""
    after: list[Any] | None = None
    with deployment.client() as client:
        client.indices.refresh(index=f"{deployment.name}-*")
        while True:
            found = client.search(
                index=f"{deployment.name}-*",
                size=_PAGE,
                sort=["audit.kafka.partition", "audit.kafka.offset"],
                search_after=after,
            )["hits"]["hits"]
            yield from (hit["_source"] | {"_id": hit["_id"]} for hit in found)
            if len(found) < _PAGE:
                return
            after = found[-1]["sort"]
