"""The proof: published = indexed + duplicates + dead-lettered, from the servers' own data.

For each partition, records in Kafka are held against documents by `audit.kafka.*` (`documents.py`).
Offsets that no document has are looked for among the dead letters; what is left is read from
Kafka again, and its id looked up: a duplicate leaves no other trace.

What it can't see: documents carry the topic's name, not the cluster's. Where two clusters publish
under one topic name into one index, offsets that both have show as doubled, and the proof fails; but
if the other cluster's documents were at the very offsets that ours lack, and at no others, they
would pass for ours. Give topics names of their own.
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
from audit_admin.reader import Reader, batches
from audit_admin.verification.documents import Documents, Place, Sight

__all__ = ["PartitionProof", "verify"]

_LOOKED_UP = 500
_BACKLOG = 50_000
"""Of a longer one that nobody has read yet, the records are not read only to be counted."""
_SKEW = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PartitionProof:
    """What became of the records that one partition still holds."""

    partition: int
    published: int
    indexed: int
    duplicates: int
    dead_lettered: int
    unread: int
    """Not settled yet: beyond what the group has committed, and not indexed either."""
    missing: OffsetSet
    """Offsets whose records are nowhere, though the group has committed them."""
    doubled: OffsetSet
    """Offsets that more than one document names: some are of another cluster's topic."""
    refused: Counter[str]
    """Why missing records would be refused now: perhaps the catalogue is not the consumer's."""

    @property
    def holds(self) -> bool:
        """Tell whether every record that the group has committed is accounted for."""
        return not self.missing and not self.doubled


def verify(settings: ConsumerSettings, report: Report = silent) -> Iterator[PartitionProof]:
    """Hold Kafka against Elasticsearch, partition by partition.

    Raises SetupFaultError if Kafka does not answer or has no such topic, or an error of the
    Elasticsearch client.
    """
    index = EventIndex(settings, settings.request_seconds)
    try:
        with connect(settings, seconds=settings.request_seconds) as client:
            client.indices.refresh(index=f"{settings.index_prefix}-*", allow_no_indices=True)
            # Bounds of time are not looked at: what was accepted once is not refused in hindsight.
            decoder = Decoder(settings.load_catalogue(), TimeBounds.unlimited(), index.naming())
            with Reader(settings) as reader:
                yield from _Examiner(settings, reader, client, index, decoder, report).examine()
    finally:
        index.close()


@dataclass(slots=True)
class _Looked:
    """What became of records that were read again."""

    records: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    lost: OffsetSet = field(default_factory=OffsetSet)
    refused: Counter[str] = field(default_factory=Counter)


class _Examiner:
    def __init__(
        self,
        settings: ConsumerSettings,
        reader: Reader,
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

    def examine(self) -> Iterator[PartitionProof]:
        """Count all partitions at once, then go through them one by one."""
        numbers = self._reader.partitions(self._topic)
        # What is committed is asked before we look, not after.
        committed = {number: self._reader.committed(self._topic, number) for number in numbers}
        places = [Place(number, *self._reader.ends(self._topic, number)) for number in numbers]
        total = sum(place.high - place.low for place in places)
        self._report("Counting documents", 0, total)
        self._since = min(map(self._time_of, places))
        documents = Documents(self._client, self._settings.index_prefix, self._topic, self._since)
        documents.count(places)
        passed = 0
        for place in places:
            sight = documents.look(place, self._tell(passed - place.low, total))
            passed += place.high - place.low
            yield self._prove(place, sight, committed[place.partition])

    def _tell(self, before: int, total: int) -> Callable[[int], None]:
        """Return what reports how far the look at the documents has got."""
        return lambda offset: self._report("Looking for documents", before + offset, total)

    def _prove(self, place: Place, sight: Sight, committed: int) -> PartitionProof:
        unseen = sight.unseen
        unknown = unseen - self._dead_letters(place.partition) if unseen else unseen
        read, unread = unknown.split(max(committed, place.low))
        backlog = len(unread) if len(unread) > _BACKLOG else 0
        looked = self._look_up(place.partition, read if backlog else unknown)
        missing, waiting = looked.lost.split(max(committed, place.low))
        holes = len(unknown) - backlog - looked.records  # offsets that hold no record
        return PartitionProof(
            place.partition,
            published=place.high - place.low - holes,
            indexed=place.high - place.low - len(unseen) + looked.outcomes[Outcome.INDEXED],
            duplicates=looked.outcomes[Outcome.DUPLICATE],
            dead_lettered=len(unseen) - len(unknown),
            unread=backlog + len(waiting),
            missing=missing,
            doubled=sight.doubled,
            refused=looked.refused if missing else Counter(),
        )

    def _time_of(self, place: Place) -> datetime:
        """Return when Kafka took the first record that is there; the latest of times, if none."""
        records = self._reader.read(self._topic, place.partition, place.low, place.high)
        first = next(records, None)
        return first.received if first else datetime.max.replace(tzinfo=UTC)

    def _dead_letters(self, partition: int) -> OffsetSet:
        """Return which offsets have dead letters; their topic is read once, and only if need be.

        Those that are older than all records of the topic are of one that is no more.
        """
        if self._dead is None:
            topic = self._settings.dead_letter_topic
            self._dead = {}
            for number in self._reader.partitions(topic):
                low, high = self._reader.ends(topic, number)
                low = max(low, self._reader.offset_at(topic, number, self._since - _SKEW))
                for record in self._reader.read(topic, number, low, high):
                    self._report("Reading dead letters", record.origin.offset - low, high - low)
                    origin = origin_of(record.headers)
                    if origin is not None and origin.topic == self._topic:
                        self._dead.setdefault(origin.partition, OffsetSet()).add(origin.offset)
        return self._dead.get(partition, OffsetSet())

    def _look_up(self, partition: int, offsets: OffsetSet) -> _Looked:
        """Look up the ids of records that no document and no dead letter names.

        This look is in real time, so it also finds what a consumer indexed while we searched.
        """
        looked = _Looked()
        total = len(offsets)
        messages = self._reader.read_all(self._topic, partition, offsets)
        for batch in batches(messages, _LOOKED_UP):
            self._compare(map(Record.of, batch), looked)
            self._report("Looking up ids", looked.records, total)
        return looked

    def _compare(self, records: Iterable[Record], looked: _Looked) -> None:
        prepared: list[Prepared] = []
        for record in records:
            looked.records += 1
            looked.lost.add(record.origin.offset)
            match self._decoder.prepare(record, ""):
                case Prepared() as item:
                    prepared.append(item)
                case Refusal() as refusal:
                    looked.refused[refusal.reason] += 1
        stored = self._index.stored(prepared) if prepared else {}
        for item in prepared:
            outcome = compare(item, stored.get((item.index, item.document.id)))
            if isinstance(outcome, Outcome):
                looked.outcomes[outcome] += 1
                looked.lost.remove(item.record.origin.offset)
