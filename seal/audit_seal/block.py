"""Blocks: the entries of the log that seal records, up to 256 successive offsets of one partition.

A record's slot hides its bytes behind a random salt, so a log can be mirrored openly, and what is
said of a person can be forgotten by erasing the salt.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from audit_seal.errors import FormatError

__all__ = ["BLOCK_SLOTS", "EMPTY_SLOT", "SALT_BYTES", "SLOT_BYTES", "Block", "Kind", "slot_of"]

BLOCK_SLOTS = 256
SLOT_BYTES = 32
SALT_BYTES = 16
EMPTY_SLOT = bytes(SLOT_BYTES)
"""No record is at this offset: a transaction's mark, or a record that compaction took."""

_HEAD = re.compile(
    rb"auditlog/block@v1\n"
    rb"topic ([a-zA-Z0-9._-]{1,249}) ([a-zA-Z0-9_-]{1,64})\n"
    rb"partition (0|[1-9]\d{0,9})\n"
    rb"offsets (0|[1-9]\d{0,18}) ([1-9]\d{0,18})\n"
    rb"times (0|[1-9]\d{0,18}) (0|[1-9]\d{0,18})\n\n"
)


class Kind(IntEnum):
    """What a slot stands for."""

    RECORD = 1
    ADOPTED = 2
    """The document that Elasticsearch had when Kafka no longer had its record."""
    NULL = 3
    """A record without a value."""
    UNREADABLE = 4
    """A record that is too large, or in a broken batch; it is sealed as one without a value."""


def slot_of(salt: bytes, kind: Kind, time_ms: int, value: bytes) -> bytes:
    """Return the slot of a record: `time_ms` is the broker's, since the epoch."""
    return sha256(b"%b%c%b%b" % (salt, kind, time_ms.to_bytes(8, "big"), value)).digest()


@dataclass(frozen=True, slots=True)
class Block:
    """Slots of the offsets from `first` up to, and without, `end`.

    Blocks of one topic ID and partition are contiguous and never overlap.
    """

    topic: str
    topic_id: str
    partition: int
    first: int
    end: int
    min_ms: int
    """The earliest broker's time of its records; 0 if it has none, and `max_ms` too."""
    max_ms: int
    slots: bytes

    def slot(self, offset: int) -> bytes:
        """Return the slot of an offset. Raises FormatError for one that it does not have."""
        if not self.first <= offset < self.end:
            raise FormatError(f"A block of offsets {self.first} to {self.end} has no slot of {offset}")
        at = (offset - self.first) * SLOT_BYTES
        return self.slots[at : at + SLOT_BYTES]

    def encode(self) -> bytes:
        """Return the entry."""
        head = (
            f"auditlog/block@v1\ntopic {self.topic} {self.topic_id}\npartition {self.partition}\n"
            f"offsets {self.first} {self.end}\ntimes {self.min_ms} {self.max_ms}\n\n"
        )
        return head.encode() + self.slots

    @classmethod
    def decode(cls, entry: bytes) -> "Block":
        """Read an entry. Raises FormatError."""
        head = _HEAD.match(entry)
        if head is None:
            raise FormatError("An entry is not a block")
        first, end, min_ms, max_ms = map(int, head.groups()[3:])
        slots = entry[head.end() :]
        if not 0 < end - first <= BLOCK_SLOTS or len(slots) != (end - first) * SLOT_BYTES:
            raise FormatError(f"A block of offsets {first} to {end} has {len(slots)} bytes of slots")
        return cls(head[1].decode(), head[2].decode(), int(head[3]), first, end, min_ms, max_ms, slots)
