"""Events for tests."""

import json
from datetime import UTC, datetime
from typing import Any

from audit_producer.build import new_event
from audit_schemas import encode, format_timestamp

__all__ = ["chat_opened", "chats", "fields", "raw"]


def chat_opened(number: int = 0, **context: Any) -> bytes:
    """Return a valid event's bytes."""
    return encode(
        new_event(
            "chat-opened", user=f"user-{number}", chat=f"chat-{number}", ip="192.0.2.7", **context
        )
    )


def chats(count: int, **context: Any) -> dict[str, bytes]:
    """Return so many valid events' bytes, by their ids."""
    values = [chat_opened(number, **context) for number in range(count)]
    return {json.loads(value)["event"]["id"]: value for value in values}


def fields(action: str = "login", **more: Any) -> dict[str, Any]:
    """Return a valid event's wire fields, as a publisher in another language would write them."""
    return {
        "@timestamp": format_timestamp(datetime.now(UTC)),
        "event": {"id": "0123456789abcdef", "action": action},
        "user": {"id": "u-1", "name": "Ada"},
        **more,
    }


def raw(**more: Any) -> bytes:
    """Return `fields` as bytes."""
    return json.dumps(fields(**more)).encode()
