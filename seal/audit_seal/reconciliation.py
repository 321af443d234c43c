"""The equation of `seal verify`: each sealed offset is one thing, and only one. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from audit_seal.document_check import Verdict
from audit_seal.sealed_log import BlockPlace, SealedLog, SealedPartition, TimeRange
from audit_seal.statement import Place
from audit_seal.tally import MAX_FINDINGS, Tally

__all__ = ["Class", "Finding", "Reconciliation", "reconcile"]

Class = Literal[
    "indexed",
    "duplicates",
    "dead-lettered",
    "no record",
    "gap",
    "retired",
    "changed",
    "missing",
    "unverifiable",
    "not settled",
]
"""What a sealed offset can be."""

_EXCEPTIONS: dict[str, Class] = {
    "duplicate": "duplicates",
    "dead-letter": "dead-lettered",
    "missing": "missing",
}


class Finding(NamedTuple):
    """An offset where something is wrong, and what."""

    kind: Literal["changed", "missing", "added", "unverifiable"]
    place: Place
    offset: int
    detail: str = ""


@dataclass(slots=True)
class Reconciliation:
    """How many offsets are sealed, and how many of them are what."""

    sealed: int = 0
    classes: Counter[Class] = field(default_factory=Counter)
    added: int = 0
    """Documents that no sealed record accounts for."""
    adopted: int = 0
    """Of those indexed, how many are proven only from the moment on when they were adopted."""
    in_gap: int = 0
    """Documents at offsets in gaps, which nothing proves."""
    not_sealed: int = 0
    findings: list[Finding] = field(default_factory=list)
    """At most `MAX_FINDINGS` of each kind."""
    _kept: Counter[str] = field(default_factory=Counter)

    @property
    def is_sound(self) -> bool:
        """Tell whether nothing is wrong."""
        return not (self.added or any(self.classes[each] for each in _WRONG))

    def find(self, finding: Finding) -> None:
        """Keep a finding, if there is room."""
        self._kept[finding.kind] += 1
        if self._kept[finding.kind] <= MAX_FINDINGS:
            self.findings.append(finding)


_WRONG: tuple[Class, ...] = ("changed", "missing", "unverifiable")


def reconcile(log: SealedLog, tally: Tally, times: TimeRange) -> Reconciliation:
    """Say of each sealed offset of a time what it is, by the documents that were counted."""
    result = Reconciliation(
        adopted=tally.counts[Verdict.ADOPTED],
        in_gap=tally.counts[Verdict.IN_GAP],
        not_sealed=tally.counts[Verdict.NOT_SEALED],
        added=tally.counts[Verdict.ADDED],
    )
    for (verdict, topic, partition, offset), detail in tally.findings.items():
        if verdict is Verdict.ADDED:
            result.find(Finding("added", Place(topic, "", partition), offset, detail))
    for sealed in log.partitions.values():
        for block in sealed.blocks:
            if times.has(block):
                _Reconciler(log, tally, sealed, result).take(block)
        if times.is_all:
            gap = sealed.gap_offsets()
            result.sealed += gap
            result.classes["gap"] += gap
    return result


@dataclass(slots=True)
class _Reconciler:
    log: SealedLog
    tally: Tally
    partition: SealedPartition
    result: Reconciliation

    def take(self, block: BlockPlace) -> None:
        """Count the offsets of a block."""
        tally, entry, classes = self.tally, block.entry, self.result.classes
        width = block.end - block.first
        self.result.sealed += width
        empty, proven = self.log.empty.get(entry, 0), tally.proven.get(entry, 0)
        is_adopted = self.partition.is_gap(block.first)
        classes["gap" if is_adopted else "no record"] += empty.bit_count()
        classes["indexed"] += proven.bit_count()
        for bit in _bits(tally.doubled.get(entry, 0)):
            self._add(block.first + bit, "another document is of the same record")
        for bit in _bits(tally.changed.get(entry, 0) & proven):
            self._add(block.first + bit, "another document is of this record, and unchanged")
        for bit in _bits((1 << width) - 1 & ~empty & ~proven):
            self._take(block, bit, is_adopted=is_adopted)

    def _take(self, block: BlockPlace, bit: int, *, is_adopted: bool) -> None:
        """Say what an offset is that has a record, and no document that is proven."""
        offset, mask = block.first + bit, 1 << bit
        found = self._expected(offset, is_adopted=is_adopted)
        if self.tally.changed.get(block.entry, 0) & mask:
            if found in ("duplicates", "dead-lettered"):
                self._add(offset, "the log says that this record has no document")
            else:
                found = "changed"
        elif self.tally.unverifiable.get(block.entry, 0) & mask:
            found = "unverifiable"
        self.result.classes[found] += 1
        if found == "changed" or found == "missing" or found == "unverifiable":  # noqa: PLR1714 - mypy
            self.result.find(Finding(found, self.partition.place, offset, self._detail(found, offset)))

    def _expected(self, offset: int, *, is_adopted: bool) -> Class:
        """Return what an offset without a document is."""
        partition = self.partition
        if partition.is_retired(offset):
            return "retired"
        if (exception := partition.exceptions.get(offset)) is not None:
            return _EXCEPTIONS[exception.outcome]
        return "missing" if is_adopted or partition.is_settled(offset) else "not settled"

    def _detail(self, kind: Class, offset: int) -> str:
        place = self.partition.place
        if kind == "missing":
            return "a record was sealed here, and no document is of it"
        verdict = Verdict.CHANGED if kind == "changed" else Verdict.UNVERIFIABLE
        return self.tally.detail_of(verdict, place.topic, place.partition, offset)

    def _add(self, offset: int, detail: str) -> None:
        self.result.added += 1
        self.result.find(Finding("added", self.partition.place, offset, detail))


def _bits(mask: int) -> Iterator[int]:
    """Yield the positions of the bits that are set."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
