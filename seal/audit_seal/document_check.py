"""One stored document held to the log: it is what was published, and what the consumer makes of it.

The published bytes are recovered from the document, and must have the slot of its offset. Then the
consumer's own code makes the document again, which proves its id, index and every field. Pure but for
the log's files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple, cast

import msgspec
from audit_consumer import Decoder, Refusal
from audit_schemas import Catalogue, IndexNaming, TimeBounds, parse_timestamp, published_forms
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message

from audit_seal.block import EMPTY_SLOT, SALT_BYTES, Block, Kind, slot_of
from audit_seal.log_folder import LogEntry, LogReader
from audit_seal.sealed_log import BlockPlace, SealedLog, TimeRange
from audit_seal.tiles import TILE_WIDTH

__all__ = ["DocumentChecker", "Result", "SlotReader", "StoredDocument", "Verdict", "time_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_BUNDLES = 8
_BLOCKS = 512
_NOT_COMPARED = {"event.ingested", "ecs.version"}
"""When it was indexed, which nobody else knows; and which version of ECS the consumer knew."""
_MOST_FIELDS = 5


class StoredDocument(NamedTuple):
    """A document as Elasticsearch or an export has it; an export knows neither id nor index."""

    source: bytes
    id: str = ""
    index: str = ""


class Verdict(Enum):
    """What a document is."""

    PROVEN = "proven"
    ADOPTED = "adopted"
    """Proven from the moment on when it was adopted."""
    CHANGED = "changed"
    ADDED = "added"
    """Nothing was published at this offset."""
    UNVERIFIABLE = "unverifiable"
    IN_GAP = "in a gap"
    """Its record had expired in Kafka before it was sealed."""
    NOT_SEALED = "not yet sealed"
    NOT_ASKED = "not asked for"
    """Its block is of another time."""


class Result(NamedTuple):
    """What a document is, where it claims to be from, and what is wrong with it."""

    verdict: Verdict
    topic: str = ""
    partition: int = 0
    offset: int = 0
    block: BlockPlace | None = None
    """None where no block has the offset."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Match:
    block: BlockPlace
    kind: Kind
    published: bytes


