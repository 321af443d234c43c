"""A set of offsets that stays small where offsets are close together, as they are in a partition."""

from collections.abc import Iterable, Iterator

from audit_schemas import merge_intervals

__all__ = ["OffsetSet"]

_BITS = 256
_FULL = (1 << _BITS) - 1


class OffsetSet:
    """Offsets of one partition as a bitmap: a million consecutive ones take a few hundred kilobytes.

    That is a hundredth of what a set of integers takes; for offsets far apart it is about the same.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._words: dict[int, int] = {}
        for first, last in ranges:
            self.add_range(first, last + 1)

    def add(self, offset: int) -> None:
        """Add one offset."""
        word, bit = divmod(offset, _BITS)
        self._words[word] = self._words.get(word, 0) | 1 << bit

    def add_range(self, first: int, end: int) -> None:
        """Add all offsets from `first` up to, excluding, `end`; none if `end` is not above `first`."""
        if end <= first:
            return
        for word in range(first // _BITS, -(-end // _BITS)):
            begin = word * _BITS
            low, high = max(first, begin) - begin, min(end, begin + _BITS) - begin
            mask = _FULL if high - low == _BITS else (1 << high) - (1 << low)
            self._words[word] = self._words.get(word, 0) | mask

    def remove(self, offset: int) -> None:
        """Remove one offset, if it is present."""
        word, bit = divmod(offset, _BITS)
        left = self._words.get(word, 0) & ~(1 << bit)
        if left:
            self._words[word] = left
        else:
            self._words.pop(word, None)

    def split(self, at: int) -> tuple["OffsetSet", "OffsetSet"]:
        """Return the offsets below `at`, and the others."""
        below, others = OffsetSet(), OffsetSet()
        for first, last in self.ranges():
            below.add_range(first, min(last + 1, at))
            others.add_range(max(first, at), last + 1)
        return below, others

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Yield runs of consecutive offsets in order, as (first, last)."""
        yield from merge_intervals(self._runs(), gap=1)

    def _runs(self) -> Iterator[tuple[int, int]]:
        """Yield runs within one word."""
        for word in sorted(self._words):
            bits, base = self._words[word], word * _BITS
            while bits:
                low = (bits & -bits).bit_length() - 1
                run = ((bits >> low) + 1 & ~(bits >> low)).bit_length() - 1
                yield base + low, base + low + run - 1
                bits &= ~((1 << low + run) - 1)

    def __contains__(self, offset: int) -> bool:
        word, bit = divmod(offset, _BITS)
        return bool(self._words.get(word, 0) >> bit & 1)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges():
            yield from range(first, last + 1)

    def __len__(self) -> int:
        return sum(word.bit_count() for word in self._words.values())

    def __bool__(self) -> bool:
        return bool(self._words)

    def __sub__(self, other: "OffsetSet") -> "OffsetSet":
        left = OffsetSet()
        for word, bits in self._words.items():
            if rest := bits & ~other._words.get(word, 0):
                left._words[word] = rest
        return left

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OffsetSet) and self._words == other._words

    __hash__ = None  # type: ignore[assignment]  # it can be changed
