"""The contiguous watermark: how far a partition is settled without a gap.

Not storing an offset is no nack: a later commit passes it (vectordotdev/vector#24543). So an offset
may be committed only when it and all before it are settled.
"""

from collections import deque
from collections.abc import Iterable, Iterator

__all__ = ["Watermark", "Watermarks"]


class Watermark:
    """One partition's. Offsets are taken in ascending order, with gaps where Kafka has them."""

    def __init__(self) -> None:
        self._taken: deque[int] = deque()
        self._settled: set[int] = set()
        self._position: int | None = None

    @property
    def position(self) -> int | None:
        """The offset to commit: that of the next record wanted. None before the first is settled."""
        return self._position

    @property
    def waiting(self) -> int:
        """How many records were taken and hold the watermark back or wait behind one that does."""
        return len(self._taken)

    def take(self, offset: int) -> None:
        """Note a record that was read and is not settled yet."""
        self._taken.append(offset)

    def settle(self, offset: int) -> None:
        """Note that a record that was taken is settled."""
        self._settled.add(offset)
        while self._taken and self._taken[0] in self._settled:
            done = self._taken.popleft()
            self._settled.remove(done)
            self._position = done + 1


class Watermarks:
    """Those of all assigned partitions."""

    def __init__(self) -> None:
        self._partitions: dict[int, Watermark] = {}
        self._committed: dict[int, int] = {}

    def take(self, partition: int, offset: int) -> None:
        """Note a record that was read."""
        self._partitions.setdefault(partition, Watermark()).take(offset)

    def settle(self, partition: int, offset: int) -> None:
        """Note that it is settled; one of a partition that was taken away is passed over."""
        if partition in self._partitions:
            self._partitions[partition].settle(offset)

    def uncommitted(self) -> Iterator[tuple[int, int]]:
        """Yield partition and position where the position moved since `committed`."""
        for partition, watermark in self._partitions.items():
            position = watermark.position
            if position is not None and position != self._committed.get(partition):
                yield partition, position

    def committed(self, positions: Iterable[tuple[int, int]]) -> None:
        """Note what was committed."""
        self._committed.update(positions)

    def drop(self, partition: int) -> None:
        """Forget a partition that was taken away."""
        self._partitions.pop(partition, None)
        self._committed.pop(partition, None)
