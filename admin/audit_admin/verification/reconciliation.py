"""Reconciliation: published = indexed + duplicates + dead-lettered, from the servers' own data.

For each partition, records in Kafka are compared with documents by `audit.kafka.*` (`documents.py`).
Records without a document are read from Kafka again and judged (`judge.py`): a duplicate leaves no
trace but its id, and a dead letter counts only if the record deserves one. An offset whose record Kafka
no longer has is no record, whatever dead letters say.

Limitation: documents carry the topic's name, not the cluster's. If two clusters publish to topics of
the same name and into the same index, offsets that both have are reported as conflicting, and
verification fails. But if the other cluster's documents were at exactly the offsets that ours lack,
they would be taken for ours. Give topics distinct names.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import elasticsearch
from audit_consumer import ConsumerSettings, EventIndex, Outcome, Record, Refusal
from audit_runtime.elastic import connect
from audit_runtime.kafka import message_batches
from audit_runtime.terminal import Report, silent

from audit_admin.offset_set import OffsetSet
from audit_admin.topic_reader import TopicReader
from audit_admin.verification.copies import Copies
from audit_admin.verification.documents import Documents, IndexCoverage, OffsetRange
from audit_admin.verification.judge import Judge

__all__ = ["PartitionReconciliation", "verify"]

_LOOKUP_BATCH = 500
_MAX_BACKLOG = 50_000
"""A longer backlog of unconsumed records is counted by offsets, without reading it."""
_SKEW = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PartitionReconciliation:
    """What became of the records that one partition still holds."""

    partition: int
    published: int
    indexed: int
    duplicates: int
    dead_lettered: int
    unread: int
    """Not consumed yet: beyond what the group has committed, and not indexed either."""
    missing: OffsetSet
    """Offsets that the group has committed, but whose records are nowhere."""
    conflicting: OffsetSet
    """Offsets that several documents claim: some belong to another cluster's topic."""
    refused: Counter[str]
    """Why missing records would be refused now: perhaps the catalogue differs from the consumers'."""
    unexcused: int
    """Missing records that have dead letters, but are valid: dead letters alone prove no refusal."""

    @property
    def is_reconciled(self) -> bool:
        """Tell whether every record that the group has committed is accounted for."""
        return not self.missing and not self.conflicting


def verify(settings: ConsumerSettings, report: Report = silent) -> Iterator[PartitionReconciliation]:
    """Reconcile Kafka with Elasticsearch, partition by partition.

    Raises SetupFaultError if Kafka does not answer or does not have the topic, or an error of the
    Elasticsearch client.
    """
    index = EventIndex(settings, settings.request_seconds)
    try:
        with connect(settings, seconds=settings.request_seconds) as client:
            client.indices.refresh(index=f"{settings.index_prefix}-*", allow_no_indices=True)
            judge = Judge(settings, index, index.naming())
            with TopicReader(settings) as reader:
                yield from _Reconciler(settings, reader, client, judge, report).reconcile()
    finally:
        index.close()


@dataclass(slots=True)
class _LookupResult:
    """What became of records that were read again."""

    records: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    lost: OffsetSet = field(default_factory=OffsetSet)
    refused: Counter[str] = field(default_factory=Counter)
    unexcused: int = 0


class _Reconciler:
    def __init__(
        self,
        settings: ConsumerSettings,
        reader: TopicReader,
        client: elasticsearch.Elasticsearch,
        judge: Judge,
        report: Report,
    ) -> None:
        self._settings = settings
        self._topic = settings.topic
        self._reader = reader
        self._client = client
        self._judge = judge
        self._report = report
        self._since = datetime.max.replace(tzinfo=UTC)
        self._copies: Copies | None = None

    def reconcile(self) -> Iterator[PartitionReconciliation]:
        """Count the documents of all partitions at once, then reconcile one partition after another."""
        numbers = self._reader.partitions(self._topic)
        # Committed offsets are read before the documents: what is committed later is not missing.
        committed = {number: self._reader.committed(self._topic, number) for number in numbers}
        spans = [OffsetRange(number, *self._reader.bounds(self._topic, number)) for number in numbers]
        total = sum(span.high - span.low for span in spans)
        self._report("Counting documents", 0, total)
        self._since = min(map(self._first_received, spans))
        documents = Documents(self._client, self._settings.index_prefix, self._topic, self._since)
        documents.count(spans)
        passed = 0
        for span in spans:
            coverage = documents.coverage(span, self._reporter(passed - span.low, total))
            passed += span.high - span.low
            yield self._reconcile(span, coverage, committed[span.partition])

    def _reporter(self, before: int, total: int) -> Callable[[int], None]:
        """Return a callback that reports the offset that has been reached."""
        return lambda offset: self._report("Looking for documents", before + offset, total)

    def _reconcile(
        self, span: OffsetRange, coverage: IndexCoverage, committed: int
    ) -> PartitionReconciliation:
        absent = coverage.absent
        copies = self._read_copies() if absent else Copies()
        _, unread = (absent - copies.offsets(span.partition)).split(max(committed, span.low))
        backlog = len(unread) if len(unread) > _MAX_BACKLOG else 0
        lookup = self._look_up(span.partition, absent - unread if backlog else absent, copies)
        missing, waiting = lookup.lost.split(max(committed, span.low))
        gaps = len(absent) - backlog - lookup.records  # offsets without a record
        return PartitionReconciliation(
            span.partition,
            published=span.high - span.low - gaps,
            indexed=span.high - span.low - len(absent) + lookup.outcomes[Outcome.INDEXED],
            duplicates=lookup.outcomes[Outcome.DUPLICATE],
            dead_lettered=lookup.outcomes[Outcome.DEAD_LETTERED],
            unread=backlog + len(waiting),
            missing=missing,
            conflicting=coverage.conflicting,
            refused=lookup.refused if missing else Counter(),
            unexcused=lookup.unexcused if missing else 0,
        )

    def _first_received(self, span: OffsetRange) -> datetime:
        """Return when Kafka received the first record that it still has; the latest time if none."""
        records = self._reader.read(self._topic, span.partition, span.low, span.high)
        first = next(records, None)
        return first.received if first else datetime.max.replace(tzinfo=UTC)

    def _read_copies(self) -> Copies:
        """Read the dead-letter topic once, and only if needed.

        Dead letters older than all records of the topic belong to a deleted topic of the same name.
        """
        if self._copies is None:
            topics = self._settings.dead_letter_topic, self._topic
            self._copies = Copies.read(self._reader, *topics, self._since - _SKEW, self._report)
        return self._copies

    def _look_up(self, partition: int, offsets: OffsetSet, copies: Copies) -> _LookupResult:
        """Read the records that have no document, and judge them.

        Ids are looked up in real time, which also finds what was indexed since the search.
        """
        lookup = _LookupResult()
        total = len(offsets)
        messages = self._reader.read_all(self._topic, partition, offsets)
        for batch in message_batches(messages, _LOOKUP_BATCH):
            records = [Record.of(message) for message in batch]
            for record, verdict in zip(records, self._judge.judge(records, copies), strict=True):
                lookup.records += 1
                if isinstance(verdict, Outcome):
                    lookup.outcomes[verdict] += 1
                    continue
                lookup.lost.add(record.origin.offset)
                if isinstance(verdict, Refusal):
                    lookup.refused[verdict.reason] += 1
                elif copies.have(record):
                    lookup.unexcused += 1
            self._report("Looking up ids", lookup.records, total)
        return lookup
