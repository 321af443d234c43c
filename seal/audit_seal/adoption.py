"""`seal adopt`: blocks of documents whose records Kafka no longer has. Pure.

Nobody can say whether they are what was published; from now on they can't be changed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from audit_schemas import published_forms

from audit_seal.block import BLOCK_SLOTS, Kind
from audit_seal.block_builder import BlockBuilder, SaltedBlock
from audit_seal.document_check import time_of
from audit_seal.sealed_log import SealedPartition

__all__ = ["adopted_blocks", "unproven_ranges"]

_MAX_MS = 1 << 62


def unproven_ranges(partition: SealedPartition) -> Iterator[tuple[int, int]]:
    """Yield the parts of a partition's gaps that are not adopted yet."""
    for first, end in partition.gaps:
        begin = first
        for low, high in partition.adopted:
            if first <= low < end:
                if begin < low:
                    yield begin, low
                begin = high
        if begin < end:
            yield begin, end


def adopted_blocks(
    partition: SealedPartition, span: tuple[int, int], sources: Iterable[Mapping[str, Any]]
) -> Iterator[SaltedBlock]:
    """Yield blocks of documents in one unproven range, which come in the order of their offsets.

    Of several that claim one offset the first counts. What is not a document of a consumer is left out.
    """
    builder: BlockBuilder | None = None
    for source in sources:
        offset = source["audit"]["kafka"]["offset"]
        published, time_ms = next(published_forms(source), None), time_of(source)
        if published is None or not 0 <= time_ms < _MAX_MS or not span[0] <= offset < span[1]:
            continue
        if builder is None or offset - builder.end >= BLOCK_SLOTS:
            if builder is not None:
                yield from builder.take()
            builder = BlockBuilder(partition.place, offset)
        if offset >= builder.end:
            yield from builder.extend([(offset, time_ms, published)], kind=Kind.ADOPTED)
    if builder is not None:
        yield from builder.take()
