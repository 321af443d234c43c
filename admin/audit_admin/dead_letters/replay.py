"""Dead letters, published again: the original bytes, key and headers, never twice unless asked.

What was replayed is remembered in the dead-letter topic itself (`ledger.py`). For each handful of
records a run

1. writes a note for each that it takes it, and reads the topic on until it sees its own notes: where
   another run's stands before, the record is left to that one;
2. publishes those that it has, each with a header that says where it stood and which run this is,
   and waits for the acknowledgements of all replicas in sync;
3. writes a note for each that was acknowledged, with where it now stands.

So two runs at the same time never publish the same record, whatever they were asked for. Killed
before 2 the run has published nothing, killed after 3 all is noted. Killed in between, it leaves
records that were taken and may or may not be published: the next run (two minutes later, when
nothing can still be on its way) looks for them in the source topic by those headers, and notes what
it finds. Only what is not found is published again.

What is left: a process that stands still for minutes at the very moment between looking at its
clock and publishing, or a source topic that has already deleted the minutes in question. There a
record may be published twice; its id makes that one document and a duplicate.

Why no transaction over both topics, which would do the same: it leaves a mark in the source topic
that takes up an offset and is no record, so a quiet topic seems to lag for ever, and a run that
is killed holds back all who read the topic until the transaction times out.
"""

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from audit_consumer import ConsumerError, ConsumerSettings
from audit_runtime.terminal import Report, silent
from audit_schemas import Origin

from audit_admin.dead_letters.dead_letter import Letter, LetterBox, Selection
from audit_admin.dead_letters.interrupted import find_published
from audit_admin.dead_letters.journal import (
    LAPSE,
    ORIGIN_HEADER,
    RUN_HEADER,
    Ledger,
    Note,
    NoteKind,
    note_of,
    origin_text,
)
from audit_admin.dead_letters.outbox import Outbox, Outgoing
from audit_admin.dead_letters.replay_result import Result
from audit_admin.dead_letters.survey import Survey, survey
from audit_admin.reader import Reader

__all__ = ["Replayer", "replay"]

_CHUNK = 500
_CHUNK_BYTES = 4 * 1024 * 1024
_PATIENCE_SECONDS = 60.0
"""Between a note and the record it announces; with Kafka's own delivery, well below the lapse."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One record to be published again."""

    letter: Letter
    record: Outgoing

    @property
    def size(self) -> int:
        return len(self.record.value or b"") + len(self.record.key or b"")


