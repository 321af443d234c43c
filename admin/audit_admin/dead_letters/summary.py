"""All dead letters at a glance: by reason, with what has become of them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from audit_runtime import did_you_mean
from audit_runtime.terminal import Report, silent
from audit_schemas import Origin, Reason

from audit_admin.dead_letters.dead_letter import DeadLetter, Selection
from audit_admin.dead_letters.journal import CLAIM_LIFETIME, JournalEntry, ReplayJournal
from audit_admin.dead_letters.reader import DeadLetterReader
from audit_admin.errors import SelectionError

__all__ = ["ReasonSummary", "Summary", "summarize"]

_REPORT_EVERY = 1000


@dataclass(slots=True)
class ReasonSummary:
    """The selected dead letters of one reason."""

    reason: str
    dead_letters: int = 0
    records: int = 0
    """Without copies: a record with several dead letters counts once."""
    replayed: int = 0
    """How many of the records were published again."""
    refused_again: int = 0
    """How many of the records are themselves replays."""
    first: datetime | None = None
    last: datetime | None = None
    """When the dead letters were written."""
    first_received: datetime | None = None
    last_received: datetime | None = None
    """When Kafka received the records, if known."""
    path: str = ""
    message: str = ""
    """Of the last dead letter."""

    def add(self, dead_letter: DeadLetter) -> None:
        """Count one more dead letter."""
        self.dead_letters += 1
        self.first, self.last = _extended(self.first, self.last, dead_letter.written)
        if dead_letter.received is not None:
            self.first_received, self.last_received = _extended(
                self.first_received, self.last_received, dead_letter.received
            )
        self.path, self.message = dead_letter.path, dead_letter.message


@dataclass(slots=True)
class Summary:
    """What one pass through the dead-letter topic found. About 100 bytes for each selected record."""

    journal: ReplayJournal
    by_reason: dict[str, ReasonSummary] = field(default_factory=dict)
    other_topics: Counter[str] = field(default_factory=Counter)
    """Dead letters of other source topics."""
    unrecognized: int = 0
    """Records of the topic that are neither dead letters nor journal entries."""
    reasons: set[str] = field(default_factory=set)
    """All reasons that occur, selected or not."""
    _seen: dict[bytes, int] = field(default_factory=dict)
    """Identity -> the reasons under which the record was counted, one bit each."""
    _bits: dict[str, int] = field(default_factory=dict)
    _possible_replays: list[tuple[Origin, ReasonSummary]] = field(default_factory=list)
    """Records that may be replays; the journal decides."""

    @property
    def records(self) -> int:
        """How many records are selected, without copies."""
        return len(self._seen)

    def selected(self) -> Iterator[bytes]:
        """Yield the identity of each selected record."""
        yield from self._seen

    def add(self, dead_letter: DeadLetter, selection: Selection) -> None:
        """Count one more dead letter, if it is selected."""
        if dead_letter.origin.topic != selection.topic:
            self.other_topics[dead_letter.origin.topic] += 1
            return
        self.reasons.add(dead_letter.reason)
        if not selection.matches(dead_letter):
            return
        reason = self.by_reason.setdefault(dead_letter.reason, ReasonSummary(dead_letter.reason))
        reason.add(dead_letter)
        bit = 1 << self._bits.setdefault(dead_letter.reason, len(self._bits))
        identity = dead_letter.identity
        seen = self._seen.get(identity, 0)
        if not seen & bit:
            self._seen[identity] = seen | bit
            reason.records += 1
            # A truncated dead letter has lost its headers.
            if dead_letter.replay_of is not None or dead_letter.size is not None:
                self._possible_replays.append((dead_letter.origin, reason))

    def finish(self) -> None:
        """Count replays, once the whole journal is known."""
        reasons = list(self.by_reason.values())
        for identity in self.journal.all_replayed():
            seen = self._seen.get(identity, 0)
            for number, reason in enumerate(reasons):
                reason.replayed += seen >> number & 1
        for origin, reason in self._possible_replays:
            reason.refused_again += self.journal.is_replay(origin)


def summarize(
    reader: DeadLetterReader,
    selection: Selection,
    report: Report = silent,
    claim_lifetime: timedelta = CLAIM_LIFETIME,
) -> Summary:
    """Go through the dead-letter topic once. Raises SetupFaultError, or SelectionError."""
    summary = Summary(ReplayJournal(claim_lifetime))
    total = len(reader)
    for number, item in enumerate(reader.read()):
        match item:
            case JournalEntry():
                summary.journal.apply(item)
            case DeadLetter():
                summary.add(item, selection)
            case None:
                summary.unrecognized += 1
        if number % _REPORT_EVERY == 0:
            report("Reading dead letters", number, total)
    summary.finish()
    _check_reasons(selection, summary)
    return summary


def _check_reasons(selection: Selection, summary: Summary) -> None:
    """Raise SelectionError for a reason that does not exist."""
    known = summary.reasons | set(Reason)
    for reason in selection.reasons:
        if reason not in known:
            similar = did_you_mean(reason, known, cutoff=0.5)
            hint = (
                f"did you mean {similar}?" if similar else f"must be one of {', '.join(sorted(known))}"
            )
            raise SelectionError(f"{reason!r} is not a known reason; {hint}")


def _extended(
    first: datetime | None, last: datetime | None, moment: datetime
) -> tuple[datetime, datetime]:
    return min(first or moment, moment), max(last or moment, moment)
