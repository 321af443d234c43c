"""Partitions that gave no record since they were resumed.

A partition that is paused around an assignment may stall for ever in librdkafka (#5591, open).
"""

from collections.abc import Iterable

__all__ = ["StalledPartitions"]

_SECONDS = 60.0


class StalledPartitions:
    """Partitions that should deliver records by now. Pure: the time is passed in."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    def __bool__(self) -> bool:
        return bool(self._since)

    def expect(self, partitions: Iterable[int], now: float) -> None:
        """Note that partitions were resumed."""
        for partition in partitions:
            self._since[partition] = now

    def delivered(self, partitions: Iterable[int | None]) -> None:
        """Note that partitions delivered records, or are no longer assigned."""
        for partition in partitions:
            if partition is not None:
                self._since.pop(partition, None)

    def overdue(self, now: float) -> list[int]:
        """Return those that have delivered nothing for a minute, and restart their minute."""
        late = [partition for partition, since in self._since.items() if now - since >= _SECONDS]
        self.expect(late, now)
        return late