def replay(
    settings: ConsumerSettings,
    selection: Selection,
    *,
    again: bool = False,
    dry_run: bool = False,
    lapse: timedelta = LAPSE,
    report: Report = silent,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[Survey, Result]:
    """Publish the chosen dead letters again, or with `dry_run` only say what would be done.

    With `again` also those that were replayed before. `stopped` is asked between two handfuls.
    Raises SetupFaultError before anything was published; later, the result says what halted it.
    """
    with Reader(settings) as reader, Reader(settings) as beside:
        box = LetterBox(reader, settings.dead_letter_topic)
        found = survey(box, selection, report, lapse)
        replayer = Replayer(settings, beside, box, found.ledger, again=again, lapse=lapse)
        replayer.result.elsewhere = found.elsewhere
        wanted = replayer.choose(found, note=not dry_run)
        total = len(wanted)
        try:
            for letter in _chosen(box, wanted):
                if stopped():
                    replayer.result.halted = "interrupted"
                    break
                replayer.add(letter, send=not dry_run)
                report("Replaying", total - len(wanted), total)
                if replayer.result.halted:
                    break
            else:
                replayer.flush()
        except ConsumerError as error:
            replayer.result.halted = str(error)
        return found, replayer.result


def _chosen(box: LetterBox, wanted: set[bytes]) -> Iterator[Letter]:
    """Yield the first letter of each wanted record, and take the record out of `wanted`."""
    for entry in box.entries() if wanted else ():
        if isinstance(entry, Letter) and (identity := entry.identity) in wanted:
            wanted.discard(identity)
            yield entry
        if not wanted:
            return


class Replayer:
    """One run. `beside` is a reader of its own, used while another goes through the dead letters."""

    def __init__(
        self,
        settings: ConsumerSettings,
        beside: Reader,
        box: LetterBox,
        ledger: Ledger,
        *,
        again: bool,
        lapse: timedelta,
    ) -> None:
        self.result = Result(uuid.uuid4().hex)
        self._topic = settings.topic
        self._notes_topic = box.topic
        self._seen = box.end(0)
        self._beside = beside
        self._ledger = ledger
        self._again = again
        self._lapse = lapse
        self._outbox = Outbox(settings)
        self._partitions = set(beside.partitions(settings.topic))
        self._chunk: list[_Item] = []
        self._chunk_bytes = 0

    def choose(self, found: Survey, *, note: bool) -> set[bytes]:
        """Return the identities of the records to publish.

        Not of those that were replayed before or that another run has. Where one was interrupted,
        what it did is found out, and with `note` written down.
        """
        wanted: set[bytes] = set()
        doubtful: list[Note] = []
        now = datetime.now(UTC)
        for identity in found.chosen():
            holder = self._ledger.holder(identity)
            if self._ledger.is_done(identity) and not self._again:
                self.result.before += 1
            elif holder is None:
                wanted.add(identity)
            elif self._ledger.has_lapsed(holder, now):
                doubtful.append(holder)
                wanted.add(identity)
            else:
                self.result.busy += 1
        published = find_published(self._beside, self._topic, self._partitions, doubtful, self._lapse)
        if note:
            self._write(published)
        self.result.recovered = len(published)
        self.result.before += len(published)
        return wanted - {one.identity for one in published}

    def add(self, letter: Letter, *, send: bool) -> None:
        """Take a letter, and publish a handful once there is one; without `send` only count it."""
        item = self._item(letter)
        if item is None:
            return
        if not send:
            self.result.replayed[letter.reason] += 1
            return
        self._chunk.append(item)
        self._chunk_bytes += item.size
        if len(self._chunk) == _CHUNK or self._chunk_bytes >= _CHUNK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Publish what was taken and is not published yet: take, publish, note."""
        chunk, self._chunk, self._chunk_bytes = self._chunk, [], 0
        if not chunk:
            return
        begun = time.monotonic()
        if not self._write([self._note(NoteKind.TAKEN, item.letter) for item in chunk]):
            self.result.halted = "Kafka did not take the notes that have to come before a replay"
            return
        mine = [item for item in chunk if self._is_mine(item.letter.identity)]
        if time.monotonic() - begun > _PATIENCE_SECONDS:
            self.result.halted = "Kafka took too long; nothing more was published. Run it again"
            return
        answers = self._outbox.send([item.record for item in mine])
        done: list[Note] = []
        for item, answer in zip(mine, answers, strict=True):
            if isinstance(answer, Origin):
                self.result.replayed[item.letter.reason] += 1
                done.append(self._note(NoteKind.DONE, item.letter, answer))
            else:
                self.result.failed[answer.str()] += 1
        if mine and not done:
            self.result.halted = "Kafka acknowledges no record any more"
        self._write(done)

    def _is_mine(self, identity: bytes) -> bool:
        """Tell whether this run may publish a record; count it if not."""
        holder = self._ledger.holder(identity)
        if self._ledger.is_done(identity) and not self._again:
            self.result.before += 1
        elif holder is None or holder.run != self.result.run:
            self.result.busy += 1
        else:
            return True
        return False

    def _item(self, letter: Letter) -> _Item | None:
        """Return the whole record; None, and say so, where only its beginning is left."""
        key, value, headers = letter.key, letter.value, letter.headers
        if letter.size is not None:
            whole = self._beside.read_at(
                letter.origin.topic, letter.origin.partition, letter.origin.offset
            )
            if whole is None or hashlib.sha256(whole.value or b"").hexdigest() != letter.digest:
                self._refuse(letter)
                return None
            key, value, headers = whole.key, whole.value, whole.headers
        kept = [(name, v) for name, v in headers if name not in (ORIGIN_HEADER, RUN_HEADER)]
        added = [
            (ORIGIN_HEADER, origin_text(letter.origin).encode()),
            (RUN_HEADER, self.result.run.encode()),
        ]
        partition = letter.origin.partition if letter.origin.partition in self._partitions else None
        return _Item(letter, Outgoing(self._topic, partition, key, value, [*kept, *added]))

    def _refuse(self, letter: Letter) -> None:
        at, here = letter.origin, len(letter.value or b"")
        self.result.refuse(
            f"{at.topic} [{at.partition}] offset {at.offset}: the dead letter has only the first "
            f"{here:,} of {letter.size:,} bytes, and {at.topic} has the record no more"
        )

    def _note(self, kind: NoteKind, letter: Letter, position: Origin | None = None) -> Note:
        return Note(kind, letter.origin, letter.digest, self.result.run, datetime.now(UTC), position)

    def _write(self, notes: Sequence[Note]) -> bool:
        """Write notes, and read the topic on to the last of them; tell whether all are written."""
        if not notes:
            return True
        answers = self._outbox.send(
            [
                Outgoing(self._notes_topic, 0, origin_text(note.origin).encode(), None, note.headers())
                for note in notes
            ]
        )
        written = [answer.offset for answer in answers if isinstance(answer, Origin)]
        for record in self._beside.read(
            self._notes_topic, 0, self._seen, max(written, default=self._seen - 1) + 1
        ):
            self._seen = record.origin.offset + 1
            if (note := note_of(record)) is not None:
                self._ledger.apply(note)
        left = len(notes) - len(written)
        self.result.unnoted += left if notes[0].kind == NoteKind.DONE else 0
        return not left
