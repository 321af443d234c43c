"""One stored document held to the log: it is what was published, and what the consumer makes of it.

The published bytes are recovered from the document, and must have the slot of its offset. Then the
consumer's own code makes the document again, which proves its id, index and every field but those
that hang on the day: when it was indexed, and where its address was said to be. Pure but for the
log's files.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import Any, NamedTuple, cast

import msgspec
from audit_consumer import Decoder, Refusal
from audit_schemas import (
    PLACE,
    Catalogue,
    IndexNaming,
    TimeBounds,
    former_document,
    parse_timestamp,
    published_forms,
)
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message

from audit_seal.block import EMPTY_SLOT, Kind, slot_of
from audit_seal.document_text import cut
from audit_seal.sealed_log import BlockPlace, SealedLog, TimeRange
from audit_seal.slot_reader import SlotReader

__all__ = ["DocumentChecker", "Result", "StoredDocument", "Verdict", "time_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_KEPT = 1000
_POINT = ".location"
_TIME = re.compile("[0-9T:.Z+-]+")
"""The consumer writes it between quotes as it is, so it must not hold any: fields could follow."""
_NOT_COMPARED = {"event.ingested", "ecs.version"}
"""When it was indexed, which nobody else knows; and which version of ECS the consumer knew."""
_PLACE = {
    *(leaf.path for leaf in PLACE if not leaf.path.endswith(_POINT)),
    *(f"{leaf.path}.{axis}" for leaf in PLACE if leaf.path.endswith(_POINT) for axis in ("lat", "lon")),
}
"""Nor this, where there is an address: what the databases of that day said of it."""
_MOST_FIELDS = 5


class StoredDocument(NamedTuple):
    """A document as Elasticsearch or an export has it; an export knows neither id nor index."""

    source: bytes
    id: str = ""
    index_name: str = ""


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
        self._moments: dict[str, int] = {}
        self._actions: dict[str, bytes] = {}

    def check(self, document: StoredDocument) -> Result:
        """Return what a document is. Never raises for what it holds."""
        return self.check_quickly(document) or self.check_fully(document)

    def check_quickly(self, document: StoredDocument) -> Result | None:  # noqa: PLR0911 - linear
        """Return that a document is proven, if that shows without parsing it; None otherwise."""
        text = cut(document.source)
        if text is None:
            return None
        sealed = self._log.partitions_of(text.topic, text.partition)
        block = sealed[0].block_at(text.offset) if len(sealed) == 1 else None
        time_ms = self._moments.get(text.created)
        if time_ms is None:
            time_ms = self._learn(text.created)
        if block is None or time_ms < 0 or not self._times.has(block):
            return None
        slot, salt = self._slots.find(block, text.offset)
        if not salt:
            return None
        start = b"%b\x01%b" % (salt, time_ms.to_bytes(8, "big"))  # as `slot_of`, of a record
        for published in text.forms():
            if sha256(start + published).digest() == slot:
                break
        else:
            return None
        record = _StoredRecord(published, text.topic, text.partition, text.offset, time_ms)
        lines = self._decoder.read(cast("Message", record), text.ingested)
        if isinstance(lines, Refusal):
            return None
        is_named = bool(document.id and document.index_name)
        expected = (self._action(document) if is_named else b"") + text.document
        if (lines if is_named else lines.partition(b"\n")[2]) != expected:
            return None
        return Result(Verdict.PROVEN, text.topic, text.partition, text.offset, block)

    def _learn(self, created: str) -> int:
        """Return a time in milliseconds, and keep it: many documents have the same."""
        if len(self._moments) >= _KEPT:
            self._moments.clear()
        found = self._moments[created] = time_of({"event": {"created": created}})
        return found

    def _action(self, document: StoredDocument) -> bytes:
        """Return the line that the consumer writes before a document of this id in this index."""
        start = self._actions.get(document.index_name)
        if start is None:
            name, _ = self._naming.version_of(document.index_name)
            start = self._actions[document.index_name] = f'{{"create":{{"_index":"{name}"'.encode()
        return b'%b,"_id":"%b"}}\n' % (start, document.id.encode())

    def check_fully(self, document: StoredDocument) -> Result:
        """Return what a document is, whatever it holds."""
        try:
            source = self._decode(document.source)
            origin = source["audit"]["kafka"]
            topic, partition, offset = origin["topic"], origin["partition"], origin["offset"]
            if not (type(topic) is str and type(partition) is type(offset) is int):
                raise TypeError
        except (ValueError, RecursionError, KeyError, TypeError):  # msgspec's errors are ValueErrors
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
            if not place.min_ms <= time_ms <= place.max_ms and self._is_in_gap(
                topic, partition, offset
            ):
                # Of the topic before this one; whatever is missing for it is found as missing.
                return Result(Verdict.IN_GAP, topic, partition, offset)
            return Result(match, topic, partition, offset, place, _REASONS.get(match, ""))
        verdict = Verdict.ADOPTED if match.kind is Kind.ADOPTED else Verdict.PROVEN
        record = _StoredRecord(match.published, topic, partition, offset, time_ms)
        difference, detail = self._difference(document, source, record), ""
        if isinstance(difference, Refusal):
            verdict, detail = Verdict.UNVERIFIABLE, _refused(difference)
        elif difference:
            verdict, detail = Verdict.CHANGED, difference
        return Result(verdict, topic, partition, offset, match.block, detail)

    def _without_block(self, topic: str, partition: int, offset: int) -> Verdict:
        sealed = self._log.partitions_of(topic, partition)
        if self._is_in_gap(topic, partition, offset):
            return Verdict.IN_GAP
        is_coming = sealed[0].end <= offset if sealed else self._log.knows(topic, partition)
        return Verdict.NOT_SEALED if is_coming and offset >= 0 else Verdict.ADDED

    def _is_in_gap(self, topic: str, partition: int, offset: int) -> bool:
        """Tell whether a record of this offset had expired, and its document is not adopted."""
        return any(
            each.is_gap(offset) and each.block_at(offset) is None
            for each in self._log.partitions_of(topic, partition)
        )

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
        if not isinstance(ingested, str) or not _TIME.fullmatch(ingested):
            return "event.ingested is missing or no time"
        lines = self._decoder.read(cast("Message", record), ingested)
        if isinstance(lines, Refusal):
            return lines
        action, _, body = lines.partition(b"\n")
        differences = []
        is_named = document.id and document.index_name
        if is_named and action + b"\n" != self._action(document):
            differences.append(f"_id or index ({document.index_name})")
        if body != document.source:
            expected = self._decode(body)
            if "ecs" in source:
                expected = former_document(expected)
            differences += _differences(expected, source)
        return ", ".join(differences[:_MOST_FIELDS])


def time_of(source: Mapping[str, Any]) -> int:
    """Return when the broker took the record, in milliseconds; -1 if the document does not say."""
    event = source.get("event")
    created = event.get("created") if isinstance(event, dict) else None
    try:
        return (parse_timestamp(created) - _EPOCH) // _MILLISECOND if created else -1
    except (TypeError, ValueError, OverflowError):  # the last: of a day before the first one in UTC
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
    ignored = _NOT_COMPARED | _PLACE if "source.ip" in one else _NOT_COMPARED
    return [path for path in paths if path not in ignored and one.get(path) != other.get(path)]


def _leaves(fields: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
