"""The sealer on a real Kafka: what it seals, and what it refuses."""

import json
import threading
from pathlib import Path
from shutil import copytree

import pytest
from audit_admin import set_up
from audit_local.ports import free_port
from audit_runtime import MAX_RECORD_BYTES
from audit_runtime.kafka import partitions_of, visible_partitions
from audit_seal.block import EMPTY_SLOT, Block, Kind, slot_of
from audit_seal.errors import HistoryError, SealError, SignatureError
from audit_seal.lock import locked
from audit_seal.log_folder import LogReader
from audit_seal.policy import Policy
from audit_seal.service import initialize
from audit_seal.stamp_folder import StampFolder
from audit_seal.statement import GapStatement, PeriodStatement, TopicStatement
from audit_seal.witness_server import WitnessServer
from audit_seal.witness_state import WitnessState, create_witness
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions
from seal.sealed_log import SealedLog
from support.command import start_auditlog
from support.conditions import wait_until
from support.events import chat_opened
from support.metrics_endpoint import samples
from support.servers import Deployment
from support.stamp_authority import StampAuthorityFiles, serving


@pytest.fixture
def sealed(deployment: Deployment, tmp_path: Path) -> SealedLog:
    """Give a log that is made, and has sealed nothing yet."""
    return SealedLog.make(deployment, tmp_path / "seal")


def test_each_record_has_its_slot(sealed: SealedLog) -> None:
    """The slot is the salted hash of the record as Kafka holds it; a record without a value counts."""
    values = [chat_opened(number) for number in range(300)]
    sealed.deployment.publish_raw(*values, key=b"one partition")
    sealed.deployment.publish_raw(None, b"no event", key=b"one partition")
    sealed.seal()
    slots = sealed.slots()
    records = sealed.deployment.records(sealed.settings.topic)
    assert len(records) == len(slots) == 302
    for record in records:
        slot, salt = slots[record.origin.partition, record.origin.offset]
        kind = Kind.RECORD if record.value is not None else Kind.NULL
        time_ms = round(record.received.timestamp() * 1000)
        assert slot == slot_of(salt, kind, time_ms, record.value or b"")


def test_ends_of_transactions_and_aborted_records_have_no_slot(sealed: SealedLog) -> None:
    """They are offsets without a record: zeros."""
    producer = Producer(
        {
            "bootstrap.servers": sealed.deployment.servers.kafka,
            "transactional.id": sealed.deployment.name,
        }
    )
    producer.init_transactions(60)
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        for number in range(2):
            producer.produce(sealed.settings.topic, chat_opened(number), partition=0)
        producer.flush(60)
        end(60)
    sealed.seal()
    empty = [slot == EMPTY_SLOT for slot, _ in sealed.slots().values()]
    assert empty == [False, False, True, True, True, True]


def test_partition_that_is_added_is_sealed_from_its_beginning(sealed: SealedLog) -> None:
    """The topic is stated anew, with its partitions."""
    sealed.seal()
    admin = AdminClient({"bootstrap.servers": sealed.deployment.servers.kafka})
    topic = sealed.settings.topic
    admin.create_partitions([NewPartitions(topic, 7)])[topic].result(60)
    producer = Producer({"bootstrap.servers": sealed.deployment.servers.kafka})

    def is_sealed() -> bool:
        sealed.seal()
        return (6, 0) in sealed.slots()

    wait_until(lambda: len(partitions_of(admin, topic)) == 7, what="Kafka has the partition")
    producer.produce(topic, chat_opened(), partition=6)
    assert producer.flush(60) == 0
    wait_until(is_sealed, what="the new partition is sealed")
    assert {statement.partitions for statement in sealed.of(TopicStatement)} == {6, 7}


def test_topic_made_anew_is_told_by_its_id(sealed: SealedLog) -> None:
    """The same offsets are sealed again, as those of another topic."""
    sealed.deployment.publish_raw(chat_opened(), key=b"one partition")
    sealed.seal()
    admin = AdminClient({"bootstrap.servers": sealed.deployment.servers.kafka})
    topic = sealed.settings.topic
    admin.delete_topics([topic])[topic].result(60)
    wait_until(lambda: not visible_partitions(admin, topic), what="the topic is gone")
    list(set_up(sealed.deployment.setup))
    sealed.deployment.publish_raw(chat_opened(), key=b"one partition")
    sealed.seal()
    blocks = sealed.of(Block)
    assert [(block.first, block.end) for block in blocks] == [(0, 1), (0, 1)]
    assert len({block.topic_id for block in blocks}) == 2
    assert {block.topic_id for block in blocks} == {each.topic_id for each in sealed.of(TopicStatement)}


