"""What a sealed log says: which entry has an offset's slot, what became of it, who signs. Pure.

Read from the entries alone, in one pass that also computes the root, so nothing but the entries and
the signed checkpoint is believed: no tile, and no index.
"""

from array import array
from bisect import bisect_right, insort
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from audit_seal.block import EMPTY_SLOT, SLOT_BYTES, Block
from audit_seal.errors import FormatError
from audit_seal.log_folder import LogEntry
from audit_seal.merkle import EMPTY_ROOT, leaf_hash, node_hash
from audit_seal.statement import (
    GapStatement,
    OffsetRange,
    PeriodStatement,
    Place,
    RetiredStatement,
    SettledOffset,
    SettledStatement,
    TickStatement,
    TopicStatement,
    decode_entry,
)

__all__ = [
    "BlockPlace",
    "RootBuilder",
    "SealedLog",
    "SealedPartition",
    "TimeRange",
    "last_size",
    "read_log",
]

MAX_FAULTS = 100


class RootBuilder:
    """Computes the root of a tree while its leaves pass by, in memory of one hash a level."""

    def __init__(self) -> None:
        self._complete: list[tuple[int, bytes]] = []
        """The roots of complete subtrees from the left, and their levels."""

    def add(self, leaf: bytes) -> None:
        """Take the hash of the next leaf."""
        level = 0
        while self._complete and self._complete[-1][0] == level:
            leaf = node_hash(self._complete.pop()[1], leaf)
            level += 1
        self._complete.append((level, leaf))

    @property
    def root(self) -> bytes:
        """Return the root over the leaves so far."""
        if not self._complete:
            return EMPTY_ROOT
        found = self._complete[-1][1]
        for _, left in reversed(self._complete[:-1]):
            found = node_hash(left, found)
        return found


