"""Reconciliation: published = indexed + duplicates + dead-lettered, from the servers' own data.

For each partition, records in Kafka are compared with documents by `audit.kafka.*` (`documents.py`).
Offsets without a document are lookup up among the dead letters. What is left is read from Kafka again,
and its ids are looked up: a duplicate leaves no other trace.

Limitation: documents carry the topic's name, not the cluster's. If two clusters publish to topics of
the same name and into the same index, offsets that both have are reported as conflicting, and
verification fails. But if the other cluster's documents were at exactly the offsets that ours lack,
they would be taken for ours. Give topics distinct names.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import elasticsearch
from audit_consumer import (
    ConsumerSettings,
    Decoder,
    EventIndex,
    Outcome,
    Prepared,
    Record,
    Refusal,
    compare,
)
from audit_runtime.elastic import connect
from audit_runtime.terminal import Report, silent
from audit_schemas import TimeBounds, origin_of

from audit_admin.offset_set import OffsetSet
from audit_admin.topic_reader import TopicReader, batches
from audit_admin.verification.documents import Documents, IndexCoverage, OffsetRange

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
            # Without time bounds: what was accepted once is not refused in hindsight.
            decoder = Decoder(settings.load_catalogue(), TimeBounds.unlimited(), index.naming())
            with TopicReader(settings) as reader:
                yield from _Reconciler(settings, reader, client, index, decoder, report).reconcile()
    finally:
        index.close()


@dataclass(slots=True)
class _LookupResult:
    """What became of records that were read again."""

    records: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    lost: OffsetSet = field(default_factory=OffsetSet)
    refused: Counter[str] = field(default_factory=Counter)


class _Reconciler:
    def __init__(
        self,
        settings: ConsumerSettings,
        reader: TopicReader,
        client: elasticsearch.Elasticsearch,
        index: EventIndex,
        decoder: Decoder,
        report: Report,
    ) -> None:
        self._settings = settings
        self._topic = settings.topic
        self._reader = reader
        self._client = client
        self._index = index
        self._decoder = decoder
        self._report = report
        self._since = datetime.max.replace(tzinfo=UTC)
        self._dead: dict[int, OffsetSet] | None = None

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
        unknown = absent - self._dead_letters(span.partition) if absent else absent
        consumed, unread = unknown.split(max(committed, span.low))
        backlog = len(unread) if len(unread) > _MAX_BACKLOG else 0
        lookup = self._look_up(span.partition, consumed if backlog else unknown)
        missing, waiting = lookup.lost.split(max(committed, span.low))
        gaps = len(unknown) - backlog - lookup.records  # offsets without a record
        return PartitionReconciliation(
            span.partition,
            published=span.high - span.low - gaps,
            indexed=span.high - span.low - len(absent) + lookup.outcomes[Outcome.INDEXED],
            duplicates=lookup.outcomes[Outcome.DUPLICATE],
            dead_lettered=len(absent) - len(unknown),
            unread=backlog + len(waiting),
            missing=missing,
            conflicting=coverage.conflicting,
            refused=lookup.refused if missing else Counter(),
        )

    def _first_received(self, span: OffsetRange) -> datetime:
        """Return when Kafka received the first record that it still has; the latest time if none."""
        records = self._reader.read(self._topic, span.partition, span.low, span.high)
        first = next(records, None)
        return first.received if first else datetime.max.replace(tzinfo=UTC)

    def _dead_letters(self, partition: int) -> OffsetSet:
        """Return which offsets have dead letters; their topic is read once, and only if needed.

        Dead letters older than all records of the topic belong to a deleted topic of the same name.
        """
        if self._dead is None:
            topic = self._settings.dead_letter_topic
            self._dead = {}
            for number in self._reader.partitions(topic):
                low, high = self._reader.bounds(topic, number)
                low = max(low, self._reader.offset_at(topic, number, self._since - _SKEW))
                for record in self._reader.read(topic, number, low, high):
                    self._report("Reading dead letters", record.origin.offset - low, high - low)
                    origin = origin_of(record.headers)
                    if origin is not None and origin.topic == self._topic:
                        self._dead.setdefault(origin.partition, OffsetSet()).add(origin.offset)
        return self._dead.get(partition, OffsetSet())

    def _look_up(self, partition: int, offsets: OffsetSet) -> _LookupResult:
        """Look up the ids of records that have no document and no dead letter.

        The lookup is real-time, so it also finds what a consumer has indexed since the search.
        """
        lookup = _LookupResult()
        total = len(offsets)
        messages = self._reader.read_all(self._topic, partition, offsets)
        for batch in batches(messages, _LOOKUP_BATCH):
            self._compare(map(Record.of, batch), lookup)
            self._report("Looking up ids", lookup.records, total)
        return lookup

    def _compare(self, records: Iterable[Record], lookup: _LookupResult) -> None:
        prepared: list[Prepared] = []
        for record in records:
            lookup.records += 1
            lookup.lost.add(record.origin.offset)
            match self._decoder.prepare(record, ""):
                case Prepared() as item:
                    prepared.append(item)
                case Refusal() as refusal:
                    lookup.refused[refusal.reason] += 1
        stored = self._index.stored(prepared) if prepared else {}
        for item in prepared:
            outcome = compare(item, stored.get((item.index, item.document.id)))
            if isinstance(outcome, Outcome):
                lookup.outcomes[outcome] += 1
                lookup.lost.remove(item.record.origin.offset)
