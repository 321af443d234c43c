"""The proof: published = indexed + duplicates + dead-lettered, from the servers' own data.

For each partition, records in Kafka are held against documents by `audit.kafka.*`. Offsets that no
document has are looked for among the dead letters; what is left is read from Kafka again, and
its id looked up: a duplicate leaves no other trace.
"""

import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import elasticsearch
from audit_schemas import Origin, TimeBounds
from confluent_kafka import Consumer, KafkaException, TopicPartition

from audit_consumer.bulk import compare
from audit_consumer.dead_letters import origin_of
from audit_consumer.decode import Decoder
from audit_consumer.elastic import EventIndex
from audit_consumer.errors import SetupFaultError
from audit_consumer.offsets import committed_offsets, ends_of, partitions_of
from audit_consumer.record import Outcome, Prepared, Record
from audit_consumer.settings import ConsumerSettings

__all__ = ["PartitionProof", "ranges_of", "verify"]

_SLICE = 5_000
"""Offsets looked at together; below Elasticsearch's window of 10,000 hits."""
_LOOKED_UP = 500
_STEP = 1_000_000
"""Offsets of one partition that are settled before the next are looked at."""
_STALLED_SECONDS = 60.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COUNTED = ("published", "indexed", "duplicates", "dead_lettered", "unread")


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
    missing: tuple[int, ...]
    """Offsets whose records are nowhere, though the group has committed them."""

    @property
    def holds(self) -> bool:
        """Tell whether every record that the group has committed is accounted for."""
        return not self.missing


def verify(settings: ConsumerSettings) -> Iterator[PartitionProof]:
    """Hold Kafka against Elasticsearch, partition by partition.

    Raises SetupFaultError if Kafka does not answer or has no such topic, or an error of the
    Elasticsearch client.
    """
    # A fetch that waits for more records holds back what is asked of the same broker meanwhile.
    # The group's name is for its offsets; assigning by hand takes no part in it.
    consumer = Consumer(settings.consumer_config() | {"fetch.wait.max.ms": 10})
    index = EventIndex(settings, settings.request_seconds)
    try:
        with elasticsearch.Elasticsearch(
            **settings.elasticsearch_options(), request_timeout=settings.request_seconds
        ) as client:
            client.indices.refresh(index=f"{settings.index_prefix}-*", allow_no_indices=True)
            examiner = _Examiner(settings, consumer, client, index)
            for partition in _partitions(consumer, settings.topic):
                yield examiner.examine(partition)
    except KafkaException as error:
        raise SetupFaultError(
            f"Kafka at {settings.kafka_bootstrap_servers} does not answer: {error.args[0].str()}"
        ) from error
    finally:
        consumer.close()
        index.close()