class BlockPlace(NamedTuple):
    """Where a block is in the log, and which offsets and broker's times it has."""

    entry: int
    first: int
    end: int
    min_ms: int
    max_ms: int


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Which blocks are asked for, by the times at which the broker took their records."""

    first_ms: int | None = None
    end_ms: int | None = None

    @property
    def is_all(self) -> bool:
        """Tell whether every block is asked for."""
        return self.first_ms is None and self.end_ms is None

    def has(self, block: BlockPlace) -> bool:
        """Tell whether a block is asked for: it has a record of the time, or might have one."""
        return (self.first_ms is None or block.max_ms >= self.first_ms) and (
            self.end_ms is None or block.min_ms < self.end_ms
        )


EVERY_TIME = TimeRange()


class _Blocks:
    """Blocks in the order of their offsets, 40 bytes each."""

    def __init__(self) -> None:
        self._firsts, self._rest = array("q"), array("q")

    def add(self, block: Block, entry: int) -> None:
        at = bisect_right(self._firsts, block.first)
        self._firsts.insert(at, block.first)
        self._rest[4 * at : 4 * at] = array("q", (entry, block.end, block.min_ms, block.max_ms))

    def at(self, offset: int) -> BlockPlace | None:
        """Return the block that has an offset."""
        number = bisect_right(self._firsts, offset) - 1
        found = self._place(number) if number >= 0 else None
        return found if found and offset < found.end else None

    def __iter__(self) -> Iterator[BlockPlace]:
        return map(self._place, range(len(self._firsts)))

    def _place(self, number: int) -> BlockPlace:
        entry, end, min_ms, max_ms = self._rest[4 * number : 4 * number + 4]
        return BlockPlace(entry, self._firsts[number], end, min_ms, max_ms)


@dataclass(slots=True)
class SealedPartition:
    """What is sealed of one partition of a topic."""

    place: Place
    end: int = 0
    """Every offset before it is in a block or in a gap."""
    gaps: list[tuple[int, int]] = field(default_factory=list)
    adopted: list[tuple[int, int]] = field(default_factory=list)
    """Parts of gaps that were sealed later, from documents."""
    settled: list[tuple[int, int]] = field(default_factory=list)
    exceptions: dict[int, SettledOffset] = field(default_factory=dict)
    retired: list[tuple[int, int]] = field(default_factory=list)
    blocks: _Blocks = field(default_factory=_Blocks)

    def block_at(self, offset: int) -> BlockPlace | None:
        """Return where the block with an offset is; None if no block has it."""
        return self.blocks.at(offset)

    def add_block(self, block: Block, entry: int) -> str | None:
        """Take in the next block; return what is wrong with it."""
        fault = None
        if block.end <= self.end:
            if (block.first, block.end) in self.adopted:
                return None  # a sealer that was killed took a request twice: the first one counts
            if not self._is_adoptable(block.first, block.end):
                return f"offsets {block.first} to {block.end - 1} are sealed twice"
            insort(self.adopted, (block.first, block.end))
        else:
            fault = self._extend(block.first, block.end)
        self.blocks.add(block, entry)
        return fault

    def add_gap(self, gap: OffsetRange) -> str | None:
        """Take in a gap; return what is wrong with it."""
        fault = self._extend(gap.first, gap.end)
        self.gaps.append((gap.first, gap.end))
        return fault

    def settle(self, statement: SettledStatement) -> None:
        """Take in what became of a range of offsets; the last statement about one counts."""
        first, end = statement.range.first, statement.range.end
        if self.exceptions and self.settled and first < self.settled[-1][1]:
            for offset in [each for each in self.exceptions if first <= each < end]:
                del self.exceptions[offset]
        self.settled = _with_range(self.settled, first, end)
        self.exceptions.update((each.offset, each) for each in statement.exceptions)

    def retire(self, first: int, end: int) -> None:
        """Take in that these offsets' documents were deleted with their index."""
        self.retired = _with_range(self.retired, first, end)

    def gap_offsets(self) -> int:
        """Return how many offsets are in a gap for ever."""
        return sum(end - first for first, end in self.gaps) - sum(
            end - first for first, end in self.adopted
        )

    def is_settled(self, offset: int) -> bool:
        """Tell whether the consumers are past an offset."""
        return _has(self.settled, offset)

    def is_retired(self, offset: int) -> bool:
        """Tell whether an offset's document was deleted with its index."""
        return _has(self.retired, offset)

    def is_gap(self, offset: int) -> bool:
        """Tell whether an offset had expired in Kafka before it was sealed."""
        return _has(self.gaps, offset)

    def _is_adoptable(self, first: int, end: int) -> bool:
        in_gap = any(low <= first and end <= high for low, high in self.gaps)
        return in_gap and not any(low < end and first < high for low, high in self.adopted)

    def _extend(self, first: int, end: int) -> str | None:
        before, self.end = self.end, max(self.end, end)
        if first == before:
            return None
        if before == 0 and first > 0 and not self.gaps:
            self.gaps.append((0, first))  # sealing began here
            return None
        if first < before:
            return f"offsets {first} to {min(end, before) - 1} are sealed twice"
        return f"offsets {before} to {first - 1} are in no block and no gap"


