"""How far each partition is settled without a gap.

Not storing an offset is no nack: a later commit passes it (vectordotdev/vector#24543). So an offset
may be committed only when it and all before it are settled. Packs are settled in any order; they
were filled in the order of offsets.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from audit_consumer.batch import Batch

__all__ = ["OffsetTracker"]


@dataclass(slots=True)
class _Entry:
    batch: Batch
    ends: dict[int, int]
    reached: dict[int, int] = field(default_factory=dict)

    @property
    def is_settled(self) -> bool:
        return self.reached == self.ends


class OffsetTracker:
    """Packs that were read and not settled yet, and the offsets that may be committed."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque()
        self._positions: dict[int, int] = {}
        self._committed: dict[int, int] = {}

    def __len__(self) -> int:
        """How many batches are not settled."""
        return len(self._entries)

    def records(self) -> int:
        """Return how many records the batches hold; inexact while workers have them."""
        return sum(len(entry.batch) for entry in self._entries)

    def held(self) -> int:
        """Return the bytes that batches keep in memory, about."""
        return sum(entry.batch.held for entry in self._entries)

    def oldest(self) -> int:
        """Return when Kafka took the oldest record of a batch, in ms since 1970; 0 without a batch."""
        return min((entry.batch.oldest for entry in self._entries), default=0)

    def positions(self) -> dict[int, int]:
        """Return for each partition the offset up to which all is settled, where any is."""
        return dict(self._positions)

    def take(self, batch: Batch) -> None:
        """Note a batch that is complete. Packs are taken in the order they were read in."""
        self._entries.append(_Entry(batch, dict(batch.ends)))

    def settle(self, batch: Batch) -> bool:
        """Record what is settled of a batch that a worker handed back; return whether all of it is.

        Records of partitions that were taken away meanwhile are forgotten.
        """
        entry = next((e for e in self._entries if e.batch is batch), None)
        if entry is None:
            return True
        batch.leave(batch.ends.keys() - entry.ends.keys())
        entry.reached = {p: at for p, at in batch.reached().items() if p in entry.ends}
        self._advance()
        return entry.is_settled

    def split(self, batch: Batch) -> Batch:
        """Halve a batch that came back and has no refusals; return the later half, now taken too."""
        at, entry = next((n, e) for n, e in enumerate(self._entries) if e.batch is batch)
        rest = batch.halve()
        owned = entry.ends.keys()
        later = {p: end for p, end in rest.ends.items() if p in owned}
        entry.ends = {p: batch.ends[p] for p in owned}
        entry.reached = {p: reached for p, reached in batch.reached().items() if p in owned}
        self._entries.insert(at + 1, _Entry(rest, later))
        return rest

    def drop(self, partitions: Collection[int]) -> None:
        """Forget partitions that were taken away; their records are another consumer's now."""
        for entry in self._entries:
            for partition in partitions:
                entry.ends.pop(partition, None)
                entry.reached.pop(partition, None)
        for partition in partitions:
            self._positions.pop(partition, None)
            self._committed.pop(partition, None)
        self._advance()

    def uncommitted(self) -> Iterator[tuple[int, int]]:
        """Yield partition and offset to commit, where it moved since `committed`."""
        for partition, position in self._positions.items():
            if position > self._committed.get(partition, 0):
                yield partition, position

    def committed(self, positions: Iterable[tuple[int, int]]) -> None:
        """Note what was committed."""
        self._committed.update(positions)

    def not_committed(self, partitions: Iterable[int]) -> None:
        """Note that a commit failed, so that it is made up for."""
        for partition in partitions:
            self._committed.pop(partition, None)

    def _advance(self) -> None:
        """Move positions up to the first gap of each partition; forget batches that lie before it."""
        blocked: set[int] = set()
        left: deque[_Entry] = deque()
        for entry in self._entries:
            waits = not entry.is_settled
            for partition, end in entry.ends.items():
                if partition in blocked:
                    waits = True
                    continue
                at = entry.reached.get(partition)
                if at is not None:
                    # Never back: a later batch may be past it, where only other partitions wait.
                    self._positions[partition] = max(at, self._positions.get(partition, 0))
                if at != end:
                    blocked.add(partition)
            if waits:
                left.append(entry)
        self._entries = left
