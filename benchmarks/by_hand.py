"""A consumer as a good team would write it by hand in a day: the bench's yardstick.

It is FIXED. Make nothing in it faster or slower, whatever becomes of the product: figures of
different days are compared by it. It uses the public model with pydantic's own means (no `decode`),
`consume(5000)`, `helpers.bulk` in chunks of 5,000, and a commit after each batch. Only where the
mapping loses a field, the line that adds it goes too.

What it does not do, and the product does: it stops at the first fault, keeps nothing in flight while
it validates, and knows no duplicate from a conflict.
"""

import hashlib
import ipaddress
import json
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from audit_schemas import AuditEvent, Catalogue
from confluent_kafka import Consumer, Message, Producer
from elasticsearch import Elasticsearch, helpers
from pydantic import ValidationError

_BATCH = 5000
_CONFLICT = 409


class ByHand:
    """Reads a batch, validates it, indexes it, commits it; then the next."""

    def __init__(self) -> None:
        servers = os.environ["AUDITLOG_KAFKA_BOOTSTRAP_SERVERS"]
        self._topic = os.environ["AUDITLOG_TOPIC"]
        self._prefix = os.environ["AUDITLOG_INDEX_PREFIX"]
        self._catalogue = Catalogue.load()
        self._elastic = Elasticsearch(os.environ["AUDITLOG_ELASTICSEARCH_URL"], request_timeout=60)
        self._dead_letters = Producer({"bootstrap.servers": servers})
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": os.environ["AUDITLOG_GROUP"],
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        self._stopping = False

    def stop(self, _: int, __: FrameType | None) -> None:
        """End after this batch."""
        self._stopping = True

    def run(self) -> None:
        """Consume until stopped."""
        self._consumer.subscribe([self._topic])
        while not self._stopping:
            messages = self._consumer.consume(_BATCH, timeout=0.5)
            if messages:
                self._index(messages)
                self._dead_letters.flush()
                self._consumer.commit(asynchronous=False)
        self._consumer.close()

    def _index(self, messages: list[Message]) -> None:
        _, errors = helpers.bulk(
            self._elastic, self._actions(messages), chunk_size=_BATCH, raise_on_error=False
        )
        assert isinstance(errors, list)  # noqa: S101 - only a number with stats_only
        faults = [error for error in errors if error["create"]["status"] != _CONFLICT]
        if faults:
            sys.exit(f"Elasticsearch refuses {len(faults)} documents: {faults[0]}")

    def _actions(self, messages: list[Message]) -> Iterator[dict[str, Any]]:
        for message in messages:
            if message.error():
                sys.exit(str(message.error()))
            value = message.value()
            try:
                event = AuditEvent.model_validate_json(value or b"")
            except ValidationError:
                self._dead_letters.produce(f"{self._topic}.dead-letter", value, key=message.key())
                continue
            yield {
                "_op_type": "create",
                "_index": f"{self._prefix}-{event.timestamp[:7].replace('-', '.')}",
                "_id": event.event.id,
                "_source": self._document(event, message),
            }

    def _document(self, event: AuditEvent, message: Message) -> dict[str, Any]:
        document = event.model_dump(by_alias=True, exclude_none=True, mode="json")
        activity = self._catalogue[event.event.action]
        digest = hashlib.sha256(json.dumps(document, separators=(",", ":")).encode())
        document["event"].setdefault("outcome", activity.outcome)
        document["event"] |= {"kind": "event", "category": activity.category, "type": activity.type}
        document["event"]["hash"] = digest.hexdigest()
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        document["event"]["created"] = now
        document["event"]["ingested"] = now
        document["ecs"] = {"version": "9.4.0"}
        document["related"] = {"user": _users(event)}
        document["audit"]["user"] = "system"
        if event.user is not None:
            document["audit"]["user"] = event.user.name or event.user.id or "system"
        if event.source is not None and event.source.ip is not None:
            document["related"]["ip"] = [event.source.ip]
            document["audit"]["source"] = {"network": _network(event.source.ip)}
        document["audit"]["kafka"] = {
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": message.offset(),
        }
        return document


def _users(event: AuditEvent) -> list[str]:
    if event.user is None:
        return []
    users = [event.user.id, event.user.name]
    if event.user.target is not None:
        users += [event.user.target.id, event.user.target.name]
    return [user for user in dict.fromkeys(users) if user]


def _network(ip: str) -> str:
    bits = 64 if ":" in ip else 24
    return str(ipaddress.ip_network(f"{ip}/{bits}", strict=False))


if __name__ == "__main__":
    by_hand = ByHand()
    signal.signal(signal.SIGTERM, by_hand.stop)
    by_hand.run()