@dataclass(slots=True)
class SealedLog:
    """What the entries of a log say."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    roots: dict[int, bytes] = field(default_factory=dict)
    """The roots at the sizes of the last checkpoints of periods, and of others that were asked for."""
    empty: dict[int, int] = field(default_factory=dict)
    """The offsets without a record, a bit each, by the entries of their blocks."""
    partitions: dict[Place, SealedPartition] = field(default_factory=dict)
    topics: dict[str, TopicStatement] = field(default_factory=dict)
    """The last statement about each topic ID."""
    periods: list[tuple[int, PeriodStatement]] = field(default_factory=list)
    """The statements that name the next period's key, and the entries that they are."""
    last_tick: TickStatement | None = None
    faults: list[str] = field(default_factory=list)
    """What contradicts the rules of a log, at most `MAX_FAULTS`."""
    _by_name: dict[tuple[str, int], list[SealedPartition]] = field(default_factory=dict)

    def partitions_of(self, topic: str, partition: int) -> list[SealedPartition]:
        """Return what is sealed under a name, the topic that was created last first."""
        return self._by_name.get((topic, partition), [])

    def knows(self, topic: str, partition: int) -> bool:
        """Tell whether a statement says that the topic is sealed, and has this partition."""
        return any(
            each.topic == topic and 0 <= partition < each.partitions for each in self.topics.values()
        )

    def add(self, entry: LogEntry) -> None:
        """Take in an entry. Raises FormatError if it is not one."""
        match decode_entry(entry.entry):
            case Block() as block:
                place = Place(block.topic, block.topic_id, block.partition)
                self._note(place, self._of(place).add_block(block, entry.index))
                if empty := _empty_slots(block.slots):
                    self.empty[entry.index] = empty
            case GapStatement(range=gap):
                self._note(gap.place, self._of(gap.place).add_gap(gap))
            case SettledStatement() as settled:
                self._of(settled.range.place).settle(settled)
            case RetiredStatement(ranges=ranges):
                for each in ranges:
                    self._of(each.place).retire(each.first, each.end)
            case TopicStatement() as topic:
                self.topics[topic.topic_id] = topic
            case PeriodStatement() as period:
                self.periods.append((entry.index, period))
            case TickStatement() as tick:
                self.last_tick = tick
            case _:
                pass

    def _of(self, place: Place) -> SealedPartition:
        found = self.partitions.get(place)
        if found is None:
            found = self.partitions[place] = SealedPartition(place)
            self._by_name.setdefault((place.topic, place.partition), []).insert(0, found)
        return found

    def _note(self, place: Place, fault: str | None) -> None:
        if fault and len(self.faults) < MAX_FAULTS:
            self.faults.append(f"{place.topic} [{place.partition}] of ID {place.topic_id}: {fault}")


def read_log(entries: Iterable[LogEntry], sizes: Container[int] = ()) -> SealedLog:
    """Read entries from the first on. Raises FormatError for what is not an entry.

    The roots at these sizes are kept. Memory grows by 40 bytes a block, and with the offsets that
    statements name one by one.
    """
    log, tree = SealedLog(), RootBuilder()
    for entry in entries:
        tree.add(leaf_hash(entry.entry))
        try:
            log.add(entry)
        except FormatError as error:
            raise FormatError(f"Entry {entry.index} of the log: {error}") from None
        log.size = entry.index + 1
        if log.size in sizes or (log.periods and log.size == last_size(log.periods[-1][0])):
            log.roots[log.size] = tree.root
    log.root = tree.root
    return log


def last_size(entry: int) -> int:
    """Return the size of a period's last checkpoint, by the entry that names the next period's key.

    A tick follows it.
    """
    return entry + 2


def _empty_slots(slots: bytes) -> int:
    """Return which slots are empty, a bit each."""
    found, bits = slots.find(EMPTY_SLOT), 0
    while found >= 0:
        if found % SLOT_BYTES == 0:
            bits |= 1 << found // SLOT_BYTES
        found = slots.find(EMPTY_SLOT, found + 1 if found % SLOT_BYTES else found + SLOT_BYTES)
    return bits


def _with_range(ranges: list[tuple[int, int]], first: int, end: int) -> list[tuple[int, int]]:
    """Return sorted ranges with one more, joined with what it touches; quick at the end."""
    if end <= first:
        return ranges
    if ranges and ranges[-1][0] <= first:
        low, high = ranges[-1]
        if first <= high:
            ranges[-1] = low, max(high, end)
            return ranges
        ranges.append((first, end))
        return ranges
    touching = [each for each in ranges if each[0] <= end and first <= each[1]]
    merged = min([first, *(low for low, _ in touching)]), max([end, *(high for _, high in touching)])
    return sorted([*(each for each in ranges if each not in touching), merged])


def _has(ranges: list[tuple[int, int]], offset: int) -> bool:
    at = bisect_right(ranges, (offset, 1 << 63)) - 1
    return at >= 0 and ranges[at][0] <= offset < ranges[at][1]
