"""A sealer that Kafka leaves in the middle of its work, or is asked for nonsense, without a server."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from audit_runtime.partition_reader import Fetched
from audit_seal import events_topic
from audit_seal.block import Kind
from audit_seal.errors import SealError
from audit_seal.events_topic import EventsTopic
from audit_seal.keys import KeyFolder, create_keys
from audit_seal.log_folder import LogReader
from audit_seal.note import Note
from audit_seal.requests import Requests
from audit_seal.retirement import retirements
from audit_seal.sealer import Sealer
from audit_seal.settings import SealSettings
from audit_seal.statement import (
    OffsetRange,
    Place,
    RetiredStatement,
    TopicStatement,
    decode_entry,
    encode_statement,
)
from audit_seal.tally import Tally
from audit_seal.tiles import MAX_ENTRY_BYTES
from audit_seal.verify import read_sound_log
from audit_seal.witness_server import WitnessServer
from audit_seal.witness_state import WitnessState, create_witness
from confluent_kafka import KafkaError, KafkaException
from support.sealing import SealedLogMaker

AWAY = KafkaException(KafkaError(KafkaError.REQUEST_TIMED_OUT))


class Events:
    """A topic whose offsets have no records, and whose broker is away for some calls of `bounds`."""

    def __init__(self, partitions: int = 1) -> None:
        self.topic_id = "id-1"
        self.partitions = partitions
        self.failures = 0
        self.ends: dict[int, int] = {}

    def describe(self) -> TopicStatement:
        """Return what it is."""
        return TopicStatement("audit.events", self.topic_id, self.partitions, "delete")

    def bounds(self, partition: int) -> tuple[int, int]:
        """Return where a partition begins and ends."""
        if self.failures:
            self.failures -= 1
            raise AWAY
        return 0, self.ends.get(partition, 0)

    def fetch(self, partition: int, offset: int) -> Fetched:
        """Return that there are no more records."""
        end = self.ends.get(partition, 0)
        if offset > end:
            raise KafkaException(KafkaError(KafkaError.OFFSET_OUT_OF_RANGE))
        return Fetched(iter(()), end, end)


class Admin:
    """An admin client that answers with an error, or not at all."""

    def __init__(self, error: KafkaException | None) -> None:
        self.error = error

    def describe_topics(self, _: Any) -> dict[str, Future[None]]:
        """Answer."""
        future: Future[None] = Future()
        if self.error is not None:
            future.set_exception(self.error)
        return {"audit.events": future}


class Seals:
    """A topic of checkpoints that refuses some of them."""

    def __init__(self) -> None:
        self.refusals = 0
        self.published: list[Note] = []

    def compare(self, *_: Any) -> int:
        """Return that nothing new is published."""
        return 0

    def publish(self, note: Note) -> None:
        """Take a checkpoint, or don't."""
        if self.refusals:
            self.refusals -= 1
            raise KafkaException(KafkaError(KafkaError.NOT_ENOUGH_REPLICAS))
        self.published.append(note)


def made(folder: Path, events: Events, seals: Seals) -> Sealer:
    """Return a sealer of a new log."""
    fakes: Any = (events, seals)
    return Sealer(SealSettings(seal_folder=folder), *fakes)


@contextmanager
def witnessed(folder: Path, witness: Path) -> Iterator[None]:
    """Run a witness of the log in a folder, whose policy names it."""
    log_key = KeyFolder(folder).log_key().verifier
    key = create_witness(witness, "auditor.example/witness", (log_key,))
    with WitnessState.open(witness) as state, WitnessServer("127.0.0.1", 0, state) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        address = f"http://127.0.0.1:{server.server_port}"
        (folder / "policy").write_text(
            f"log {log_key}\nwitness auditor {key} {address}\nquorum auditor\n"
        )
        try:
            yield
        finally:
            server.shutdown()


def test_checkpoint_that_is_published_late_has_each_signature_once(tmp_path: Path) -> None:
    """However often Kafka refuses it: a note with a hundred signatures could not be read again."""
    create_keys(tmp_path / "seal", "test.example/cluster")
    seals = Seals()
    with witnessed(tmp_path / "seal", tmp_path / "witness"):
        sealer = made(tmp_path / "seal", Events(), seals)
        seals.refusals = 5
        for _ in range(5):
            with pytest.raises(KafkaException):
                sealer.seal()
        sealer.seal()
        assert sealer.cosigned == {"auditor.example/witness": True}
    kept = LogReader(tmp_path / "seal").checkpoint()
    assert kept is not None
    for note in (*seals.published, kept):
        names = [signature.name.rpartition("/")[2] for signature in note.signatures]
        assert names == ["cluster", "period-1", "witness"]


