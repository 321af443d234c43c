"""What was replayed, as the dead-letter topic remembers it: the notes, and what they add up to. Pure.

A replay leaves notes in partition 0 of the dead-letter topic. Before it publishes a record again it
writes that it takes it (`taken`), and afterwards where it now stands (`done`). So the memory lives
where the dead letters live, and exactly as long; it needs no store of its own, and every process
that can replay can read it.

Kafka's order is what decides: of several runs that take a record at the same time, the one whose
note stands first has it. A run that took a record and was killed holds it no longer than `lapse`,
by the broker's clock; then the next may take it.
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
    "LAPSE",
    "ORIGIN_HEADER",
    "RUN_HEADER",
    "Ledger",
    "Note",
    "NoteKind",
    "Replayed",
    "identity_of",
    "note_of",
    "origin_text",
    "parse_origin",
]

ORIGIN_HEADER = "audit.replay.origin"
"""On a replayed record and on each note: where the refused record stood, TOPIC/PARTITION/OFFSET."""
RUN_HEADER = "audit.replay.run"
"""Beside it: the id of the run that replayed it."""
_KIND_HEADER = "audit.replay.note"
_DIGEST_HEADER = "audit.replay.sha256"
_POSITION_HEADER = "audit.replay.position"

LAPSE = timedelta(minutes=2)
"""How long a run that took a record has it for itself; a minute is left to it to publish."""

_PACKED = struct.Struct(">iqq")


class NoteKind(StrEnum):
    """What a note says of a record."""

    TAKEN = "taken"
    """A run is about to publish it again."""
    DONE = "done"
    """It was published again, and acknowledged."""


@dataclass(frozen=True, slots=True)
class Note:
    """One note of a replay in the dead-letter topic."""

    kind: NoteKind
    origin: Origin
    digest: str
    """SHA-256 of the record's value, in hex."""
    run: str
    at: datetime
    """When Kafka took the note; where it was not written yet, it does not matter."""
    position: Origin | None = None
    """Where the record stands now, if it was published."""

    @property
    def identity(self) -> bytes:
        """What the record is told from others by."""
        return identity_of(self.origin, self.digest)

    def headers(self) -> list[tuple[str, str | bytes | None]]:
        """Return the headers that `note_of` reads."""
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
    """Where and when a record was published again, the last time."""

    partition: int
    offset: int
    at: datetime


def identity_of(origin: Origin, digest: str) -> bytes:
    """Return what tells a record from every other, also from one of a topic of the same name."""
    return blake2b(f"{origin_text(origin)}/{digest}".encode(), digest_size=16).digest()


def origin_text(origin: Origin) -> str:
    """Write where a record stands on one line."""
    return f"{origin.topic}/{origin.partition}/{origin.offset}"


def parse_origin(text: bytes | None) -> Origin | None:
    """Read what `origin_text` wrote; None if it is something else."""
    try:
        topic, partition, offset = (text or b"").decode().rsplit("/", 2)
        return Origin(topic, int(partition), int(offset))
    except ValueError:
        return None


def note_of(record: Record) -> Note | None:
    """Read a note. None: it is none, such as a dead letter whose publisher wrote the like."""
    origin = parse_origin(record.header(ORIGIN_HEADER))
    kind = (record.header(_KIND_HEADER) or b"").decode("utf-8", "replace")
    if origin is None or kind not in set(NoteKind) or record.header(TOPIC_HEADER) is not None:
        return None
    digest, run = (
        (record.header(name) or b"").decode("utf-8", "replace") for name in (_DIGEST_HEADER, RUN_HEADER)
    )
    position = parse_origin(record.header(_POSITION_HEADER))
    return Note(NoteKind(kind), origin, digest, run, record.received, position)


class Ledger:
    """The sum of the notes, in their order. About 200 bytes for each record that was replayed."""

    def __init__(self, lapse: timedelta = LAPSE) -> None:
        self._lapse = lapse
        self._taken: dict[bytes, Note] = {}
        self._done: dict[bytes, bytes] = {}
        self._positions: dict[tuple[str, int], OffsetSet] = {}

    def apply(self, note: Note) -> None:
        """Take the next note into account."""
        identity = note.identity
        holder = self._taken.get(identity)
        if note.kind == NoteKind.TAKEN:
            if holder is None or note.at - holder.at >= self._lapse:
                self._taken[identity] = note
            return
        if holder is not None and holder.run == note.run:
            del self._taken[identity]
        place = note.position or Origin(note.origin.topic, -1, -1)
        milliseconds = int(note.at.timestamp() * 1000)
        self._done[identity] = _PACKED.pack(place.partition, place.offset, milliseconds)
        if note.position is not None:
            places = self._positions.setdefault((place.topic, place.partition), OffsetSet())
            places.add(place.offset)

    def holder(self, identity: bytes) -> Note | None:
        """Return the note of the run that took the record and has not done it; it may have lapsed."""
        return self._taken.get(identity)

    def has_lapsed(self, note: Note, now: datetime) -> bool:
        """Tell whether another run may take what this note took."""
        return now - note.at >= self._lapse

    def is_done(self, identity: bytes) -> bool:
        """Tell whether the record was ever replayed."""
        return identity in self._done

    def replayed(self, identity: bytes) -> Replayed | None:
        """Return where and when it was replayed last; None if never."""
        packed = self._done.get(identity)
        if packed is None:
            return None
        partition, offset, milliseconds = _PACKED.unpack(packed)
        return Replayed(partition, offset, datetime.fromtimestamp(milliseconds / 1000, UTC))

    def is_replay(self, origin: Origin) -> bool:
        """Tell whether a replay put the record there."""
        return origin.offset in self._positions.get((origin.topic, origin.partition), OffsetSet())

    def all_done(self) -> Iterator[bytes]:
        """Yield the identity of each record that was replayed."""
        yield from self._done
