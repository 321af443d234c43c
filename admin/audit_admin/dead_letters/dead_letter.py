"""A dead letter: what was refused, where it was, and why; and the filter of the commands.

A record may have several dead letters, since they are written at least once. Such copies are recognized
by the record's position and by its bytes: a topic that was deleted and recreated reuses its offsets.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import MAXYEAR, datetime
from typing import Any

from audit_consumer import Record
from audit_schemas import (
    DIGEST_HEADER,
    MESSAGE_HEADER,
    PATH_HEADER,
    REASON_HEADER,
    RECEIVED_HEADER,
    SIZE_HEADER,
    Headers,
    Origin,
    origin_in,
    parse_timestamp,
    split_headers,
)
from pydantic_core import from_json

from audit_admin.dead_letters.journal import ORIGIN_HEADER, identity_of, parse_origin

__all__ = ["DeadLetter", "Selection", "parse_dead_letter"]

_DIGITS_MAX = 18
_FIRST_YEAR = 1970


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter."""

    position: Origin
    """Where the dead letter itself is."""
    written: datetime
    """When Kafka received it."""
    origin: Origin
    """Where the refused record was."""
    received: datetime | None
    """When Kafka received the record; older versions did not store it."""
    reason: str
    path: str
    message: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    """The record's own."""
    size: int | None
    """The length of the whole value if it was too large for the topic and has been truncated."""
    digest: str
    """SHA-256 of the whole value, in hex."""

    @property
    def identity(self) -> bytes:
        """Equal for copies of one record, different for every other record."""
        return identity_of(self.origin, self.digest)

    @property
    def replay_of(self) -> Origin | None:
        """Where the record was that this is a replay of, according to its headers."""
        values = [value for name, value in self.headers if name == ORIGIN_HEADER]
        return parse_origin(values[-1]) if values else None

    def event_field(self, name: str) -> str | None:
        """Return `event.<name>` if the value can be read that far; never raises."""
        event = _fields(self.value).get("event")
        value = event.get(name) if isinstance(event, dict) else None
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Selection:
    """A filter of dead letters: all conditions must match, an empty one always does.

    Times are those of the dead letters; `start` is inclusive, `end` exclusive.
    """

    topic: str
    """The source topic."""
    reasons: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    partition: int | None = None
    offset: int | None = None

    def matches(self, dead_letter: DeadLetter) -> bool:
        """Tell whether a dead letter is selected."""
        return (
            dead_letter.origin.topic == self.topic
            and self.partition in (None, dead_letter.origin.partition)
            and self.offset in (None, dead_letter.origin.offset)
            and (not self.reasons or dead_letter.reason in self.reasons)
            and (self.start is None or dead_letter.written >= self.start)
            and (self.end is None or dead_letter.written < self.end)
            and (not self.ids or dead_letter.event_field("id") in self.ids)
            and (not self.activities or dead_letter.event_field("action") in self.activities)
        )


def parse_dead_letter(record: Record) -> DeadLetter | None:
    """Parse a record of the dead-letter topic; None if it is not a dead letter."""
    own, added = split_headers(record.headers)
    origin = origin_in(added)
    if origin is None or REASON_HEADER not in added:
        return None
    size = added.get(SIZE_HEADER)
    return DeadLetter(
        record.origin,
        record.received,
        origin,
        _time(added.get(RECEIVED_HEADER)),
        added[REASON_HEADER],
        added.get(PATH_HEADER, ""),
        added.get(MESSAGE_HEADER, ""),
        record.key,
        record.value,
        _as_bytes(own),
        int(size) if size is not None and size.isdecimal() and len(size) <= _DIGITS_MAX else None,
        added.get(DIGEST_HEADER) or hashlib.sha256(record.value or b"").hexdigest(),
    )


def _as_bytes(headers: Headers) -> tuple[tuple[str, bytes | None], ...]:
    return tuple((name, v.encode() if isinstance(v, str) else v) for name, v in headers)


def _time(text: str | None) -> datetime | None:
    """Return a time at which Kafka can have received something, and that every zone has."""
    try:
        found = parse_timestamp(text) if text else None
    except (ValueError, OverflowError):
        return None
    return found if found is not None and _FIRST_YEAR <= found.year < MAXYEAR else None


def _fields(value: bytes | None) -> dict[str, Any]:
    """Return what can be read of a value; it was refused, and may be anything."""
    text = (value or b"").decode("utf-8", "replace")
    try:
        fields = from_json(text, allow_partial=True)  # reads the beginning of a truncated value
    except ValueError:
        try:
            fields = json.loads(text)  # accepts lone surrogates, which from_json does not
        except (ValueError, RecursionError):
            return {}
    return fields if isinstance(fields, dict) else {}
