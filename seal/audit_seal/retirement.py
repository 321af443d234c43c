"""`seal retire`: states that an index may be deleted, so that its events are not missing then. Pure.

Only documents that are proven are stated, by the sealer's operator, before the deletion: whatever
else is deleted stays missing.
"""

from collections.abc import Iterator

from audit_seal.place import OffsetRange
from audit_seal.sealed_log import SealedLog, SealedPartition
from audit_seal.statement import RetiredStatement
from audit_seal.tally import Tally

__all__ = ["retirements"]

_RANGES = 190
"""So many stand in one statement at most: an entry of the log has 64 KiB, a range up to 333 bytes."""


def retirements(index: str, log: SealedLog, tally: Tally) -> Iterator[RetiredStatement]:
    """Yield statements of the offsets whose documents, all in this index, were found to be proven."""
    ranges: list[OffsetRange] = []
    for partition in log.partitions.values():
        for first, end in _ranges(log, partition, tally):
            ranges.append(OffsetRange(partition.place, first, end))
            if len(ranges) == _RANGES:
                yield RetiredStatement(index, tuple(ranges))
                ranges = []
    if ranges:
        yield RetiredStatement(index, tuple(ranges))


def _ranges(log: SealedLog, partition: SealedPartition, tally: Tally) -> Iterator[tuple[int, int]]:
    """Yield ranges of offsets; they go on over those that have no document anyway."""
    begin, end = -1, -1  # `end` is behind the last offset that has a document
    for block in partition.blocks:
        proven, empty = tally.proven.get(block.entry, 0), log.empty.get(block.entry, 0)
        for offset in range(block.first, block.end):
            bit = 1 << (offset - block.first)
            if proven & bit:
                begin, end = (offset if begin < 0 else begin), offset + 1
            elif begin >= 0 and not (empty & bit or _is_excused(partition, offset)):
                yield begin, end
                begin = -1
    if begin >= 0:
        yield begin, end


def _is_excused(partition: SealedPartition, offset: int) -> bool:
    exception = partition.exceptions.get(offset)
    return exception is not None and exception.outcome != "missing"
