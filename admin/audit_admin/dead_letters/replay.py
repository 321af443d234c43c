"""Replaying dead letters: the original bytes, key and headers, never twice unless asked.

What was replayed is recorded in the dead-letter topic itself (`journal.py`). For each batch of
records a run

1. writes a claim for each, and reads the topic up to its own entries: a record that another run claimed
   first is left to that run;
2. publishes the records that it holds, each with headers that say where it was and which run this is,
   and waits for the acknowledgements of all in-sync replicas;
3. writes an entry with the new position for each that was acknowledged.

So two runs at the same time never publish the same record. A run killed before step 2 has published
nothing; one killed after step 3 has recorded everything. One killed in between leaves records that are
claimed and may or may not be published: the next run (two minutes later, when nothing can be in flight
any more) searches the source topic for them by those headers, and records what it finds. Only what is
not found is published again.

What remains: a process that is suspended for minutes exactly between checking its clock and
publishing, or a source topic that has already deleted the minutes in question. Then a record may be
published twice; its id makes that one document and a duplicate.

Why not a transaction across both topics: its end marker takes up an offset in the source topic without
being a record, so a quiet topic would show a lag forever, and a run that is killed would block all
readers of the topic until the transaction times out.
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

from audit_admin.dead_letters.dead_letter import DeadLetter, Selection
from audit_admin.dead_letters.journal import (
    CLAIM_LIFETIME,
    ORIGIN_HEADER,
    RUN_HEADER,
    EntryKind,
    JournalEntry,
    ReplayJournal,
    origin_text,
    parse_entry,
)
from audit_admin.dead_letters.reader import DeadLetterReader
from audit_admin.dead_letters.record_writer import OutgoingRecord, RecordWriter
from audit_admin.dead_letters.recovery import find_published
from audit_admin.dead_letters.replay_result import ReplayResult
from audit_admin.dead_letters.summary import Summary, summarize
from audit_admin.topic_reader import TopicReader

__all__ = ["Replayer", "replay"]

_BATCH_RECORDS = 500
_BATCH_BYTES = 4 * 1024 * 1024
_PATIENCE_SECONDS = 60.0
"""Between a claim and publishing; with Kafka's delivery timeout, well below the claim's lifetime."""


@dataclass(frozen=True, slots=True)
class _Replayable:
    """One record to be published again."""

    dead_letter: DeadLetter
    record: OutgoingRecord

    @property
    def size(self) -> int:
        return len(self.record.value or b"") + len(self.record.key or b"")


def replay(
    settings: ConsumerSettings,
    selection: Selection,
    *,
    again: bool = False,
    dry_run: bool = False,
    claim_lifetime: timedelta = CLAIM_LIFETIME,
    report: Report = silent,
    is_stopped: Callable[[], bool] = lambda: False,
) -> tuple[Summary, ReplayResult]:
    """Publish the selected dead letters again; with `dry_run`, only count them.

    With `again`, also those that were replayed before. `is_stopped` is called between two records.
    Raises SetupFaultError before anything was published; after that, the result says why it stopped.
    """
    with TopicReader(settings) as topic_reader, TopicReader(settings) as lookup:
        reader = DeadLetterReader(topic_reader, settings.dead_letter_topic)
        summary = summarize(reader, selection, report, claim_lifetime)
        replayer = Replayer(
            settings, lookup, reader, summary.journal, again=again, claim_lifetime=claim_lifetime
        )
        result = replayer.result
        result.other_topics = summary.other_topics
        wanted = replayer.choose(summary, record=not dry_run)
        total = len(wanted)
        try:
            for dead_letter in _first_of(reader, wanted):
                if is_stopped():
                    result.stopped_because = "interrupted"
                    break
                replayer.add(dead_letter, publish=not dry_run)
                report("Replaying", total - len(wanted), total)
                if result.stopped_because:
                    break
            else:
                replayer.flush()
        except ConsumerError as error:
            result.stopped_because = str(error)
        return summary, result


def _first_of(reader: DeadLetterReader, wanted: set[bytes]) -> Iterator[DeadLetter]:
    """Yield the first dead letter of each wanted record, and remove the record from `wanted`."""
    for item in reader.read() if wanted else ():
        if isinstance(item, DeadLetter) and (identity := item.identity) in wanted:
            wanted.discard(identity)
            yield item
        if not wanted:
            return


class Replayer:
    """One run. `lookup` is a reader of its own, used while another one reads the dead letters."""

    def __init__(
        self,
        settings: ConsumerSettings,
        lookup: TopicReader,
        reader: DeadLetterReader,
        journal: ReplayJournal,
        *,
        again: bool,
        claim_lifetime: timedelta,
    ) -> None:
        self.result = ReplayResult(uuid.uuid4().hex)
        self._topic = settings.topic
        self._journal_topic = reader.topic
        self._journal_end = reader.end(0)
        self._lookup = lookup
        self._journal = journal
        self._again = again
        self._claim_lifetime = claim_lifetime
        self._writer = RecordWriter(settings)
        self._partitions = set(lookup.partitions(settings.topic))
        self._batch: list[_Replayable] = []
        self._batch_bytes = 0

    def choose(self, summary: Summary, *, record: bool) -> set[bytes]:
        """Return the identities of the records to publish.

        Without those that were replayed before or that another run has claimed. If a run was
        interrupted, find out what it published and, with `record`, add that to the journal.
        """
        wanted: set[bytes] = set()
        expired: list[JournalEntry] = []
        now = datetime.now(UTC)
        for identity in summary.selected():
            claim = self._journal.claim(identity)
            if self._journal.was_replayed(identity) and not self._again:
                self.result.already_replayed += 1
            elif claim is None:
                wanted.add(identity)
            elif self._journal.has_expired(claim, now):
                expired.append(claim)
                wanted.add(identity)
            else:
                self.result.claimed_elsewhere += 1
        published = find_published(
            self._lookup, self._topic, self._partitions, expired, self._claim_lifetime
        )
        if record:
            self._write(published)
        self.result.recovered = len(published)
        self.result.already_replayed += len(published)
        return wanted - {entry.identity for entry in published}

    def add(self, dead_letter: DeadLetter, *, publish: bool) -> None:
        """Add a dead letter, and publish the batch when it is full; without `publish` only count it."""
        item = self._replayable(dead_letter)
        if item is None:
            return
        if not publish:
            self.result.replayed[dead_letter.reason] += 1
            return
        self._batch.append(item)
        self._batch_bytes += item.size
        if len(self._batch) == _BATCH_RECORDS or self._batch_bytes >= _BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Publish the current batch: claim, publish, record."""
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        if not batch:
            return
        begun = time.monotonic()
        if not self._write([self._entry(EntryKind.CLAIMED, item.dead_letter) for item in batch]):
            self.result.stopped_because = "Kafka did not accept the journal entries of the replay"
            return
        held = [item for item in batch if self._holds_claim(item.dead_letter.identity)]
        if time.monotonic() - begun > _PATIENCE_SECONDS:
            self.result.stopped_because = (
                "Kafka took too long; nothing more was published. Run it again"
            )
            return
        answers = self._writer.send([item.record for item in held])
        published: list[JournalEntry] = []
        for item, answer in zip(held, answers, strict=True):
            if isinstance(answer, Origin):
                self.result.replayed[item.dead_letter.reason] += 1
                published.append(self._entry(EntryKind.PUBLISHED, item.dead_letter, answer))
            else:
                self.result.failed[answer.str()] += 1
        if held and not published:
            self.result.stopped_because = "Kafka no longer acknowledges records"
        self._write(published)

    def _holds_claim(self, identity: bytes) -> bool:
        """Tell whether this run may publish a record; count it if not."""
        claim = self._journal.claim(identity)
        if self._journal.was_replayed(identity) and not self._again:
            self.result.already_replayed += 1
        elif claim is None or claim.run != self.result.run:
            self.result.claimed_elsewhere += 1
        else:
            return True
        return False

    def _replayable(self, dead_letter: DeadLetter) -> _Replayable | None:
        """Return the whole record; None, and count it, if only its beginning is left."""
        key, value, headers = dead_letter.key, dead_letter.value, dead_letter.headers
        origin = dead_letter.origin
        partition = origin.partition if origin.partition in self._partitions else None
        if dead_letter.size is not None:
            whole = None
            if partition is not None:  # the topic may have been made anew with fewer
                whole = self._lookup.read_at(origin.topic, partition, origin.offset)
            if whole is None or hashlib.sha256(whole.value or b"").hexdigest() != dead_letter.digest:
                self.result.add_incomplete(_truncated(dead_letter))
                return None
            key, value, headers = whole.key, whole.value, whole.headers
        own = [(name, v) for name, v in headers if name not in (ORIGIN_HEADER, RUN_HEADER)]
        added = [
            (ORIGIN_HEADER, origin_text(origin).encode()),
            (RUN_HEADER, self.result.run.encode()),
        ]
        return _Replayable(
            dead_letter, OutgoingRecord(self._topic, partition, key, value, [*own, *added])
        )

    def _entry(
        self, kind: EntryKind, dead_letter: DeadLetter, position: Origin | None = None
    ) -> JournalEntry:
        now = datetime.now(UTC)
        return JournalEntry(
            kind, dead_letter.origin, dead_letter.digest, self.result.run, now, position
        )

    def _write(self, entries: Sequence[JournalEntry]) -> bool:
        """Write entries, and apply the journal up to them; tell whether all were acknowledged."""
        if not entries:
            return True
        answers = self._writer.send(
            [
                OutgoingRecord(
                    self._journal_topic,
                    0,
                    origin_text(entry.origin).encode(),
                    None,
                    entry.headers(),
                )
                for entry in entries
            ]
        )
        written = [answer.offset for answer in answers if isinstance(answer, Origin)]
        end = max(written, default=self._journal_end - 1) + 1
        for record in self._lookup.read(self._journal_topic, 0, self._journal_end, end):
            self._journal_end = record.origin.offset + 1
            if (entry := parse_entry(record)) is not None:
                self._journal.apply(entry)
        lost = len(entries) - len(written)
        self.result.unrecorded += lost if entries[0].kind == EntryKind.PUBLISHED else 0
        return not lost


def _truncated(dead_letter: DeadLetter) -> str:
    at, length = dead_letter.origin, len(dead_letter.value or b"")
    return (
        f"{at.topic} [{at.partition}] offset {at.offset}: the dead letter has only the first "
        f"{length:,} of {dead_letter.size:,} bytes, and {at.topic} no longer has the record"
    )
