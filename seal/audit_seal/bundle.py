"""The evidence of one event: files that prove it to somebody who has only the log's keys."""

import io
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from audit_schemas import format_timestamp, published_forms

from audit_seal.block import SALT_BYTES, Block, Kind, slot_of
from audit_seal.checkpoint import Checkpoint
from audit_seal.document_check import time_of
from audit_seal.errors import ProofError, SealError
from audit_seal.log_folder import LogReader
from audit_seal.log_proof import LogProof
from audit_seal.merkle import inclusion_proof
from audit_seal.note import Note
from audit_seal.place_index import PlaceIndex
from audit_seal.policy import Policy
from audit_seal.stamp_folder import StampFolder

__all__ = ["Bundle", "prove"]

_MOST_STAMPS = 8
"""So many are tried: one that no witness has cosigned may be among them."""
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What proves that an event was published, where and when."""

    published: bytes
    block: Block
    offset: int
    kind: Kind
    time_ms: int
    """When the broker took the record."""
    proof: LogProof
    time_stamp: bytes | None = None
    """An authority's answer that has the proof's checkpoint time-stamped, if there is one."""

    def files(self) -> dict[str, bytes]:
        """Return the files by their names."""
        return {
            "event.json": self.published,
            "block.bin": self.block.encode(),
            "block.tlog-proof": str(self.proof).encode(),
            "place.txt": self._place().encode(),
            **({"checkpoint.tsr": self.time_stamp} if self.time_stamp else {}),
        }

    def zip(self) -> bytes:
        """Return the files in an archive; the same for the same proof."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in self.files().items():
                archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), data, zipfile.ZIP_DEFLATED)
        return out.getvalue()

    def _place(self) -> str:
        block, checkpoint = self.block, Checkpoint.parse(self.proof.checkpoint.text)
        taken = format_timestamp(datetime.fromtimestamp(self.time_ms / 1000, UTC))
        what = (
            "was stored when its record had expired in Kafka, and is proven from then on"
            if self.kind is Kind.ADOPTED
            else "is the record as Kafka had it when it was sealed"
        )
        return (
            f"event.json {what}.\n\n"
            f"topic {block.topic}, of ID {block.topic_id}, partition {block.partition}, "
            f"offset {self.offset}\n"
            f"taken by Kafka at {taken}\n"
            f"slot {self.offset - block.first} of {block.end - block.first} in block.bin, which is "
            f"entry {self.proof.index} of the log {checkpoint.origin}\n"
            f"proven by the checkpoint of {checkpoint.size} entries"
            f"{', which checkpoint.tsr time-stamps' if self.time_stamp else ''}\n\n"
            "The slot is SHA-256 of 16 bytes of salt, a byte for the kind, the time in milliseconds in "
            "eight bytes, and event.json. Kind, time and salt are the extra line of block.tlog-proof, "
            "in this order, in base 64. How to check all this: docs/evidence.md\n"
        )


def prove(folder: Path, source: Mapping[str, Any], places: PlaceIndex | None = None) -> Bundle:
    """Return the evidence of an event, by its stored `_source`, its fields in their stored order.

    It is proven by the first time-stamped checkpoint that has it, else by the last checkpoint. `places`
    may be kept open from call to call. Raises ProofError if it can't be proven, SealError if
    the log can't be read.
    """
    reader = LogReader(folder)
    note = reader.checkpoint()
    if note is None:
        raise SealError(f"{folder} has no checkpoint: nothing is sealed yet. Is auditlog seal run up?")
    try:
        origin = source["audit"]["kafka"]
        topic, partition, offset = str(origin["topic"]), int(origin["partition"]), int(origin["offset"])
    except (KeyError, TypeError, ValueError):
        raise ProofError("The event does not say which record it is of: auditlog seal verify") from None
    checkpoint = Checkpoint.parse(note.text)
    if places is None:
        with PlaceIndex(folder) as opened:
            entries = opened.find(checkpoint, topic, partition, offset)
    else:
        entries = places.find(checkpoint, topic, partition, offset)
    if not entries:
        raise ProofError(
            f"Offset {offset} of {topic} [{partition}] is not sealed: it is too new for the last "
            "checkpoint, or Kafka had deleted it before. See: auditlog seal status"
        )
    for index in entries:
        if bundle := _bundle(reader, note, index, offset, source):
            return bundle
    raise ProofError(
        f"The event is not what was sealed for offset {offset} of {topic} [{partition}], or its salt "
        "was erased: auditlog seal verify"
    )


def _bundle(
    reader: LogReader, note: Note, index: int, offset: int, source: Mapping[str, Any]
) -> Bundle | None:
    """Return the evidence by one entry, if the event has a slot there."""
    entry = reader.entry(index)
    block = Block.decode(entry.entry)
    at = (offset - block.first) * SALT_BYTES
    salt, slot, time_ms = entry.salts[at : at + SALT_BYTES], block.slot(offset), time_of(source)
    if not salt or time_ms < 0:
        return None
    for published in published_forms(source):
        for kind in (Kind.RECORD, Kind.ADOPTED):
            if slot_of(salt, kind, time_ms, published) == slot:
                extra = bytes([kind]) + time_ms.to_bytes(8, "big") + salt
                note, time_stamp = _earliest_stamped(reader, index) or (note, None)
                size = Checkpoint.parse(note.text).size
                hashes = tuple(inclusion_proof(index, size, reader.hash_at(size)))
                proof = LogProof(index, hashes, note, extra)
                proof.verify(entry.entry)
                return Bundle(published, block, offset, kind, time_ms, proof, time_stamp)
    return None


def _earliest_stamped(reader: LogReader, index: int) -> tuple[Note, bytes] | None:
    """Return the first time-stamped checkpoint that has an entry and that the policy takes."""
    stamps = StampFolder(reader.folder)
    sizes = (size for size in stamps.sizes if size > index)
    for size in islice(sizes, _MOST_STAMPS):
        with suppress(SealError, OSError):
            stamp = stamps.read(size)
            policy = Policy.parse((reader.folder / "policy").read_text("utf-8"))
            if policy.verify(stamp.note).checkpoint.root == reader.root(size):
                return stamp.note, stamp.response
    return None
