"""Makes blocks of the records of one partition, as they come. Pure, but for the random salts."""

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256

from audit_runtime.record_values import StoredValue

from audit_seal.block import BLOCK_SLOTS, SALT_BYTES, SLOT_BYTES, Block, Kind
from audit_seal.place import Place

__all__ = ["BlockBuilder", "SaltedBlock"]

SaltedBlock = tuple[Block, bytes]
"""A block, and a salt for each of its slots."""


class BlockBuilder:
    """Collects the slots of a partition's next block. Memory is bounded by one block."""

    def __init__(self, place: Place, first: int) -> None:
        self.place = place
        self.first = first
        """Where the next block begins: what is before it was taken."""
        self.end = first
        """The offset after all that was added."""
        self._begin()

    def extend(self, records: Iterable[StoredValue], null: Kind = Kind.NULL) -> Iterator[SaltedBlock]:
        """Add records in order, none before `end`; yield the blocks that are full.

        The offsets between them have no record. `null` is what one without a value is.
        """
        head, head_ms = b"", -1
        for offset, time_ms, value in records:
            if offset - self.first >= BLOCK_SLOTS:
                yield from self.advance(offset)
            if time_ms != head_ms:  # most have the same: that at which the broker took the batch
                head, head_ms = _head(Kind.RECORD, time_ms), time_ms
            at = offset - self.first
            salt = self._salts[at * SALT_BYTES : (at + 1) * SALT_BYTES]
            # As `slot_of`, without a call: this is for every record.
            text = salt + head + value if value is not None else salt + _head(null, time_ms)
            self._slots[at * SLOT_BYTES : (at + 1) * SLOT_BYTES] = sha256(text).digest()
            self._times.append(max(0, time_ms))
            self.end = offset + 1

    def advance(self, end: int) -> Iterator[SaltedBlock]:
        """Note that there are no more records before `end`; yield the blocks that are full."""
        while end - self.first >= BLOCK_SLOTS:
            self.end = self.first + BLOCK_SLOTS
            yield from self.take()
        self.end = max(self.end, end)

    def take(self) -> Iterator[SaltedBlock]:
        """Yield a block of what there is, if there is anything, and begin the next."""
        count = self.end - self.first
        if not count:
            return
        place = self.place
        block = Block(
            place.topic,
            place.topic_id,
            place.partition,
            self.first,
            self.end,
            min(self._times, default=0),
            max(self._times, default=0),
            bytes(self._slots[: count * SLOT_BYTES]),
        )
        salts = self._salts[: count * SALT_BYTES]
        self.first = self.end
        self._begin()
        yield block, salts

    def skip_to(self, first: int) -> None:
        """Go on at an offset, with nothing collected: those before it are told by a gap."""
        self.first = self.end = first
        self._begin()

    def _begin(self) -> None:
        self._slots = bytearray(BLOCK_SLOTS * SLOT_BYTES)
        self._salts = os.urandom(BLOCK_SLOTS * SALT_BYTES)
        self._times: list[int] = []


def _head(kind: Kind, time_ms: int) -> bytes:
    """Return what stands between salt and value in a slot."""
    return bytes([kind]) + max(0, time_ms).to_bytes(8, "big")
