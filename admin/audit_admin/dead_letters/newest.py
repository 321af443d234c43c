"""The newest dead letters of a topic that may hold millions: counted by reason, with samples."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from audit_admin.dead_letters.dead_letter import DeadLetter, Selection
from audit_admin.dead_letters.journal import JournalEntry, ReplayJournal
from audit_admin.dead_letters.reader import DeadLetterReader
from audit_admin.dead_letters.summary import Summary

__all__ = ["NewestDeadLetters", "ReadLimits", "read_newest"]

_FIRST_CHUNK = 100
_CHUNK_MAX = 2000
_HEADERS = 20

Item = DeadLetter | JournalEntry | None


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much is read at most; what is reached first ends it."""

    records: int = 10_000
    value_bytes: int = 64 * 1024 * 1024
    """With their keys and headers."""
    seconds: float = 10.0
    reasons: int = 50
    samples: int = 3
    """Of each reason."""
    sample_bytes: int = 4096
    """Of a sample's value and of each of its headers."""


@dataclass(frozen=True, slots=True)
class NewestDeadLetters:
    """What the newest records of the topic are."""

    summary: Summary
    samples: Mapping[str, Sequence[DeadLetter]]
    """By reason, the newest first; values and headers are cut."""
    examined: int
    """How many of the topic's records were read."""
    total: int
    """How many offsets the topic has."""

    @property
    def is_partial(self) -> bool:
        """Whether there are older records, which were not read."""
        return self.examined < self.total


def read_newest(
    reader: DeadLetterReader,
    selection: Selection,
    limits: ReadLimits | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> NewestDeadLetters:
    """Read backwards from the topic's end until a limit is reached. Raises SetupFaultError.

    Memory is that of the samples and of 100 bytes for each record. The replay journal is read as far
    back as the dead letters are, which is where the entries about them are.
    """
    limits = limits or ReadLimits()
    found = _Pass(selection, limits, clock() + limits.seconds, clock)
    ends = {number: reader.end(number) for number in reader.partitions}
    size = _FIRST_CHUNK
    while ends and not found.is_over:
        for number, end in list(ends.items()):
            start = max(reader.start(number), end - size, end - limits.records + found.examined)
            if start >= end or found.is_over:
                del ends[number]
                continue
            found.take(reader.read_range(number, start, end), end - start)
            ends[number] = start
        size = min(2 * size, _CHUNK_MAX)
    return found.result(len(reader))


@dataclass
class _Pass:
    selection: Selection
    limits: ReadLimits
    deadline: float
    clock: Callable[[], float]
    examined: int = 0
    value_bytes: int = 0
    summary: Summary = field(default_factory=lambda: Summary(ReplayJournal()))
    samples: dict[str, list[DeadLetter]] = field(default_factory=dict)
    entries: list[JournalEntry] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return (
            self.examined >= self.limits.records
            or self.value_bytes >= self.limits.value_bytes
            or self.clock() >= self.deadline
        )

    def take(self, items: Iterator[Item], offsets: int) -> None:
        """Take in one range of offsets, which are older than all before."""
        kept: list[Item] = []
        for item in items:
            kept.append(self._cut(item) if isinstance(item, DeadLetter) else item)
            if self.clock() >= self.deadline:
                offsets = len(kept)
                break
        self.examined += offsets
        self.entries[:0] = [item for item in kept if isinstance(item, JournalEntry)]
        self.summary.unrecognized += kept.count(None)
        for item in reversed(kept):
            if isinstance(item, DeadLetter):
                self._add(item)

    def result(self, total: int) -> NewestDeadLetters:
        """Return what was found, once the journal's entries are in their order."""
        for entry in self.entries:
            self.summary.journal.apply(entry)
        self.summary.finish()
        return NewestDeadLetters(self.summary, self.samples, self.examined, total)

    def _add(self, dead_letter: DeadLetter) -> None:
        known = self.summary.by_reason
        if len(known) >= self.limits.reasons and dead_letter.reason not in known:
            dead_letter = replace(dead_letter, reason="other reasons")
        before = self.summary.records
        self.summary.add(dead_letter, self.selection)
        samples = self.samples.setdefault(dead_letter.reason, [])
        if self.summary.records > before and len(samples) < self.limits.samples:
            samples.append(dead_letter)

    def _cut(self, dead_letter: DeadLetter) -> DeadLetter:
        most = self.limits.sample_bytes
        value = dead_letter.value
        self.value_bytes += len(value or b"") + len(dead_letter.key or b"")
        self.value_bytes += sum(len(name) + len(text or b"") for name, text in dead_letter.headers)
        if value is not None and len(value) > most and dead_letter.size is None:
            dead_letter = replace(dead_letter, size=len(value))
        headers = dead_letter.headers[:_HEADERS]
        return replace(
            dead_letter,
            value=None if value is None else value[:most],
            key=None if dead_letter.key is None else dead_letter.key[:most],
            headers=tuple((name[:most], text and text[:most]) for name, text in headers),
            path=dead_letter.path[:most],
            message=dead_letter.message[:most],
            reason=dead_letter.reason[:100],
        )
