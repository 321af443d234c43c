"""Finding out what became of records that a replay claimed before it was interrupted."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from audit_schemas import merge_intervals

from audit_admin.dead_letters.journal import (
    ORIGIN_HEADER,
    RUN_HEADER,
    EntryKind,
    JournalEntry,
    origin_text,
)
from audit_admin.topic_reader import TopicReader

__all__ = ["find_published"]

_CLOCK_SKEW = timedelta(seconds=30)
"""How far the clocks of two brokers may differ."""


def find_published(
    reader: TopicReader,
    topic: str,
    partitions: Iterable[int],
    claims: Sequence[JournalEntry],
    claim_lifetime: timedelta,
) -> list[JournalEntry]:
    """Search the source topic for the claimed records; return an entry for each that was published.

    Only the minutes in which they can have been published are read. Raises SetupFaultError.
    """
    wanted = {(origin_text(claim.origin).encode(), claim.run.encode()): claim for claim in claims}
    published: list[JournalEntry] = []
    for start, end in _windows(claims, claim_lifetime):
        for partition in partitions:
            first = reader.offset_at(topic, partition, start)
            last = reader.offset_at(topic, partition, end)
            for record in reader.read(topic, partition, first, last):
                key = (record.header(ORIGIN_HEADER) or b"", record.header(RUN_HEADER) or b"")
                if (claim := wanted.pop(key, None)) is not None:
                    published.append(replace(claim, kind=EntryKind.PUBLISHED, position=record.origin))
    return published


def _windows(
    claims: Sequence[JournalEntry], claim_lifetime: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the times at which the records can have been published, without overlaps."""
    times = sorted(claim.at for claim in claims)
    windows = (
        (_milliseconds(at - _CLOCK_SKEW), _milliseconds(at + claim_lifetime + _CLOCK_SKEW))
        for at in times
    )
    for start, end in merge_intervals(windows):
        yield _moment(start), _moment(end)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