def test_what_expired_unsealed_is_a_gap(sealed: SealedLog) -> None:
    """Before the first checkpoint, and between two."""
    sealed.deployment.publish_raw(*[chat_opened()] * 10, key=b"one partition")
    place = sealed.deployment.records(sealed.settings.topic)[0].origin
    sealed.delete_records(place.partition, 3)
    sealed.seal()
    sealed.deployment.publish_raw(*[chat_opened()] * 10, key=b"one partition")
    sealed.delete_records(place.partition, 15)
    sealed.seal()
    gaps = [
        (gap.range.place.partition, gap.range.first, gap.range.end) for gap in sealed.of(GapStatement)
    ]
    assert gaps == [(place.partition, 0, 3), (place.partition, 10, 15)]
    assert sorted(sealed.slots()) == [
        (place.partition, offset) for offset in (*range(3, 10), *range(15, 20))
    ]


def test_record_that_is_too_large_stops_nobody(sealed: SealedLog) -> None:
    """A batch that unpacks to more than can be read has a slot all the same."""
    values = [b"a" * (MAX_RECORD_BYTES + 1), chat_opened()]
    producer = Producer(
        {
            "bootstrap.servers": sealed.deployment.servers.kafka,
            "compression.type": "gzip",
            "message.max.bytes": 100_000_000,
        }
    )
    for value in values:
        producer.produce(sealed.settings.topic, value, partition=0)
    assert producer.flush(120) == 0
    sealed.seal()
    slot, salt = sealed.slots()[0, 0]
    block = sealed.of(Block)[0]
    assert slot == slot_of(salt, Kind.UNREADABLE, block.min_ms, b"")
    assert len(sealed.slots()) == 2


def test_folder_restored_from_an_old_copy_refuses(sealed: SealedLog, tmp_path: Path) -> None:
    """It would sign a second history; nothing of it is published."""
    sealed.seal()
    copytree(sealed.folder, tmp_path / "copy")
    last = sealed.seal()
    copy = SealedLog(sealed.deployment, tmp_path / "copy")
    with pytest.raises(SealError, match="restored from an old copy"):
        copy.seal()
    assert sealed.published()[-1] == last
    sealed.seal()


def test_copy_of_a_folder_can_not_go_on_beside_it(sealed: SealedLog, tmp_path: Path) -> None:
    """Whichever comes second is refused, also where it has more entries than was published."""
    sealed.seal()
    copytree(sealed.folder, tmp_path / "copy")
    copy = SealedLog(sealed.deployment, tmp_path / "copy")
    copy.seal()
    with pytest.raises(SealError, match="restored from an old copy"):
        sealed.seal()


def test_second_sealer_of_a_folder_refuses(sealed: SealedLog) -> None:
    """The lock ends with its process."""
    with locked(sealed.folder), pytest.raises(SealError, match="Another sealer"):
        sealed.seal()
    sealed.seal()


def test_missing_key_beside_a_log_is_an_error(sealed: SealedLog) -> None:
    """Another key can't continue the log, and is never made."""
    sealed.seal()
    (sealed.folder / "keys" / "log").unlink()
    with pytest.raises(SealError, match="missing"):
        sealed.seal()
    with pytest.raises(SealError, match="already"):
        initialize(sealed.settings)


def test_each_period_ends_with_the_key_of_the_next(sealed: SealedLog) -> None:
    """Its last checkpoint covers it and is kept; its private key is destroyed."""
    sealed.more["seal_period_hours"] = 1e-9
    notes = [sealed.seal() for _ in range(3)]
    keys = {statement.number: statement.key for statement in sealed.of(PeriodStatement)}
    assert sorted(keys) == [1, 2, 3, 4]
    for number, note in enumerate(notes, 1):
        assert note.verify(keys[number]) > 0
        assert (sealed.folder / f"log/periods/{number}").read_text() == str(note)
    assert [path.name for path in (sealed.folder / "keys").glob("period-*")] == ["period-4"]
    assert str(keys[1]) == (sealed.folder / "period-1.pub").read_text().strip()


def test_every_checkpoint_is_published_and_is_a_part_of_the_last(sealed: SealedLog) -> None:
    """The policy that the auditor gets accepts each of them."""
    policy = Policy.parse((sealed.folder / "policy").read_text())
    for number in range(3):
        sealed.deployment.publish_raw(chat_opened(number))
        sealed.seal()
    published = [policy.verify(note).checkpoint for note in sealed.published()]
    reader = LogReader(sealed.folder)
    assert [each.root for each in published] == [reader.root(each.size) for each in published]
    assert len(published) == 3


