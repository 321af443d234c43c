"""Retention: whole indices go when their period ended long enough ago; nothing else ever does.

What Kafka still holds is not deleted. Its index would come back with the next replay, or with
`verify --repair`, and until then `verify` would call its events missing. So an index waits until
Kafka has let go of its last record; late events live as long as Kafka holds them, at least.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import elasticsearch
from audit_consumer import ConsumerSettings, SetupFaultError
from audit_schemas import IndexNaming

from audit_admin.indices.inventory import Held, Inventory, take_inventory
from audit_admin.reader import Reader

__all__ = ["Keep", "Sentence", "Verdict", "delete", "judge"]

_SHOWN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Keep:
    """How long events are kept after the end of their index's period: months, or days."""

    months: int = 0
    days: int = 0

    def is_over(self, end: date, today: date) -> bool:
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
class Verdict:
    """An index, and what the policy means for it."""

    held: Held
    is_over: bool
    """It has been kept for long enough."""
    why_not: str = ""
    """Why it stays all the same."""

    @property
    def goes(self) -> bool:
        """Tell whether it is deleted."""
        return self.is_over and not self.why_not


@dataclass(frozen=True, slots=True)
class Sentence:
    """All indices with their verdicts, and those that carry the name and are not ours."""

    verdicts: Sequence[Verdict]
    foreign: Sequence[str]

    @property
    def going(self) -> Sequence[Verdict]:
        """Return what is deleted."""
        return [verdict for verdict in self.verdicts if verdict.goes]


def judge(
    client: elasticsearch.Elasticsearch,
    naming: IndexNaming,
    settings: ConsumerSettings,
    keep: Keep | None,
    today: date,
) -> Sentence:
    """Say of every index whether it goes; without a policy none does.

    Raises SetupFaultError where Kafka does not answer: then nobody knows what it still holds. Errors
    of the Elasticsearch client pass through.
    """
    _refresh(client, naming)
    inventory = take_inventory(client, naming)
    over = [one for one in inventory.held if keep is not None and keep.is_over(one.end, today)]
    kafka = _kafka_holds(settings) if over else None
    verdicts = [
        Verdict(one, one in over, _why_not(client, one, kafka) if one in over else "")
        for one in inventory.held
    ]
    return Sentence(_together(verdicts), inventory.foreign)


def delete(
    client: elasticsearch.Elasticsearch,
    naming: IndexNaming,
    going: Sequence[Verdict],
    note: Callable[[Held, str | None], None],
) -> Iterator[Held]:
    """Delete indices, and yield each that is gone.

    `note` is told first, with None, and must raise where it can't keep what it was told: then the
    index stays. Should a deletion fail, it is told why. An index that became another one since the
    verdict stays, too.
    """
    for verdict in going:
        held = verdict.held
        if held.index not in [one.index for one in _as_it_was(client, naming, held)]:
            raise SetupFaultError(f"Index {held.index} has changed meanwhile; run this again")
        note(held, None)
        try:
            client.options(request_timeout=_SHOWN_SECONDS).indices.delete(index=held.index)
        except (elasticsearch.ApiError, elasticsearch.TransportError) as error:
            note(held, type(error).__name__)
            raise
        yield held


def _as_it_was(client: elasticsearch.Elasticsearch, naming: IndexNaming, held: Held) -> Iterator[Held]:
    _refresh(client, naming)
    now: Inventory = take_inventory(client, naming)
    for one in now.held:
        uuids = (one.settings.get("index.uuid"), held.settings.get("index.uuid"))
        if one.index == held.index and uuids[0] == uuids[1] and one.documents == held.documents:
            yield one


def _refresh(client: elasticsearch.Elasticsearch, naming: IndexNaming) -> None:
    """Make visible, and so counted, what was written."""
    client.indices.refresh(index=[naming.pattern, naming.copies], allow_no_indices=True)


def _together(verdicts: Sequence[Verdict]) -> Sequence[Verdict]:
    """Let a copy that `reindex` made or kept stay as long as the index of its name stays."""
    staying = {v.held.name: v.why_not for v in verdicts if v.held.is_live and v.why_not}
    return [
        Verdict(v.held, v.is_over, v.why_not or staying.get(v.held.name, "") if v.is_over else "")
        for v in verdicts
    ]


def _why_not(
    client: elasticsearch.Elasticsearch, held: Held, kafka: Sequence[dict[str, Any]] | None
) -> str:
    if held.documents is None:
        return "is closed, so nobody can tell what it holds: open it, or delete it by hand"
    if not kafka:
        return ""
    found = client.count(
        index=held.index, query={"bool": {"should": list(kafka), "minimum_should_match": 1}}
    )
    if not found["count"]:
        return ""
    return f"Kafka still holds {found['count']:,} of its events; it goes when they have expired there"


def _kafka_holds(settings: ConsumerSettings) -> Sequence[dict[str, Any]]:
    """Return queries for the documents whose records Kafka still holds, one a partition.

    By time as well as by offset: documents of a topic of the same name that is no more are older.
    """
    topic, held = settings.topic, []
    with Reader(settings) as reader:
        for partition in reader.partitions(topic):
            low, high = reader.ends(topic, partition)
            first = next(reader.read(topic, partition, low, high), None)
            if first is None:
                continue
            since = max(first.received, datetime.fromtimestamp(0, UTC))
            terms: list[dict[str, Any]] = [
                {"term": {"audit.kafka.topic": topic}},
                {"term": {"audit.kafka.partition": partition}},
                {"range": {"audit.kafka.offset": {"gte": low}}},
                {"range": {"event.ingested": {"gte": since.isoformat()}}},
            ]
            held.append({"bool": {"filter": terms}})
    return held
