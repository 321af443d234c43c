"""The replay journal: which records were replayed, recorded in the dead-letter topic itself. Pure.

A replay writes journal entries to partition 0 of the dead-letter topic: one before it publishes a
record again (`claimed`), and one afterwards with the new position (`published`). So the journal is
where the dead letters are, and lives exactly as long; it needs no store of its own, and whoever can
replay can read it.

Kafka's order decides: of several runs that claim a record at the same time, the one whose entry
comes first holds the claim. The claim of a run that was killed expires after `claim_lifetime`, by
the broker's clock; then the next run may claim the record.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

from audit_consumer import Record
from audit_schemas import TOPIC_HEADER, Origin

from audit_admin.offset_set import OffsetSet

__all__ = [
    "CLAIM_LIFETIME",
    "ORIGIN_HEADER",
    "RUN_HEADER",
    "EntryKind",
    "JournalEntry",
    "ReplayJournal",
    "Replayed",
    "identity_of",
    "origin_text",
    "parse_entry",
    "parse_origin",
]

ORIGIN_HEADER = "audit.replay.origin"
"""On a replayed record and on each entry: where the refused record was, as TOPIC/PARTITION/OFFSET."""
RUN_HEADER = "audit.replay.run"
"""On both: the id of the run that replayed the record."""
_KIND_HEADER = "audit.replay.entry"
_DIGEST_HEADER = "audit.replay.sha256"
_POSITION_HEADER = "audit.replay.position"

CLAIM_LIFETIME = timedelta(minutes=2)
"""How long a claim is exclusive; a run publishes within the first minute of it, or not at all."""

_PACKED = struct.Struct(">iqq")
_PARTITIONS, _OFFSETS = 1 << 31, 1 << 63
"""How many Kafka can have."""


class EntryKind(StrEnum):
    """What an entry says about a record."""

    CLAIMED = "claimed"
    """A run is about to publish it again."""
    PUBLISHED = "published"
    """It was published again, and acknowledged."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One entry in the dead-letter topic."""

    kind: EntryKind
    origin: Origin
    digest: str
    """SHA-256 of the record's value, in hex."""
    run: str
    at: datetime
    """When Kafka received the entry; meaningless before that."""
    position: Origin | None = None
    """Where the record is now, if it was published."""

    @property
    def identity(self) -> bytes:
        """What identifies the record."""
        return identity_of(self.origin, self.digest)

    def headers(self) -> list[tuple[str, str | bytes | None]]:
        """Return the headers that `parse_entry` reads."""
        headers: list[tuple[str, str | bytes | None]] = [
            (_KIND_HEADER, self.kind.encode()),
            (ORIGIN_HEADER, origin_text(self.origin).encode()),
            (_DIGEST_HEADER, self.digest.encode()),
            (RUN_HEADER, self.run.encode()),
        ]
        if self.position is not None:
            headers.append((_POSITION_HEADER, origin_text(self.position).encode()))
        return headers


@dataclass(frozen=True, slots=True)
class Replayed:
    """Where and when a record was last published again."""

    partition: int
    offset: int
    at: datetime


def identity_of(origin: Origin, digest: str) -> bytes:
    """Return what identifies a record, also across topics that were recreated under one name."""
    return blake2b(f"{origin_text(origin)}/{digest}".encode(), digest_size=16).digest()


def origin_text(origin: Origin) -> str:
    """Return a record's position as text."""
    return f"{origin.topic}/{origin.partition}/{origin.offset}"


def parse_origin(text: bytes | None) -> Origin | None:
    """Parse what `origin_text` returns; None if it is something else."""
    try:
        topic, partition, offset = (text or b"").decode().rsplit("/", 2)
        found = Origin(topic, int(partition), int(offset))
    except ValueError:
        return None
    return found if 0 <= found.partition < _PARTITIONS and 0 <= found.offset < _OFFSETS else None


def parse_entry(record: Record) -> JournalEntry | None:
    """Parse an entry; None for any other record, such as a dead letter with forged headers."""
    origin = parse_origin(record.header(ORIGIN_HEADER))
    kind = (record.header(_KIND_HEADER) or b"").decode("utf-8", "replace")
    if origin is None or kind not in set(EntryKind) or record.header(TOPIC_HEADER) is not None:
        return None
    digest, run = (
        (record.header(name) or b"").decode("utf-8", "replace") for name in (_DIGEST_HEADER, RUN_HEADER)
    )
    position = parse_origin(record.header(_POSITION_HEADER))
    return JournalEntry(EntryKind(kind), origin, digest, run, record.received, position)


class ReplayJournal:
    """What the entries add up to, applied in order. About 200 bytes for each replayed record."""

    def __init__(self, claim_lifetime: timedelta = CLAIM_LIFETIME) -> None:
        self._claim_lifetime = claim_lifetime
        self._claims: dict[bytes, JournalEntry] = {}
        self._replayed: dict[bytes, bytes] = {}
        self._positions: dict[tuple[str, int], OffsetSet] = {}

    def apply(self, entry: JournalEntry) -> None:
        """Apply the next entry."""
        identity = entry.identity
        claim = self._claims.get(identity)
        if entry.kind == EntryKind.CLAIMED:
            if claim is None or self.has_expired(claim, entry.at):
                self._claims[identity] = entry
            return
        if claim is not None and claim.run == entry.run:
            del self._claims[identity]
        position = entry.position or Origin(entry.origin.topic, -1, -1)
        milliseconds = int(entry.at.timestamp() * 1000)
        self._replayed[identity] = _PACKED.pack(position.partition, position.offset, milliseconds)
        if entry.position is not None:
            offsets = self._positions.setdefault((position.topic, position.partition), OffsetSet())
            offsets.add(position.offset)

    def claim(self, identity: bytes) -> JournalEntry | None:
        """Return the claim of a run that has not published the record; it may have expired."""
        return self._claims.get(identity)

    def has_expired(self, claim: JournalEntry, now: datetime) -> bool:
        """Tell whether another run may claim the record."""
        return now - claim.at >= self._claim_lifetime

    def was_replayed(self, identity: bytes) -> bool:
        """Tell whether the record was ever replayed."""
        return identity in self._replayed

    def replayed(self, identity: bytes) -> Replayed | None:
        """Return where and when the record was last replayed; None if never."""
        packed = self._replayed.get(identity)
        if packed is None:
            return None
        partition, offset, milliseconds = _PACKED.unpack(packed)
        return Replayed(partition, offset, datetime.fromtimestamp(milliseconds / 1000, UTC))

    def is_replay(self, origin: Origin) -> bool:
        """Tell whether the record at this position was published by a replay."""
        return origin.offset in self._positions.get((origin.topic, origin.partition), OffsetSet())

    def all_replayed(self) -> Iterator[bytes]:
        """Yield the identity of each replayed record."""
        yield from self._replayed