def test_status_says_how_far_it_is_sealed_and_who_has_signed(sealed: SealedLog) -> None:
    """From the folder alone, also while no server answers."""
    sealed.deployment.publish_raw(*[chat_opened()] * 3, key=b"one partition")
    sealed.seal()
    sealed.deployment.extra["AUDITLOG_SEAL_FOLDER"] = str(sealed.folder)
    found = json.loads(sealed.deployment.run("seal", "status", "--json").stdout)
    origin = (sealed.folder / "policy").read_text().split("+")[0].removeprefix("log ")
    assert sorted(each["sealed"] for each in found["partitions"]) == [0, 0, 0, 0, 0, 3]
    assert (found["period"], found["missing"]) == (1, 0)
    assert [(each["name"], each["time"] is None) for each in found["signers"]] == [
        (origin, True),
        (f"{origin}/period-1", False),
    ]
    assert "signed by " in sealed.deployment.run("seal", "status").stdout


def test_running_sealer_seals_at_the_end(sealed: SealedLog, log: Path) -> None:
    """It is ready, shows how far it is, and makes a last checkpoint when it is told to stop."""
    sealed.deployment.publish_raw(chat_opened())
    port = free_port()
    variables = sealed.deployment.environment | {
        "AUDITLOG_SEAL_FOLDER": str(sealed.folder),
        "AUDITLOG_METRICS_PORT": str(port),
    }
    process = start_auditlog("seal", "run", output=log, **variables)
    try:
        wait_until(
            lambda: samples(port).get("auditlog_seal_entries") or process.poll() is not None,
            what="a checkpoint is made",
        )
        sealed.deployment.publish_raw(chat_opened())
    finally:
        process.terminate()
        assert process.wait(120) == 0, log.read_text()
    assert len(sealed.slots()) == 2


def test_running_sealer_has_its_periods_ends_stamped(
    sealed: SealedLog, log: Path, tmp_path: Path
) -> None:
    """And goes on where it is refused, which its metrics show."""
    authority = StampAuthorityFiles.make(tmp_path / "tsa", "Example Time")
    port = free_port()
    with serving(authority) as url:
        variables = sealed.deployment.environment | {
            "AUDITLOG_SEAL_FOLDER": str(sealed.folder),
            "AUDITLOG_SEAL_SECONDS": "0.5",
            "AUDITLOG_SEAL_PERIOD_HOURS": "0.0001",
            "AUDITLOG_METRICS_PORT": str(port),
            "AUDITLOG_STAMP_URL": url,
            "AUDITLOG_STAMP_CA_FILE": str(authority.root),
        }
        process = start_auditlog("seal", "run", output=log, **variables)
        try:
            wait_until(
                lambda: (
                    samples(port).get("auditlog_seal_stamp_timestamp_seconds")
                    or process.poll() is not None
                ),
                what="a period's end is stamped",
            )
            (tmp_path / "tsa" / "tsa.key").unlink()
            wait_until(
                lambda: (
                    samples(port).get("auditlog_seal_blocked{stamping}") or process.poll() is not None
                ),
                what="stamping is blocked",
            )
            size = sealed.size()
            wait_until(lambda: sealed.size() > size or process.poll() is not None, what="it goes on")
        finally:
            process.terminate()
            assert process.wait(120) == 0, log.read_text()
    assert StampFolder(sealed.folder).sizes


def test_witness_cosigns_each_checkpoint(sealed: SealedLog, tmp_path: Path) -> None:
    """One that is away stops nobody; one that has seen another history does."""
    policy = sealed.folder / "policy"
    log_key = Policy.parse(policy.read_text()).logs[0]
    create_witness(tmp_path / "witness", "example.org/witness", (log_key,))
    with (
        WitnessState.open(tmp_path / "witness") as state,
        WitnessServer("127.0.0.1", 0, state) as server,
    ):
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        key = state.key.verifier
        url = f"http://127.0.0.1:{server.server_port}"
        policy.write_text(f"log {log_key}\nwitness w {key} {url}\nquorum w\n")
        accepts = Policy.parse(policy.read_text())
        copytree(sealed.folder, tmp_path / "copy")
        for note in (sealed.seal(), sealed.seal()):
            assert [each.witness for each in accepts.verify(note).cosigned] == ["w"]
        assert sealed.published()[-1] == LogReader(sealed.folder).checkpoint()
        copy = SealedLog(sealed.deployment, tmp_path / "copy")
        copy.more["seals_topic"] = sealed.settings.alerts_topic  # where nothing is
        with pytest.raises(HistoryError):
            copy.seal()
        server.shutdown()
    with pytest.raises(SignatureError):
        accepts.verify(sealed.seal())
