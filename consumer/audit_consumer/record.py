"""A record of Kafka, and what becomes of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from audit_schemas import Document, Origin, Reason
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

__all__ = ["Outcome", "Prepared", "Record", "Refusal"]


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
    """When the broker took it (LogAppendTime), not when we read it."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    defect: str | None = None
    """Why the record can't be read as it is, where the client can't."""

    @classmethod
    def of(cls, message: Message) -> "Record":
        """Copy what a message that is no error has."""
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None  # noqa: S101 - librdkafka's contract for messages without error
        assert partition is not None  # noqa: S101
        assert offset is not None  # noqa: S101
        kind, milliseconds = message.timestamp()
        moment = (
            datetime.now(UTC)
            if kind == TIMESTAMP_NOT_AVAILABLE
            else datetime.fromtimestamp(milliseconds / 1000, UTC)
        )
        headers, defect = _headers(message)
        return cls(
            Origin(topic, partition, offset),
            moment,
            _bytes(message.key()),
            _bytes(message.value()),
            headers,
            defect,
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

    @property
    def lines(self) -> bytes:
        """The action and the document: two lines of a bulk request, without the last newline.

        Neither index nor id needs escaping: the contract restricts their characters.
        """
        return (
            f'{{"create":{{"_index":"{self.index}","_id":"{self.document.id}"}}}}\n'.encode()
            + self.document.body
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that can't be indexed, and why; neither field holds values of the event."""

    record: Record
    reason: Reason
    path: str
    message: str


def _headers(message: Message) -> tuple[tuple[tuple[str, bytes | None], ...], str | None]:
    """Return the headers, or why they can't be read.

    Kafka takes any bytes for a header's name; the client raises for those that are not UTF-8.
    """
    try:
        pairs = message.headers()
    except (SystemError, UnicodeDecodeError):
        return (), "a header's name is not UTF-8; the dead letter has no headers of the record"
    found = pairs if isinstance(pairs, list) else []
    return tuple((name, _bytes(value)) for name, value in found), None


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