def ranges_of(offsets: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield runs of consecutive offsets, as first and last."""
    first = last = None
    for offset in sorted(offsets):
        if first is None or last is None:
            first = last = offset
        elif offset == last + 1:
            last = offset
        else:
            yield first, last
            first = last = offset
    if first is not None and last is not None:
        yield first, last


class _Examiner:
    def __init__(
        self,
        settings: ConsumerSettings,
        consumer: Consumer,
        client: elasticsearch.Elasticsearch,
        index: EventIndex,
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._client = client
        self._index = index
        # Bounds of time are not looked at: what was accepted once is not refused in hindsight.
        self._decoder = Decoder(settings.load_catalogue(), TimeBounds.unlimited(), index.naming())
        self._dead: set[Origin] | None = None

    def examine(self, partition: int) -> PartitionProof:
        """Go through a partition in steps, so that memory and requests stay bounded."""
        place = TopicPartition(self._settings.topic, partition)
        read_to = committed_offsets(self._consumer, [place])[0].offset  # before we look, not after
        low, high = ends_of(self._consumer, place)
        since = self._time_of(partition, low, high)
        steps = [
            self._examine(partition, first, min(high, first + _STEP), read_to, since)
            for first in range(low, high, _STEP)
        ]
        counts = {name: sum(getattr(step, name) for step in steps) for name in _COUNTED}
        missing = tuple(offset for step in steps for offset in step.missing)
        return PartitionProof(partition, **counts, missing=missing)

    def _examine(
        self, partition: int, low: int, high: int, read_to: int, since: datetime
    ) -> PartitionProof:
        topic = self._settings.topic
        unseen = self._not_indexed(partition, low, high, since)
        dead = {o for o in unseen if Origin(topic, partition, o) in self._dead_letters(unseen)}
        unknown = [offset for offset in unseen if offset not in dead]
        reread = self._reread(partition, unknown)
        outcomes = Counter(outcome for _, outcome in reread)
        lost = [offset for offset, outcome in reread if outcome is None]
        missing = tuple(offset for offset in lost if offset < read_to)
        return PartitionProof(
            partition,
            published=high - low - (len(unknown) - len(reread)),  # some offsets hold no record
            indexed=high - low - len(unseen) + outcomes[Outcome.INDEXED],
            duplicates=outcomes[Outcome.DUPLICATE],
            dead_lettered=len(dead),
            unread=len(lost) - len(missing),
            missing=missing,
        )

    def _time_of(self, partition: int, low: int, high: int) -> datetime:
        """Return when Kafka took the first record that is there.

        Older documents are of a topic of the same name that is no more: they prove nothing.
        """
        records = self._read(self._settings.topic, partition, low, high)
        first = next(records, None)
        records.close()
        return first.received if first else datetime.min.replace(tzinfo=UTC)

    def _not_indexed(self, partition: int, low: int, high: int, since: datetime) -> list[int]:
        """Return the offsets that no document has, looking closely only where some are missing."""
        where = self._written(partition, low, high, since)
        slices = {"histogram": {"field": "audit.kafka.offset", "interval": _SLICE}}
        found = self._search(query=where, size=0, track_total_hits=True, aggs={"slices": slices})
        if found["hits"]["total"]["value"] == high - low:
            return []
        counts = {
            int(b["key"]): b["doc_count"]
            for b in found.get("aggregations", {}).get("slices", {}).get("buckets", [])
        }
        unseen: list[int] = []
        for key in range(low - low % _SLICE, high, _SLICE):
            first, end = max(low, key), min(high, key + _SLICE)
            if counts.get(key, 0) == 0:
                unseen += range(first, end)
            elif counts[key] != end - first:
                seen = self._offsets(partition, first, end, since)
                unseen += (offset for offset in range(first, end) if offset not in seen)
        return unseen

    def _offsets(self, partition: int, first: int, end: int, since: datetime) -> set[int]:
        found = self._search(
            query=self._written(partition, first, end, since),
            size=_SLICE,
            source=False,
            docvalue_fields=["audit.kafka.offset"],
        )
        return {int(hit["fields"]["audit.kafka.offset"][0]) for hit in found["hits"]["hits"]}

    def _written(self, partition: int, first: int, end: int, since: datetime) -> dict[str, Any]:
        return {
            "bool": {
                "filter": [
                    {"term": {"audit.kafka.topic": self._settings.topic}},
                    {"term": {"audit.kafka.partition": partition}},
                    {"range": {"audit.kafka.offset": {"gte": first, "lt": end}}},
                    {"range": {"event.ingested": {"gte": max(since, _EPOCH).isoformat()}}},
                ]
            }
        }

    def _search(self, **body: Any) -> dict[str, Any]:
        found = self._client.search(
            index=f"{self._settings.index_prefix}-*", allow_no_indices=True, **body
        )
        return dict(found.body)

    def _dead_letters(self, unseen: Sequence[int]) -> set[Origin]:
        """Return where dead letters stood; their topic is read once, and only if need be."""
        if self._dead is None and unseen:
            topic = self._settings.dead_letter_topic
            self._dead = set()
            for partition in _partitions(self._consumer, topic):
                ends = ends_of(self._consumer, TopicPartition(topic, partition))
                for record in self._read(topic, partition, *ends):
                    if (origin := origin_of(record.headers)) is not None:
                        self._dead.add(origin)
        return self._dead or set()

    def _reread(self, partition: int, offsets: Sequence[int]) -> list[tuple[int, Outcome | None]]:
        """Look up the ids of records that no document and no dead letter names."""
        found: list[tuple[int, Outcome | None]] = []
        for first, last in ranges_of(offsets):
            pending: list[Record] = []
            for record in self._read(self._settings.topic, partition, first, last + 1):
                pending.append(record)
                if len(pending) == _LOOKED_UP:
                    found += self._look_up(pending)
                    pending = []
            found += self._look_up(pending)
        return found

    def _look_up(self, records: Sequence[Record]) -> list[tuple[int, Outcome | None]]:
        """Say for each record what is stored under its id; None: not this event.

        This look is in real time, so it also finds what a consumer indexed while we searched.
        """
        prepared = [
            item
            for record in records
            if isinstance(item := self._decoder.prepare(record, ""), Prepared)
        ]
        stored = self._index.stored(prepared) if prepared else {}
        outcomes = {
            item.record.origin.offset: compare(item, stored.get((item.index, item.document.id)))
            for item in prepared
        }
        return [
            (offset, outcome if isinstance(outcome, Outcome) else None)
            for offset in (record.origin.offset for record in records)
            for outcome in [outcomes.get(offset)]
        ]

    def _read(self, topic: str, partition: int, first: int, end: int) -> Generator[Record, None, None]:
        """Read records from `first` up to but without `end`. Raises SetupFaultError if it stalls."""
        point = TopicPartition(topic, partition, first)
        self._consumer.assign([point])
        moved = time.monotonic()
        try:
            while first < end:
                before = first
                for message in self._consumer.consume(min(_SLICE, end - first), timeout=1.0):
                    if (error := message.error()) is not None:
                        raise KafkaException(error)
                    record = Record.of(message)
                    first = record.origin.offset + 1
                    if record.origin.offset < end:
                        yield record
                first = max(first, self._consumer.position([point])[0].offset)
                if first != before:
                    moved = time.monotonic()
                elif time.monotonic() - moved > _STALLED_SECONDS:
                    raise SetupFaultError(
                        f"Kafka gives no record of {topic} [{partition}] from offset {first} on. "
                        "Has the partition a leader? See: auditlog doctor"
                    )
        finally:
            self._consumer.unassign()


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    found = [p.partition for p in partitions_of(consumer, topic)]
    if not found:
        raise SetupFaultError(f"Topic {topic} can't be read. See what is wrong with: auditlog doctor")
    return found
