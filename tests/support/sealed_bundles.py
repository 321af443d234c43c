"""Bundles that prove single events, made by the core alone, and all that can be wrong with one."""

import dataclasses
import io
import random
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from audit_seal import (
    COSIGNATURE,
    ED25519,
    SALT_BYTES,
    Block,
    Checkpoint,
    Kind,
    LogProof,
    Note,
    Signature,
    SigningKey,
    slot_of,
)
from audit_seal.log_folder import LogReader, LogWriter
from audit_seal.merkle import HashAt, inclusion_proof

__all__ = ["Bundle", "Samples", "SealedLog", "mutations", "write_bundle"]

TIME_MS = 1_790_000_000_000
EVENTS = 50
"""In a block; the log has an entry of another kind behind each."""

PROOF = "block.tlog-proof"

Bundle = dict[str, bytes]


@dataclass(frozen=True)
class Samples:
    """Bundles of a log that a witness cosigns, and the keys of both: what mutations are made of."""

    log_key: SigningKey
    witness_key: SigningKey
    event: Bundle
    next_event: Bundle
    """Of the same block."""
    other: Bundle
    """Of another block."""


@dataclass(frozen=True)
class SealedLog:
    """A log of blocks, the keys that sign it, and what proves each of its events."""

    folder: Path
    log_key: SigningKey
    witness_key: SigningKey
    checkpoint: Note
    values: list[list[bytes]]
    salts: list[bytes]

    @classmethod
    def write(cls, folder: Path, blocks: int) -> "SealedLog":
        """Write a log of so many blocks."""
        log_key = SigningKey.generate("audit.example/cluster", ED25519)
        witness_key = SigningKey.generate("auditor.example/witness", COSIGNATURE)
        writer = LogWriter(folder)
        source = random.Random(7)
        all_values, all_salts = [], []
        for number in range(blocks):
            first = number * EVENTS
            values = [b'{"number":%d}' % (first + at) for at in range(EVENTS)]
            salts = source.randbytes(EVENTS * SALT_BYTES)
            slots = [
                slot_of(salts[at * SALT_BYTES :][:SALT_BYTES], Kind.RECORD, TIME_MS + first + at, value)
                for at, value in enumerate(values)
            ]
            end = first + EVENTS
            times = TIME_MS + first, TIME_MS + end - 1
            writer.append(
                Block("audit.events", "topic-1", 0, first, end, *times, b"".join(slots)).encode(), salts
            )
            writer.append(b"auditlog/tick@v1\ntime %d\n" % (TIME_MS + end))
            all_values.append(values)
            all_salts.append(salts)
        state = writer.sync()
        text = Checkpoint(log_key.name, state.size, state.root).text
        note = Note(text).signed_by(log_key).signed_by(witness_key, time=TIME_MS // 1000 + 60)
        writer.publish(note)
        return cls(folder, log_key, witness_key, note, all_values, all_salts)

    @property
    def policy(self) -> str:
        """Return what an auditor has: the log's key and the witness's, which must have signed."""
        return (
            f"log {self.log_key.verifier}\n"
            f"witness auditor {self.witness_key.verifier} https://auditor.example/witness\n"
            f"quorum auditor\n"
        )

    @property
    def offsets(self) -> range:
        """Return the offsets of all events."""
        return range(len(self.values) * EVENTS)

    @property
    def samples(self) -> Samples:
        """Return three bundles."""
        return Samples(
            self.log_key, self.witness_key, self.bundle(57), self.bundle(58), self.bundle(203)
        )

    @cached_property
    def _hash_at(self) -> HashAt:
        return LogReader(self.folder).hash_at(Checkpoint.parse(self.checkpoint.text).size)

    def bundle(self, offset: int) -> Bundle:
        """Return what proves an event."""
        reader = LogReader(self.folder)
        number, at = divmod(offset, EVENTS)
        size = Checkpoint.parse(self.checkpoint.text).size
        index = 2 * number
        extra = b"%c%b%b" % (
            Kind.RECORD,
            (TIME_MS + offset).to_bytes(8, "big"),
            self.salts[number][at * SALT_BYTES :][:SALT_BYTES],
        )
        hashes = tuple(inclusion_proof(index, size, self._hash_at))
        return {
            "event.json": self.values[number][at],
            "block.bin": reader.entry(index).entry,
            "block.tlog-proof": str(LogProof(index, hashes, self.checkpoint, extra)).encode(),
            "place.txt": b"For people; nothing of it is checked.\n",
        }


def write_bundle(path: Path, bundle: Mapping[str, bytes]) -> None:
    """Write a bundle's file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in bundle.items():
            archive.writestr(name, data)
    path.write_bytes(buffer.getvalue())


def mutations(samples: Samples) -> Iterator[tuple[str, Bundle]]:
    """Yield bundles that prove nothing, each with what was done to it."""
    yield from _of_contents(samples)
    good = samples.event
    parsed = LogProof.parse(good[PROOF].decode())
    for what, change in _of_the_proof(parsed):
        yield what, good | {PROOF: str(dataclasses.replace(parsed, **change)).encode()}
    for what, note in _of_the_checkpoint(samples, parsed.checkpoint):
        yield what, good | {PROOF: str(dataclasses.replace(parsed, checkpoint=note)).encode()}


def _of_contents(samples: Samples) -> Iterator[tuple[str, Bundle]]:
    good, other, next_one = samples.event, samples.other, samples.next_event
    event, block = "event.json", "block.bin"

    yield "a byte of the event changed", good | {event: good[event][:-3] + b"#" + good[event][-2:]}
    yield "the event cut", good | {event: good[event][:-1]}
    yield "white space behind the event", good | {event: good[event] + b"\n"}
    yield "another event of the log", good | {event: other[event]}
    yield "the event next to it", good | {event: next_one[event]}

    yield (
        "a byte of another slot changed",
        good | {block: good[block][:-1] + bytes([good[block][-1] ^ 1])},
    )
    yield "the block cut by a slot", good | {block: good[block][:-32]}
    yield "the block's offsets changed", good | {block: _moved(good[block])}
    yield "the block of another event", good | {block: other[block]}

    yield "no proof", {name: data for name, data in good.items() if name != PROOF}
    yield "no event", {name: data for name, data in good.items() if name != event}


def _moved(block: bytes) -> bytes:
    """Return a block whose slots claim to be of the offsets after them."""
    return re.sub(
        rb"\noffsets (\d+) (\d+)\n",
        lambda found: b"\noffsets %d %d\n" % (int(found[1]) + 1, int(found[2]) + 1),
        block,
        count=1,
    )


def _of_the_proof(proof: LogProof) -> Iterator[tuple[str, Mapping[str, Any]]]:
    hashes, extra = proof.hashes, proof.extra
    yield "the index of another entry", {"index": proof.index + 2}
    yield "a hash of the proof missing", {"hashes": hashes[:-1]}
    yield "a hash of the proof too many", {"hashes": (*hashes, hashes[0])}
    yield "two hashes of the proof swapped", {"hashes": (hashes[1], hashes[0], *hashes[2:])}
    yield "a hash of the proof changed", {"hashes": (bytes(32), *hashes[1:])}
    yield "another kind of record", {"extra": b"\2" + extra[1:]}
    yield "another time of the broker", {"extra": extra[:8] + b"\0" + extra[9:]}
    yield "another salt", {"extra": extra[:-1] + bytes([extra[-1] ^ 1])}
    yield "no salt", {"extra": b""}


def _of_the_checkpoint(samples: Samples, note: Note) -> Iterator[tuple[str, Note]]:
    def signed(text: str, *keys: SigningKey) -> Note:
        return Note(text).signed_by(*keys, time=TIME_MS // 1000 + 60)

    checkpoint = Checkpoint.parse(note.text)
    bigger = Checkpoint(checkpoint.origin, checkpoint.size + 1, checkpoint.root).text
    rewritten = Checkpoint(checkpoint.origin, checkpoint.size, bytes(32)).text
    elsewhere = Checkpoint("other.example/log", checkpoint.size, checkpoint.root).text
    stranger = SigningKey.generate(samples.log_key.name, ED25519)
    passer_by = SigningKey.generate(samples.witness_key.name, COSIGNATURE)
    yield "the checkpoint's size changed", Note(bigger, note.signatures)
    yield "the checkpoint's root changed", Note(rewritten, note.signatures)
    keys = samples.log_key, samples.witness_key
    yield "a checkpoint of another tree", signed(rewritten, *keys)
    yield "a checkpoint of another log", signed(elsewhere, *keys)
    yield (
        "a line more in the checkpoint",
        Note(f"{note.text}more\n", note.signatures),
    )
    yield "the log's signature missing", Note(note.text, _without(note, samples.log_key))
    yield (
        "signed by another key of the log's name",
        signed(note.text, stranger, samples.witness_key),
    )
    yield "the witness's signature missing", Note(note.text, _without(note, samples.witness_key))
    yield (
        "cosigned by another key of the witness's name",
        signed(note.text, samples.log_key, passer_by),
    )
    others = _without(note, samples.witness_key)
    (cosigned,) = (each for each in note.signatures if each not in others)
    later = (int.from_bytes(cosigned.value[:8], "big") + 1).to_bytes(8, "big")
    moved = dataclasses.replace(cosigned, value=later + cosigned.value[8:])
    yield "the witness's time changed", Note(note.text, (*others, moved))


def _without(note: Note, key: SigningKey) -> tuple[Signature, ...]:
    return tuple(each for each in note.signatures if each.name != key.name)
