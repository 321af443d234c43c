"""All dead letters at a glance: by reason, with what became of them since."""

import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from audit_runtime.terminal import Report, silent
from audit_schemas import Origin, Reason

from audit_admin.dead_letters.dead_letter import Letter, LetterBox, Selection
from audit_admin.dead_letters.journal import LAPSE, Ledger, Note
from audit_admin.errors import SelectionError

__all__ = ["Group", "Survey", "survey"]

_TOLD_EVERY = 1000


@dataclass(slots=True)
class Group:
    """The dead letters of one reason that were asked for."""

    reason: str
    letters: int = 0
    records: int = 0
    """Without copies: a record that was written to the topic more than once counts once."""
    replayed: int = 0
    """How many of the records were published again."""
    returned: int = 0
    """How many of the records are replays, which were refused again."""
    first: datetime | None = None
    last: datetime | None = None
    """When the dead letters were written."""
    first_received: datetime | None = None
    last_received: datetime | None = None
    """When Kafka took the records, as far as that is known."""
    path: str = ""
    message: str = ""
    """Those of the last."""

    def add(self, letter: Letter) -> None:
        """Count one more letter."""
        self.letters += 1
        self.first, self.last = _span(self.first, self.last, letter.written)
        if letter.received is not None:
            self.first_received, self.last_received = _span(
                self.first_received, self.last_received, letter.received
            )
        self.path, self.message = letter.path, letter.message


@dataclass(slots=True)
class Survey:
    """What one look through the dead-letter topic found. About 100 bytes a record that was chosen."""

    ledger: Ledger
    groups: dict[str, Group] = field(default_factory=dict)
    elsewhere: Counter[str] = field(default_factory=Counter)
    """Dead letters of other source topics."""
    strange: int = 0
    """Records of the topic that are neither dead letters nor notes."""
    reasons: set[str] = field(default_factory=set)
    """All reasons that there are, also those that were not asked for."""
    _seen: dict[bytes, int] = field(default_factory=dict)
    """Identity -> the groups that the record was counted in, a bit each."""
    _numbers: dict[str, int] = field(default_factory=dict)
    _suspects: list[tuple[Origin, Group]] = field(default_factory=list)
    """Records that may be replays; the notes have to say so."""

    @property
    def records(self) -> int:
        """How many records were chosen, without copies."""
        return len(self._seen)

    def chosen(self) -> Iterator[bytes]:
        """Yield the identity of each record that was chosen."""
        yield from self._seen

    def add(self, letter: Letter, selection: Selection) -> None:
        """Take one more letter into account."""
        if letter.origin.topic != selection.topic:
            self.elsewhere[letter.origin.topic] += 1
            return
        self.reasons.add(letter.reason)
        if not selection.takes(letter):
            return
        group = self.groups.setdefault(letter.reason, Group(letter.reason))
        group.add(letter)
        bit = 1 << self._numbers.setdefault(letter.reason, len(self._numbers))
        identity = letter.identity
        seen = self._seen.get(identity, 0)
        if not seen & bit:
            self._seen[identity] = seen | bit
            group.records += 1
            if letter.replay_of is not None or letter.size is not None:  # a cut one has no headers
                self._suspects.append((letter.origin, group))

    def close(self) -> None:
        """Count what became of the records, now that all notes are known."""
        groups = list(self.groups.values())
        for identity in self.ledger.all_done():
            seen = self._seen.get(identity, 0)
            for number, group in enumerate(groups):
                group.replayed += seen >> number & 1
        for origin, group in self._suspects:
            group.returned += self.ledger.is_replay(origin)


def survey(
    box: LetterBox, selection: Selection, report: Report = silent, lapse: timedelta = LAPSE
) -> Survey:
    """Look through the dead-letter topic once. Raises SetupFaultError, or SelectionError."""
    found = Survey(Ledger(lapse))
    total = len(box)
    for number, entry in enumerate(box.entries()):
        match entry:
            case Note():
                found.ledger.apply(entry)
            case Letter():
                found.add(entry, selection)
            case None:
                found.strange += 1
        if number % _TOLD_EVERY == 0:
            report("Reading dead letters", number, total)
    found.close()
    _check(selection, found)
    return found


def _check(selection: Selection, found: Survey) -> None:
    """Raise SelectionError for a reason that nothing is ever refused for."""
    known = found.reasons | set(Reason)
    for reason in selection.reasons:
        if reason not in known:
            near = difflib.get_close_matches(reason, sorted(known), 1, 0.5)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(known))}"
            raise SelectionError(f"{reason!r} is no reason{hint}")


def _span(first: datetime | None, last: datetime | None, moment: datetime) -> tuple[datetime, datetime]:
    return min(first or moment, moment), max(last or moment, moment)
