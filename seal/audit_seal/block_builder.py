"""Makes blocks of the records of one partition, as they come. Pure, but for the random salts."""

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from struct import Struct

from audit_runtime.record_values import StoredValue

from audit_seal.block import BLOCK_SLOTS, EMPTY_SLOT, SALT_BYTES, Block, Kind
from audit_seal.place import Place

__all__ = ["BlockBuilder", "SaltedBlock"]

SaltedBlock = tuple[Block, bytes]
"""A block, and a salt for each of its slots."""

_SALTS = Struct(f"{SALT_BYTES}s" * BLOCK_SLOTS)


class BlockBuilder:
    """Collects the slots of a partition's next block. Memory is bounded by one block."""

    def __init__(self, place: Place, first: int) -> None:
        self.place = place
        self.first = first
        """Where the next block begins: what is before it was taken."""
        self.end = first
        """The offset after all that was added."""
        self._begin()

    def extend(
        self, records: Iterable[StoredValue], *, kind: Kind = Kind.RECORD, null: Kind = Kind.NULL
    ) -> Iterator[SaltedBlock]:
        """Add records in order, none before `end`; yield the blocks that are full.

        The offsets between them have no record. `kind` is what one with a value is, `null` one without.
        """
        head, head_ms, end = b"", -1, self.end
        first, salts, slots = self.first, self._salts, self._slots
        for offset, time_ms, value in records:  # local names, few calls: this is for every record
            at = offset - first
            if at >= BLOCK_SLOTS:
                self.end = end
                yield from self.advance(offset)
                first, salts, slots = self.first, self._salts, self._slots
                at, head = offset - first, b""
            if time_ms != head_ms or not head:  # most have the time at which the broker took the batch
                head, head_ms = _head(kind, time_ms), time_ms
                self._times.append(max(0, time_ms))
            text = salts[at] + (head + value if value is not None else _head(null, time_ms))
            slots[at] = sha256(text).digest()
            end = offset + 1
        self.end = end

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
            b"".join(self._slots[:count]),
        )
        salts = b"".join(self._salts[:count])
        self.first = self.end
        self._begin()
        yield block, salts

    def skip_to(self, first: int) -> None:
        """Go on at an offset, with nothing collected: those before it are told by a gap."""
        self.first = self.end = first
        self._begin()

    def _begin(self) -> None:
        self._slots = [EMPTY_SLOT] * BLOCK_SLOTS
        self._salts: tuple[bytes, ...] = _SALTS.unpack(os.urandom(_SALTS.size))
        self._times: list[int] = []
        """Of its records; of those that have the same one after the other, once."""


def _head(kind: Kind, time_ms: int) -> bytes:
    """Return what stands between salt and value in a slot."""
    return bytes([kind]) + max(0, time_ms).to_bytes(8, "big")
