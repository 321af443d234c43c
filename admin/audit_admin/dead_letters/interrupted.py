"""What became of records that a run took, when it was interrupted before it could note it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from audit_admin.dead_letters.journal import ORIGIN_HEADER, RUN_HEADER, Note, NoteKind, origin_text
from audit_admin.reader import Reader

__all__ = ["find_published"]

_SKEW = timedelta(seconds=30)
"""How far the clocks of two brokers may differ."""


def find_published(
    reader: Reader, topic: str, partitions: Iterable[int], taken: Sequence[Note], lapse: timedelta
) -> list[Note]:
    """Look in the source topic for what these notes took; return a note for each that is there.

    Only the minutes are read in which it can have been published. Raises SetupFaultError.
    """
    sought = {(origin_text(note.origin).encode(), note.run.encode()): note for note in taken}
    found: list[Note] = []
    for start, end in _windows(taken, lapse):
        for partition in partitions:
            first = reader.offset_at(topic, partition, start)
            last = reader.offset_at(topic, partition, end)
            for record in reader.read(topic, partition, first, last):
                mark = (record.header(ORIGIN_HEADER) or b"", record.header(RUN_HEADER) or b"")
                if (note := sought.pop(mark, None)) is not None:
                    found.append(replace(note, kind=NoteKind.DONE, position=record.origin))
    return found


def _windows(notes: Sequence[Note], lapse: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Yield the times in which the records can have been published, without overlaps."""
    window: tuple[datetime, datetime] | None = None
    for at in sorted(note.at for note in notes):
        start, end = at - _SKEW, at + lapse + _SKEW
        if window is not None and start <= window[1]:
            window = window[0], end
            continue
        if window is not None:
            yield window
        window = start, end
    if window is not None:
        yield window
