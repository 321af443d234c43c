"""The marked event, or alert, that `auditlog forward test` sends."""

import secrets
from datetime import UTC, datetime
from typing import Any

import msgspec
from audit_schemas import ECS_VERSION, format_timestamp

from audit_forward.encoder import Encoder
from audit_forward.item import Item
from audit_forward.stream_file import StreamFile

__all__ = ["MARK", "marked_item"]

MARK = "auditlog-test"
"""What the id and the user's name of a marked event begin with."""


def marked_item(stream: StreamFile, encoder: Encoder) -> Item:
    """Return an item that says of itself that it is a test, in the stream's form."""
    now = format_timestamp(datetime.now(UTC))
    marked_id = f"{MARK}-{secrets.token_hex(8)}"
    text = f"This is a test of the stream {stream.name}: nothing happened."
    document: dict[str, Any] = {
        "event": {"id": marked_id, "created": now},
        "@timestamp": now,
        "message": text,
    }
    if stream.organization is not None:
        document["organization"] = {"id": stream.organization}
    if stream.what == "alerts":
        document["event"] |= {"kind": "alert", "severity": 0, "start": now, "end": now}
        document["ecs"] = {"version": ECS_VERSION}
        document["rule"] = {"id": MARK, "name": MARK, "description": text, "category": "test"}
        document["related"] = {"user": [MARK]}
        document["audit"] = {"alert": _alert(now)}
        return encoder.alert(document)
    document["event"] |= {
        "category": ["authentication"],
        "type": ["start"],
        "ingested": now,
        "action": "login",
        "outcome": "success",
    }
    document["user"] = {"id": MARK, "name": MARK}
    document["service"] = {"name": MARK}
    document["labels"] = {"test": "true"}
    document["audit"] = {"actor": {"kind": "user"}, "user": MARK}
    return encoder.event(msgspec.json.encode(document))


def _alert(now: str) -> dict[str, Any]:
    return {
        "status": "open",
        "level": "informational",
        "revision": 1,
        "first": now,
        "last": now,
        "count": 0,
        "size": 0,
    }
