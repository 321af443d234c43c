"""Which partitions gave no record since they were resumed.

A partition that is paused around an assignment may stall for ever in librdkafka (#5591, open).
"""

from collections.abc import Iterable

__all__ = ["Silence"]

_SECONDS = 60.0


class Silence:
    """Partitions that should be heard from. Pure: the time is given."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    def __bool__(self) -> bool:
        return bool(self._since)

    def expect(self, partitions: Iterable[int], now: float) -> None:
        """Note that partitions were resumed."""
        for partition in partitions:
            self._since[partition] = now

    def heard(self, partitions: Iterable[int | None]) -> None:
        """Note that partitions gave records, or are not ours any more."""
        for partition in partitions:
            if partition is not None:
                self._since.pop(partition, None)

    def overdue(self, now: float) -> list[int]:
        """Return those that were silent for a minute; the next minute begins for them."""
        late = [partition for partition, since in self._since.items() if now - since >= _SECONDS]
        self.expect(late, now)
        return late
