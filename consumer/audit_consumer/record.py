"""A record of Kafka, and what becomes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from operator import methodcaller
from typing import Literal

from audit_runtime import oversized
from audit_schemas import Document, Origin, Reason
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, KafkaError, Message

__all__ = [
    "LAST_MILLISECOND",
    "Headers",
    "Outcome",
    "Prepared",
    "Record",
    "Refusal",
    "StrayLines",
    "headers_of",
]

Headers = list[tuple[str, str | bytes | None]] | Literal[False] | None
"""As the client gives them: None where there are none, False where it can't."""

LAST_MILLISECOND = 253_402_300_799_999
"""Of the year 9999, since 1970."""

_HEADERS = methodcaller("headers")
_UNREADABLE = "a header's name is not UTF-8; the dead letter has no headers of the record"


class StrayLines(bytes):
    """Lines of a bulk request for an index where the event's id is not expected: see `HomeIndex`.

    A type instead of a flag beside each line, since nearly no line is one.
    """

    __slots__ = ()


class Outcome(StrEnum):
    """What became of a record. One that has no outcome yet is still tried."""

    INDEXED = "indexed"
    """In the index; by us just now, or by an earlier try of ours."""
    DUPLICATE = "duplicate"
    """Another record with the same id and the same content is in the index."""
    DEAD_LETTERED = "dead-lettered"
    """Acknowledged in the dead-letter topic, with the reason."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as Kafka has it: raw bytes, kept until it is settled."""

    origin: Origin
    received: datetime
    """When the broker took it (LogAppendTime), not when we read it.

    In a topic that leaves it to publishers it may be any number: one of no calendar is the nearest.
    """
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    defect: str | None = None
    """Why the record can't be read as it is, where the client can't."""
    is_too_large: bool = False
    """Whether that is because of its size; then key, value and headers are left out."""

    @classmethod
    def of(cls, message: Message, headers: Headers = None) -> "Record":
        """Copy what a message has; its headers may have been read already.

        A message that is an error stands for a record that can't be had; it says where that is.
        """
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None  # noqa: S101 - librdkafka's contract for records
        assert partition is not None  # noqa: S101
        assert offset is not None  # noqa: S101
        kind, milliseconds = message.timestamp()
        moment = (
            datetime.now(UTC)
            if kind == TIMESTAMP_NOT_AVAILABLE
            else datetime.fromtimestamp(min(max(0, milliseconds), LAST_MILLISECOND) / 1000, UTC)
        )
        origin = Origin(topic, partition, offset)
        if (error := message.error()) is not None:
            too_large = error.code() == KafkaError.MSG_SIZE_TOO_LARGE
            return cls(origin, moment, None, None, defect=error.str(), is_too_large=too_large)
        if why := oversized(len(message)):
            return cls(origin, moment, None, None, defect=why, is_too_large=True)
        found = headers if headers is not None else headers_of([message])[0]
        return cls(
            origin,
            moment,
            _bytes(message.key()),
            _bytes(message.value()),
            tuple((name, _bytes(value)) for name, value in found or ()),
            _UNREADABLE if found is False else None,
        )

    def header(self, name: str) -> bytes | None:
        """Return the last header of that name."""
        return next((value for key, value in reversed(self.headers) if key == name), None)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record whose event is valid, ready to be indexed."""

    record: Record
    index: str
    document: Document
    home: str
    """The index where its id is expected."""

    @property
    def lines(self) -> bytes:
        """The action and the document: two lines of a bulk request, without the last newline.

        Neither index nor id needs escaping: the contract restricts their characters.
        """
        action = f'{{"create":{{"_index":"{self.index}","_id":"{self.document.id}"}}}}\n'.encode()
        lines = action + self.document.body
        return lines if self.index == self.home else StrayLines(lines)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that can't be indexed, and why; neither field holds values of the event."""

    record: Record
    reason: Reason
    path: str
    message: str


def headers_of(messages: Sequence[Message]) -> list[Headers]:
    """Return each message's headers; False where they can't be read.

    Kafka takes any bytes for a header's name; the client raises for those that are not UTF-8. Such a
    message must not be asked again: the client would read memory that it has given back. And it is
    asked through C: a call that the interpreter has specialised does not notice that it failed.
    """
    found: list[Headers] = []
    while len(found) < len(messages):
        try:
            for headers in map(_HEADERS, messages[len(found) :]):
                found.append(headers)  # noqa: PERF402 - those before one that fails are kept
        except (SystemError, UnicodeDecodeError):
            found.append(False)
    return found


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
