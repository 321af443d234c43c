"""Dead letters, read: what was refused, where it stood, why, and which of them are asked for.

A record may have several dead letters, since they are written at least once. Such copies are told
from other records by where the record stood and by its bytes, since a topic that was deleted and
made again under its name gives the same offsets to other records.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
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

from audit_admin.dead_letters.journal import ORIGIN_HEADER, Note, identity_of, note_of, parse_origin
from audit_admin.reader import Reader

__all__ = ["Letter", "LetterBox", "Selection", "letter_of"]


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter."""

    at: Origin
    """Where the dead letter itself stands."""
    written: datetime
    """When Kafka took it."""
    origin: Origin
    """Where the refused record stood."""
    received: datetime | None
    """When Kafka took the record; older versions did not note it."""
    reason: str
    path: str
    message: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    """The record's own."""
    size: int | None
    """The value's length, where only its beginning is here: the topic did not take the whole."""
    digest: str
    """SHA-256 of the whole value, in hex."""

    @property
    def identity(self) -> bytes:
        """The same for copies of one record, another for each other record."""
        return identity_of(self.origin, self.digest)

    @property
    def replay_of(self) -> Origin | None:
        """Where the record stood that this is the replay of, as its headers say."""
        found = [value for name, value in self.headers if name == ORIGIN_HEADER]
        return parse_origin(found[-1]) if found else None

    def event_field(self, name: str) -> str | None:
        """Return `event.<name>` as the value has it, as far as it can be read; never raises."""
        event = _fields(self.value).get("event")
        found = event.get(name) if isinstance(event, dict) else None
        return found if isinstance(found, str) else None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters are asked for: those that pass all of these; an empty one lets all pass.

    Times are those of the dead letters; `start` is included, `end` is not.
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

    def takes(self, letter: Letter) -> bool:
        """Tell whether a dead letter is asked for."""
        return (
            letter.origin.topic == self.topic
            and self.partition in (None, letter.origin.partition)
            and self.offset in (None, letter.origin.offset)
            and (not self.reasons or letter.reason in self.reasons)
            and (self.start is None or letter.written >= self.start)
            and (self.end is None or letter.written < self.end)
            and (not self.ids or letter.event_field("id") in self.ids)
            and (not self.activities or letter.event_field("action") in self.activities)
        )


class LetterBox:
    """The dead-letter topic as it is now: what comes later is not seen.

    It can be read as often as one likes, a record at a time. Raises SetupFaultError where Kafka
    does not answer, or has no such topic.
    """

    def __init__(self, reader: Reader, topic: str) -> None:
        self._reader = reader
        self.topic = topic
        self._ends = {number: reader.ends(topic, number) for number in reader.partitions(topic)}

    def __len__(self) -> int:
        return sum(high - low for low, high in self._ends.values())

    def end(self, partition: int) -> int:
        """Return the offset of the next record that came after we looked."""
        return self._ends[partition][1]

    def entries(self) -> Iterator[Letter | Note | None]:
        """Yield dead letters and notes of replays; None for what is neither."""
        for partition, (low, high) in self._ends.items():
            for record in self._reader.read(self.topic, partition, low, high):
                yield letter_of(record) or note_of(record)


def letter_of(record: Record) -> Letter | None:
    """Read a dead letter; None if the record is none."""
    own, added = split_headers(record.headers)
    origin = origin_in(added)
    if origin is None or REASON_HEADER not in added:
        return None
    size = added.get(SIZE_HEADER)
    return Letter(
        record.origin,
        record.received,
        origin,
        _time(added.get(RECEIVED_HEADER)),
        added[REASON_HEADER],
        added.get(PATH_HEADER, ""),
        added.get(MESSAGE_HEADER, ""),
        record.key,
        record.value,
        _as_read(own),
        int(size) if size is not None and size.isdecimal() else None,
        added.get(DIGEST_HEADER) or hashlib.sha256(record.value or b"").hexdigest(),
    )


def _as_read(headers: Headers) -> tuple[tuple[str, bytes | None], ...]:
    return tuple((name, v.encode() if isinstance(v, str) else v) for name, v in headers)


def _time(text: str | None) -> datetime | None:
    try:
        return parse_timestamp(text) if text else None
    except ValueError:
        return None


def _fields(value: bytes | None) -> dict[str, Any]:
    """Return a value's fields, as far as it has any: it was refused, and may be anything."""
    text = (value or b"").decode("utf-8", "replace")
    try:
        found = from_json(text, allow_partial=True)  # of one that was cut, what is there
    except ValueError:
        try:
            found = json.loads(text)  # takes half a character, which from_json does not
        except (ValueError, RecursionError):
            return {}
    return found if isinstance(found, dict) else {}
