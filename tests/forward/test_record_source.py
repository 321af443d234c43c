"""Records of a real topic, looked up several batches at a time, and each by one search."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from audit_admin.topic_reader import TopicReader
from audit_forward import ForwardError, ForwardSettings, load_stream
from audit_forward.event_lookup import EventLookup
from audit_forward.item import Item
from audit_forward.record_source import RecordSource
from audit_forward.state import StreamState
from audit_runtime.partition_reader import Fetched, PartitionReader
from audit_runtime.record_values import StoredValue
from support.consumed import consume_all
from support.events import chats
from support.servers import Deployment

BATCH = 1000
RECORDS = 6 * BATCH
LOOKUPS = 4


class AllWanted:
    """A topic of which a stream wants everything. The first lookups wait for each other."""

    def __init__(self, deployment: Deployment) -> None:
        settings = deployment.consumer
        self.name = settings.topic
        with TopicReader(settings) as reader:
            numbers = reader.partitions(self.name)
            self._bounds = {number: reader.bounds(self.name, number) for number in numbers}
        self._together = threading.Barrier(LOOKUPS)
        self._lock = threading.Lock()
        self._begun = 0
        self._running = 0
        self.most = 0
        self.fails = False

    def ends(self) -> Mapping[int, int]:
        """Return the ends of the partitions."""
        return {number: end for number, (_, end) in self._bounds.items()}

    def bounds(self, partition: int) -> tuple[int, int]:
        """Return both ends."""
        return self._bounds[partition]

    def items(self, partition: int, records: Sequence[StoredValue]) -> list[Item]:
        """Return all."""
        with self._lock:
            self._begun += 1
            self._running += 1
            self.most = max(self.most, self._running)
            is_early = self._begun <= LOOKUPS
            is_third = self._begun == LOOKUPS - 1
        if is_early:
            self._together.wait(60)
        with self._lock:
            self._running -= 1
        if self.fails and is_third:
            raise ForwardError("could not search everything")
        return [Item(str(offset), b"", partition=partition, offset=offset) for offset, *_ in records]

    def lost(self, partition: int, first: int, end: int) -> Iterator[Item]:
        """Yield nothing: nothing is."""
        raise AssertionError((partition, first, end))

    def close(self) -> None:
        """Do nothing."""


def read_all(source: RecordSource, places: dict[int, int]) -> None:
    """Read to the end; `places` has how far each partition was read, one record after the other."""
    while not (batch := source.read()).is_empty:
        for item in batch.items:
            assert item.offset == places.get(item.partition, 0)
            places[item.partition] = item.offset + 1
        for number, end in batch.ends.items():
            assert end == places[number]


def test_lookups_are_under_way_together_and_keep_the_order(deployment: Deployment) -> None:
    """Four at once, never more; an error comes in its turn, and what is read again has no gap."""
    deployment.publish_raw(*[b"{}"] * RECORDS)
    topic = AllWanted(deployment)
    places: dict[int, int] = {}
    with closing(RecordSource(deployment.consumer, topic, "earliest")) as source:
        topic.fails = True
        state = source.begin(StreamState("stream", "s"))
        with pytest.raises(ForwardError):
            read_all(source, places)
        topic.fails = False
        positions = {number: (0, places.get(number, 0)) for number in state.positions}
        source.begin(replace(state, positions=positions))
        read_all(source, places)
    assert places == {number: end for number, end in topic.ends().items() if end}
    assert sum(places.values()) == RECORDS
    assert topic.most == LOOKUPS


class Elsewhere:
    """A topic of which Kafka has the records from 40 to 100."""

    name = "audit.events"

    def ends(self) -> Mapping[int, int]:
        """Return the ends of the partitions."""
        return {0: 100, 1: 100}

    def bounds(self, _: int) -> tuple[int, int]:
        """Return both ends."""
        return 40, 100

    def items(self, _: int, __: Sequence[StoredValue]) -> list[Item]:
        """Return nothing."""
        return []

    def lost(self, _: int, __: int, ___: int) -> Iterator[Item]:
        """Yield nothing."""
        return iter(())

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("start", ["latest", "earliest"])
def test_offsets_of_another_topic_are_not_gone_on_at(start: str) -> None:
    """They would pass over what this one has before them."""
    at_80 = StreamState("stream", "s", topic="audit.events", positions={0: (10, 80)})
    with closing(RecordSource(ForwardSettings(), Elsewhere(), start)) as source:
        assert source.begin(at_80).positions == {0: (10, 80), 1: (40, 40)}
        moved = source.begin(replace(at_80, topic="audit.alerts"))
    assert moved.positions == {0: (40, 40), 1: (40, 40)}
    assert moved.topic == "audit.events"


class Smaller(Elsewhere):
    """A topic that ends at 100, of which the consumers have judged half."""

    def ends(self) -> Mapping[int, int]:
        """Return how far the consumers are."""
        return {0: 70}


def test_topic_that_was_created_again_is_read_from_its_first_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else what it has up to the former position is never sent; consumers that go back are no sign."""
    nothing = Fetched(iter(()), 70, 100)
    monkeypatch.setattr(PartitionReader, "fetch", lambda *_, **__: nothing)
    for at, ends in ((101, {0: 40}), (5000, {0: 40}), (100, {}), (71, {}), (70, {})):
        with closing(RecordSource(ForwardSettings(), Smaller(), "latest")) as source:
            source.begin(StreamState("stream", "s", topic="audit.events", positions={0: (10, at)}))
            assert source.read().ends == ends, at


def test_whole_batch_is_one_search(deployment: Deployment, tmp_path: Path) -> None:
    """Elasticsearch is not asked again for what can't be there."""
    values = chats(BATCH)
    deployment.publish_raw(*values.values(), key=b"one partition")
    consume_all(deployment)
    found = [each["audit"]["kafka"] | each["event"] for each in deployment.documents()]
    ids = {each["offset"]: each["id"] for each in found}
    file = tmp_path / "s.toml"
    file.write_text('to = {type = "files", folder = "nowhere"}\n')
    settings = ForwardSettings(
        elasticsearch_url=deployment.servers.elasticsearch,
        topic=deployment.consumer.topic,
        index_prefix=deployment.name,
    )
    before, indices = searches(deployment)
    with closing(EventLookup(settings, load_stream(file))) as lookup:
        hits = list(lookup.by_id(found[0]["partition"], ids))
    assert [hit.id for hit in hits] == [ids[offset] for offset in sorted(ids)]
    assert len(hits) == BATCH
    assert searches(deployment)[0] - before <= indices


def searches(deployment: Deployment) -> tuple[int, int]:
    """Return how many searches the indices have had, and how many indices there are."""
    with deployment.client() as client:
        stats = client.indices.stats(index=f"{deployment.name}-*", metric="search")
        return stats["_all"]["primaries"]["search"]["query_total"], len(stats["indices"])