@pytest.mark.parametrize("before", [0, 1], ids=["at the start", "when partitions are added"])
def test_partitions_are_sealed_though_kafka_was_away_when_they_were_found(
    tmp_path: Path, before: int
) -> None:
    """All of them, and not only those that had been asked for until then."""
    create_keys(tmp_path, "test.example/cluster")
    events = Events(before)
    sealer = made(tmp_path, events, Seals())
    if before:
        sealer.seal()
    events.partitions = 3
    events.failures = 1
    with pytest.raises(KafkaException):
        sealer.seal()
    sealer.seal()
    assert list(sealer.positions) == [0, 1, 2]


def test_topic_made_anew_with_fewer_partitions_has_lost_nothing(tmp_path: Path) -> None:
    """That is what operators are told to do where Kafka has lost records; the alert ends then."""
    create_keys(tmp_path, "test.example/cluster")
    events = Events(2)
    sealer = made(tmp_path, events, Seals())
    for events.ends[1] in (5, 2):
        sealer.read()
        sealer.seal()
    assert list(sealer.lost) == [1]
    events.topic_id, events.partitions = "id-2", 1
    sealer.seal()
    assert sealer.lost == {}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (KafkaError._TRANSPORT, KafkaException),  # noqa: SLF001 - its only name
        (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaException),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, SealError),
        (None, KafkaException),
    ],
)
def test_kafka_that_goes_away_while_the_topic_is_described_is_waited_for(
    code: int | None, expected: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what it refuses ends the sealer."""
    monkeypatch.setattr(events_topic, "visible_partitions", lambda *_, **__: [0])
    monkeypatch.setattr(events_topic, "_SECONDS", 0.01)
    settings = SealSettings(kafka_bootstrap_servers="127.0.0.1:1")
    is_retriable = code == KafkaError.NOT_LEADER_FOR_PARTITION
    error = None if code is None else KafkaException(KafkaError(code, retriable=is_retriable))
    with closing(EventsTopic(settings)) as events:
        monkeypatch.setattr(events, "_admin", Admin(error))
        with pytest.raises(expected):
            events.describe()


def request(*parts: bytes) -> bytes:
    """Return a file of requests, of entries and salts in turn."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


RANGES = tuple(OffsetRange(Place("audit.events", "id-1", 0), n, n + 1) for n in range(2000))
NONSENSE = {
    "empty part": request(b"", b""),
    "cut off": request(b"entry")[:-1],
    "without salts": request(encode_statement(RetiredStatement("audit-events-2026.01", ()))),
    "too long": request(encode_statement(RetiredStatement("audit-events-2026.01", RANGES)), b""),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_request_that_can_not_be_met_is_put_aside(tmp_path: Path, what: str) -> None:
    """It stops no sealer, now or at its next start; what waits behind it is taken in."""
    create_keys(tmp_path, "test.example/cluster")
    retired = RetiredStatement("audit-events-2026.01", RANGES[:1])
    Requests(tmp_path).write([(encode_statement(retired), b"")])
    (tmp_path / "requests" / "0-nonsense").write_bytes(NONSENSE[what])
    made(tmp_path, Events(), Seals()).seal()
    assert [path.name for path in (tmp_path / "requests").iterdir()] == ["0-nonsense.refused"]
    assert retired in [decode_entry(each.entry) for each in LogReader(tmp_path).entries(0, 5)]


def test_request_that_can_not_be_read_stops_no_sealer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that another account has made; nor a folder of another account's."""
    create_keys(tmp_path, "test.example/cluster")
    (tmp_path / "requests" / "0-of-another").mkdir(parents=True)  # which nobody can read
    seals = Seals()
    sealer = made(tmp_path, Events(), seals)
    sealer.seal()

    def refuse(_: Requests) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Requests, "waiting", refuse)
    sealer.seal()
    assert len(seals.published) == 2


def test_index_in_many_ranges_is_retired_by_statements_that_fit_an_entry(tmp_path: Path) -> None:
    """Also of a topic of 249 characters, which is as long as Kafka has them."""
    maker, place = SealedLogMaker(tmp_path), Place("t" * 249, "i" * 22, 0)
    for first in (0, 256):
        maker.seal(place, 10**18 + first, [(Kind.RECORD, 1, b"value")] * 256)
    maker.checkpoint()
    log = read_sound_log(tmp_path, lambda *_: None).log
    every_other = sum(1 << bit for bit in range(0, 256, 2))
    blocks = log.partitions[place].blocks
    tally = Tally(proven={block.entry: every_other for block in blocks})
    found = list(retirements("audit-events-2026.01", log, tally))
    assert sum(len(each.ranges) for each in found) == 256
    assert max(len(encode_statement(each)) for each in found) <= MAX_ENTRY_BYTES
