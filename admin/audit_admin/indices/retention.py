"""Retention: whole indices are deleted when their period ended long enough ago; nothing else ever is.

What Kafka still holds is not deleted. Its index would come back with the next replay, or with
`verify --repair`, and until then `verify` would report its events as missing. So an index stays until
its last record has expired in Kafka, and late events live at least as long as Kafka keeps them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import elasticsearch
from audit_consumer import ConsumerSettings, SetupFaultError
from audit_query import any_of, from_partition
from audit_schemas import IndexNaming

from audit_admin.indices.inventory import IndexInfo, take_inventory
from audit_admin.topic_reader import TopicReader

__all__ = ["Decision", "RetentionPlan", "RetentionPolicy", "delete", "evaluate"]

_DELETE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long events are kept after the end of their index's period: months, or days."""

    months: int = 0
    days: int = 0

    def is_expired(self, end: date, today: date) -> bool:
        """Tell whether a period that ended before `end` has been kept for long enough."""
        month = end.year * 12 + end.month - 1 + self.months
        if month // 12 > date.max.year:
            return False
        first = date(month // 12, month % 12 + 1, 1)
        try:
            return first + timedelta(days=end.day - 1 + self.days) <= today
        except OverflowError:
            return False

    def __str__(self) -> str:
        return f"--keep-months {self.months}" if self.months else f"--keep-days {self.days}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy means for one index."""

    info: IndexInfo
    is_expired: bool
    """It has been kept for long enough."""
    kept_because: str = ""
    """Why it is kept although it has expired."""

    @property
    def is_deletion(self) -> bool:
        """Tell whether the index is to be deleted."""
        return self.is_expired and not self.kept_because


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """A decision about each of our indices, and the indices that match the prefix but are not ours."""

    decisions: Sequence[Decision]
    foreign: Sequence[str]

    @property
    def deletions(self) -> Sequence[Decision]:
        """Return the decisions to delete."""
        return [decision for decision in self.decisions if decision.is_deletion]


def evaluate(
    client: elasticsearch.Elasticsearch,
    naming: IndexNaming,
    settings: ConsumerSettings,
    policy: RetentionPolicy | None,
    today: date,
    sealed: Callable[[IndexInfo], str] = lambda _: "",
) -> RetentionPlan:
    """Decide about every index; without a policy nothing is deleted.

    `sealed` returns why the sealed log forbids that an index is deleted; nothing if it does not.
    Raises SetupFaultError if Kafka does not answer, since then nobody knows what it still holds, and
    the errors of the Elasticsearch client.
    """
    _refresh(client, naming)
    inventory = take_inventory(client, naming)
    expired = [
        info for info in inventory.indices if policy is not None and policy.is_expired(info.end, today)
    ]
    in_kafka = _still_in_kafka(settings) if expired else None

    def decide(info: IndexInfo) -> Decision:
        if info not in expired:
            return Decision(info, is_expired=False)
        why = _kept_because(client, info, in_kafka) or sealed(info)
        return Decision(info, is_expired=True, kept_because=why)

    return RetentionPlan(_keep_copies(list(map(decide, inventory.indices))), inventory.foreign)


def delete(
    client: elasticsearch.Elasticsearch,
    naming: IndexNaming,
    deletions: Sequence[Decision],
    record: Callable[[IndexInfo, str | None], None],
) -> Iterator[IndexInfo]:
    """Delete indices, and yield each one that is gone.

    `record` is called before each deletion, with None. If it raises, the index stays: none is
    deleted without a trace. If the deletion fails, it is called again with the reason. An index
    that has changed since the decision stays, too.
    """
    for decision in deletions:
        info = decision.info
        if not _is_unchanged(client, naming, info):
            raise SetupFaultError(f"Index {info.index} has changed in the meantime; run this again")
        record(info, None)
        try:
            client.options(request_timeout=_DELETE_SECONDS).indices.delete(index=info.index)
        except (elasticsearch.ApiError, elasticsearch.TransportError) as error:
            record(info, type(error).__name__)
            raise
        yield info


def _is_unchanged(client: elasticsearch.Elasticsearch, naming: IndexNaming, before: IndexInfo) -> bool:
    """Tell whether an index is still the same one, with as many documents."""
    _refresh(client, naming)
    return any(
        now.index == before.index
        and now.settings.get("index.uuid") == before.settings.get("index.uuid")
        and now.documents == before.documents
        for now in take_inventory(client, naming).indices
    )


def _refresh(client: elasticsearch.Elasticsearch, naming: IndexNaming) -> None:
    """Make recent writes searchable, so that they are counted."""
    client.indices.refresh(index=[naming.pattern, naming.copies], allow_no_indices=True)


def _keep_copies(decisions: Sequence[Decision]) -> Sequence[Decision]:
    """Keep the copies that `reindex` made or kept for as long as the live index of their name."""
    kept = {d.info.name: d.kept_because for d in decisions if d.info.is_live and d.kept_because}
    return [
        Decision(
            d.info, d.is_expired, d.kept_because or kept.get(d.info.name, "") if d.is_expired else ""
        )
        for d in decisions
    ]


def _kept_because(
    client: elasticsearch.Elasticsearch, info: IndexInfo, in_kafka: Sequence[dict[str, Any]] | None
) -> str:
    if info.documents is None:
        return "it is closed, so its contents are unknown: open it, or delete it by hand"
    if not in_kafka:
        return ""
    answer = client.count(index=info.index, query=any_of(in_kafka))
    count, shards = answer["count"], answer["_shards"]
    if shards["successful"] < shards["total"]:
        return "not all of its shards answer, so its contents are unknown: fix it, or delete it by hand"
    if not count:
        return ""
    return f"Kafka still holds {count:,} of its events; it can be deleted once they have expired there"


def _still_in_kafka(settings: ConsumerSettings) -> Sequence[dict[str, Any]]:
    """Return a query for each partition: the documents whose records Kafka still holds.

    By time as well as by offset, since documents of a deleted topic of the same name are older.
    """
    topic, queries = settings.topic, []
    with TopicReader(settings) as reader:
        for partition in reader.partitions(topic):
            low, high = reader.bounds(topic, partition)
            first = next(reader.read(topic, partition, low, high), None)
            if first is None:
                continue
            since = max(first.received, datetime.fromtimestamp(0, UTC))
            terms = [
                from_partition(topic, partition, (low, None)),
                {"range": {"event.ingested": {"gte": since.isoformat()}}},
            ]
            queries.append({"bool": {"filter": terms}})
    return queries
