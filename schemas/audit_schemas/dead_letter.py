"""The headers of a dead letter: where the refused record stood in Kafka, and why it was refused.

They follow the record's own headers, the source topic first, so that they can be told apart from
headers that a publisher wrote under the same names.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from audit_schemas.document import Origin
from audit_schemas.errors import Reason
from audit_schemas.timestamps import format_timestamp

__all__ = [
    "DIGEST_HEADER",
    "MESSAGE_HEADER",
    "OFFSET_HEADER",
    "PARTITION_HEADER",
    "PATH_HEADER",
    "REASON_HEADER",
    "RECEIVED_HEADER",
    "SIZE_HEADER",
    "TOPIC_HEADER",
    "Headers",
    "dead_letter_headers",
    "origin_in",
    "origin_of",
    "split_headers",
]

Headers = Sequence[tuple[str, str | bytes | None]]
"""A record's headers, as confluent-kafka takes and gives them."""

# Kafka Connect's names, where one fits (org.apache.kafka.connect.runtime.errors).
TOPIC_HEADER = "__connect.errors.topic"
PARTITION_HEADER = "__connect.errors.partition"
OFFSET_HEADER = "__connect.errors.offset"
MESSAGE_HEADER = "__connect.errors.exception.message"
REASON_HEADER = "audit.errors.reason"
PATH_HEADER = "audit.errors.path"
RECEIVED_HEADER = "audit.errors.received"
"""When Kafka took the record, RFC 3339."""
SIZE_HEADER = "audit.errors.size"
"""Length of the value in bytes, where the dead letter holds only its beginning."""
DIGEST_HEADER = "audit.errors.sha256"
"""SHA-256 of the whole value, with `SIZE_HEADER`."""

_MESSAGE_MAX = 1000


def dead_letter_headers(
    origin: Origin, received: datetime, reason: Reason, path: str, message: str
) -> list[tuple[str, str | bytes | None]]:
    """Return the headers to append to the record's own; the message is cut to 1,000 characters."""
    return [
        (TOPIC_HEADER, origin.topic.encode()),
        (PARTITION_HEADER, str(origin.partition).encode()),
        (OFFSET_HEADER, str(origin.offset).encode()),
        (MESSAGE_HEADER, message[:_MESSAGE_MAX].encode()),
        (REASON_HEADER, reason.encode()),
        (PATH_HEADER, path.encode()),
        (RECEIVED_HEADER, format_timestamp(received).encode()),
    ]


def split_headers(headers: Headers) -> tuple[Headers, dict[str, str]]:
    """Return the record's own headers and, separately, those that a dead letter adds, if any."""
    for first in range(len(headers) - 1, -1, -1):
        if headers[first][0] == TOPIC_HEADER:
            return headers[:first], {name: _text(value) for name, value in headers[first:]}
    return headers, {}


def origin_of(headers: Headers) -> Origin | None:
    """Return where the refused record stood; None if the headers don't say."""
    return origin_in(split_headers(headers)[1])


def origin_in(added: Mapping[str, str]) -> Origin | None:
    """Return the same from headers that `split_headers` gave."""
    try:
        return Origin(added[TOPIC_HEADER], int(added[PARTITION_HEADER]), int(added[OFFSET_HEADER]))
    except (KeyError, ValueError):
        return None


def _text(value: str | bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""
