"""Kafka has lost records that are sealed: the partition waits, the others are sealed on."""

from pathlib import Path

from audit_runtime.partition_reader import Fetched
from audit_seal.events_topic import EventsTopic
from audit_seal.keys import create_keys
from audit_seal.sealer import Sealer
from audit_seal.settings import SealSettings
from audit_seal.statement import TopicStatement
from confluent_kafka import KafkaError, KafkaException
from seal.kill_trial import TOPIC, Batch, Seals, value_at


class Events(EventsTopic):
    """A topic of two partitions, each with as many records as the test says."""

    def __init__(self) -> None:
        self.ends = [10, 10]

    def describe(self) -> TopicStatement:
        """Return the topic."""
        return TOPIC

    def bounds(self, partition: int) -> tuple[int, int]:
        """Return where it begins and ends."""
        return 0, self.ends[partition]

    def fetch(self, partition: int, offset: int) -> Fetched:
        """Return what is there from an offset on."""
        end = self.ends[partition]
        if offset > end:
            raise KafkaException(KafkaError(KafkaError.OFFSET_OUT_OF_RANGE))
        batch = Batch(offset, end, end - offset, 0, 0, 0, -1, memoryview(value_at(partition, 0)))
        return Fetched(iter(()), end, end, [batch] if offset < end else [])


def test_other_partitions_are_sealed_on(tmp_path: Path) -> None:
    """The lost one is told until Kafka has its records again, such as by the leader that has them."""
    create_keys(tmp_path / "seal", "example.org/log")
    (tmp_path / "published").touch()
    events = Events()
    settings = SealSettings(seal_folder=tmp_path / "seal")
    sealer = Sealer(settings, events, Seals(tmp_path / "published"))
    sealer.catch_up()
    sealer.seal()
    assert sealer.lost == {}
    events.ends = [7, 20]
    for _ in range(2):
        sealer.read()
        sealer.seal()
    assert [10, 20] == [position.end for position in sealer.positions.values()]
    assert list(sealer.lost) == [0]
    assert "ends at offset 7, and is sealed up to 10" in sealer.lost[0]
    events.ends = [12, 20]
    sealer.read()
    sealer.seal()
    assert [12, 20] == [position.end for position in sealer.positions.values()]
    assert sealer.lost == {}
