"""What is counted while documents are checked, in any order and by several processes. Pure."""

from collections import Counter
from dataclasses import dataclass, field

from audit_seal.document_check import Result, Verdict

__all__ = ["MAX_FINDINGS", "Tally"]

MAX_FINDINGS = 1000


@dataclass(slots=True)
class Tally:
    """Which slots have which documents: a bit an offset, by the entries of their blocks."""

    proven: dict[int, int] = field(default_factory=dict)
    changed: dict[int, int] = field(default_factory=dict)
    unverifiable: dict[int, int] = field(default_factory=dict)
    counts: Counter[Verdict] = field(default_factory=Counter)
    """How many documents there are of each kind."""
    doubled: dict[int, int] = field(default_factory=dict)
    """Offsets with several documents that are proven, all but one of which was added."""
    findings: dict[tuple[Verdict, str, int, int], str] = field(default_factory=dict)
    """What is wrong with the first `MAX_FINDINGS` documents."""

    def add(self, result: Result) -> None:
        """Count a document."""
        verdict, block = result.verdict, result.block
        self.counts[verdict] += 1
        if block is not None:
            bit = 1 << (result.offset - block.first)
            if verdict in (Verdict.PROVEN, Verdict.ADOPTED):
                found = self.proven.get(block.entry, 0)
                if found & bit:
                    self.doubled[block.entry] = self.doubled.get(block.entry, 0) | bit
                self.proven[block.entry] = found | bit
            elif verdict is Verdict.CHANGED:
                self.changed[block.entry] = self.changed.get(block.entry, 0) | bit
            elif verdict is Verdict.UNVERIFIABLE:
                self.unverifiable[block.entry] = self.unverifiable.get(block.entry, 0) | bit
        if verdict in (Verdict.CHANGED, Verdict.ADDED, Verdict.UNVERIFIABLE):
            self._keep((verdict, result.topic, result.partition, result.offset), result.detail)

    def merge(self, other: "Tally") -> None:
        """Take in what another process has counted."""
        for entry, bits in other.proven.items():
            if twice := self.proven.get(entry, 0) & bits:
                self.doubled[entry] = self.doubled.get(entry, 0) | twice
        for mine, others in (
            (self.proven, other.proven),
            (self.changed, other.changed),
            (self.unverifiable, other.unverifiable),
            (self.doubled, other.doubled),
        ):
            for entry, bits in others.items():
                mine[entry] = mine.get(entry, 0) | bits
        self.counts += other.counts
        for key, detail in other.findings.items():
            self._keep(key, detail)

    def detail_of(self, verdict: Verdict, topic: str, partition: int, offset: int) -> str:
        """Return what is wrong at an offset, if it is among those kept."""
        return self.findings.get((verdict, topic, partition, offset), "")

    def _keep(self, key: tuple[Verdict, str, int, int], detail: str) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.setdefault(key, detail)