class SlotReader:
    """Finds the slot and the salt of an offset; what is near in the log is kept."""

    def __init__(self, reader: LogReader, size: int) -> None:
        @lru_cache(_BUNDLES)
        def bundle(number: int) -> list[LogEntry]:
            first = number * TILE_WIDTH
            return list(reader.entries(first, min(first + TILE_WIDTH, size)))

        @lru_cache(_BLOCKS)
        def block(entry: int) -> tuple[Block, bytes]:
            found = bundle(entry // TILE_WIDTH)[entry % TILE_WIDTH]
            return Block.decode(found.entry), found.salts

        self.block = block

    def find(self, place: BlockPlace, offset: int) -> tuple[bytes, bytes]:
        """Return slot and salt; no salt where it was erased, or only the log is here."""
        block, salts = self.block(place.entry)
        at = (offset - block.first) * SALT_BYTES
        salt = salts[at : at + SALT_BYTES]
        return block.slot(offset), salt if salt.strip(b"\0") else b""


class DocumentChecker:
    """Checks documents, in any order; those near each other in the log are the quickest."""

    def __init__(
        self,
        log: SealedLog,
        slots: SlotReader,
        catalogue: Catalogue,
        naming: IndexNaming,
        times: TimeRange,
    ) -> None:
        self._log = log
        self._times = times
        self._slots = slots
        self._naming = naming
        # Without time bounds: what was accepted once is not refused in hindsight.
        self._decoder = Decoder(catalogue, TimeBounds.unlimited(), naming)
        self._decode = msgspec.json.Decoder().decode

    def check(self, document: StoredDocument) -> Result:
        """Return what a document is. Never raises for what it holds."""
        try:
            source = self._decode(document.source)
            origin = source["audit"]["kafka"]
            topic, partition, offset = origin["topic"], origin["partition"], origin["offset"]
            if not (type(topic) is str and type(partition) is type(offset) is int):
                raise TypeError
        except (msgspec.DecodeError, KeyError, TypeError):
            detail = f"document {document.id}" if document.id else "a document"
            return Result(Verdict.ADDED, detail=f"{detail} does not say which record it is of")
        places = [
            place
            for each in self._log.partitions_of(topic, partition)
            if (place := each.block_at(offset))
        ]
        if not places:
            return Result(self._without_block(topic, partition, offset), topic, partition, offset)
        if not any(map(self._times.has, places)):
            return Result(Verdict.NOT_ASKED)
        time_ms = time_of(source)
        match = self._match(places, offset, time_ms, source)
        if isinstance(match, Verdict):
            place = _nearest(places, time_ms)
            return Result(match, topic, partition, offset, place, _REASONS.get(match, ""))
        verdict = Verdict.ADOPTED if match.kind is Kind.ADOPTED else Verdict.PROVEN
        record = _StoredRecord(match.published, topic, partition, offset, time_ms)
        detail = self._difference(document, source, record)
        if isinstance(detail, Refusal):
            verdict, detail = Verdict.UNVERIFIABLE, _refused(detail)
        elif detail:
            verdict = Verdict.CHANGED
        return Result(verdict, topic, partition, offset, match.block, detail)

    def _without_block(self, topic: str, partition: int, offset: int) -> Verdict:
        sealed = self._log.partitions_of(topic, partition)
        if any(each.is_gap(offset) for each in sealed):
            return Verdict.IN_GAP
        is_coming = sealed[0].end <= offset if sealed else self._log.knows(topic, partition)
        return Verdict.NOT_SEALED if is_coming and offset >= 0 else Verdict.ADDED

    def _match(
        self, places: list[BlockPlace], offset: int, time_ms: int, source: Mapping[str, Any]
    ) -> _Match | Verdict:
        """Return which slot the document has; a topic that was created again has others."""
        worst = Verdict.ADDED
        for place in places:
            slot, salt = self._slots.find(place, offset)
            if slot == EMPTY_SLOT:
                continue
            if not salt:
                worst = Verdict.UNVERIFIABLE
                continue
            for published in published_forms(source):
                for kind in (Kind.RECORD, Kind.ADOPTED):
                    if time_ms >= 0 and slot_of(salt, kind, time_ms, published) == slot:
                        return _Match(place, kind, published)
            if worst is Verdict.ADDED:
                worst = Verdict.CHANGED
        return worst

    def _difference(
        self, document: StoredDocument, source: Mapping[str, Any], record: "_StoredRecord"
    ) -> str | Refusal:
        """Say what differs from what the consumer would write of this record; nothing, if nothing."""
        ingested = source["event"].get("ingested")
        if not isinstance(ingested, str):
            return "event.ingested is missing"
        lines = self._decoder.read(cast("Message", record), ingested)
        if isinstance(lines, Refusal):
            return lines
        action, _, body = lines.partition(b"\n")
        differences = []
        if document.id and document.index:
            name, _ = self._naming.version_of(document.index)
            expected = f'{{"create":{{"_index":"{name}","_id":"{document.id}"}}}}'.encode()
            if action != expected:
                differences.append(f"_id or index ({document.index})")
        if body != document.source:
            differences += _differences(self._decode(body), source)
        return ", ".join(differences[:_MOST_FIELDS])


def time_of(source: Mapping[str, Any]) -> int:
    """Return when the broker took the record, in milliseconds; -1 if the document does not say."""
    event = source.get("event")
    created = event.get("created") if isinstance(event, dict) else None
    try:
        return (parse_timestamp(created) - _EPOCH) // _MILLISECOND if created else -1
    except (TypeError, ValueError):
        return -1


class _StoredRecord:
    """The record that a document is of, with the methods of a message that the consumer asks."""

    __slots__ = ("_offset", "_partition", "_time_ms", "_topic", "_value")

    def __init__(self, value: bytes, topic: str, partition: int, offset: int, time_ms: int) -> None:
        self._value = value
        self._topic, self._partition, self._offset = topic, partition, offset
        self._time_ms = time_ms

    def __len__(self) -> int:
        return len(self._value)

    def value(self) -> bytes:
        return self._value

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return TIMESTAMP_LOG_APPEND_TIME, self._time_ms

    def headers(self) -> list[tuple[str, bytes]]:
        return []

    def key(self) -> None:
        return None

    def error(self) -> None:
        return None


_REASONS = {
    Verdict.ADDED: "no record is at this offset",
    Verdict.CHANGED: "it is not what was published",
    Verdict.UNVERIFIABLE: "the salt of its slot is not here",
}


def _refused(refusal: Refusal) -> str:
    return (
        f"the consumer would refuse it now ({refusal.reason}): does AUDITLOG_CATALOGUE have the same "
        "value here as for the consumers?"
    )


def _nearest(places: list[BlockPlace], time_ms: int) -> BlockPlace:
    """Return the block that the time falls into, or the last topic's."""
    return next((each for each in places if each.min_ms <= time_ms <= each.max_ms), places[0])


def _differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return the fields that differ, by their paths."""
    one, other = dict(_leaves(expected, "")), dict(_leaves(found, ""))
    paths = [*one, *(each for each in other if each not in one)]
    return [path for path in paths if path not in _NOT_COMPARED and one.get(path) != other.get(path)]


def _leaves(fields: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
