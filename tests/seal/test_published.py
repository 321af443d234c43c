"""A log held to what was published of it: rolled back or forked, it is found by those who compare."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
from audit_admin import set_up
from audit_seal import Checkpoint, Note, SigningKey
from audit_seal.keys import KeyFolder
from audit_seal.log_folder import LogWriter
from audit_seal.note import ED25519
from audit_seal.published import Published, check_published_log
from audit_seal.service import initialize
from audit_seal.statement import TickStatement, encode_statement
from confluent_kafka import Producer
from seal.sealed_log import SealedLog
from support.in_process import auditlog_in_process
from support.servers import Servers, new_deployment, tear_down

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def sealed(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedLog]:
    """Give a log of three published checkpoints, and beside it a copy from the time of the first."""
    folder = tmp_path_factory.mktemp("published") / "seal"
    deployment = new_deployment(servers, AUDITLOG_PARTITIONS="1", AUDITLOG_REPLICATION="1")
    list(set_up(deployment.setup))
    log = SealedLog(deployment, folder)
    initialize(log.settings)
    log.seal()
    copytree(folder, folder.with_name("old"))
    log.seal()
    log.seal()
    (folder.parent / "events.ndjson").touch()
    yield log
    tear_down(deployment)


def verify(
    log: SealedLog, folder: Path, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Compare a folder, without documents, with what was published."""
    export = str(log.folder.parent / "events.ndjson")
    variables = log.deployment.environment | {"AUDITLOG_SEAL_FOLDER": str(folder)} | environment
    return auditlog_in_process(
        "seal", "verify", "--published", "--export", export, *arguments, **variables
    )


def test_the_log_that_was_published_is_sound(sealed: SealedLog) -> None:
    """And says with how much it was compared; without the option, that it was not."""
    done = verify(sealed, sealed.folder)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "published checkpoints that the log was compared with: 3" in done.stdout
    assert "--published" not in done.stdout
    variables = sealed.deployment.environment | {"AUDITLOG_SEAL_FOLDER": str(sealed.folder)}
    export = str(sealed.folder.parent / "events.ndjson")
    alone = auditlog_in_process("seal", "verify", "--export", export, **variables)
    assert "not proven: that the folder is the newest, and the only one" in alone.stdout


def test_a_folder_that_was_rolled_back_is_found(sealed: SealedLog) -> None:
    """By an auditor as by the sealer; without the comparison it would look whole."""
    done = verify(sealed, sealed.folder.with_name("old"))
    assert 1 == done.returncode
    assert "it was rolled back, or it is an old copy" in done.stdout


def test_a_log_that_was_forked_is_found(sealed: SealedLog, tmp_path: Path) -> None:
    """By somebody who has all its keys, and signs another end of it."""
    fork = copytree(sealed.folder.with_name("old"), tmp_path / "fork")
    writer, keys = LogWriter(fork), KeyFolder(fork)
    while writer.size <= sealed.size():
        writer.append(encode_statement(TickStatement(1, ())))
    made = writer.sync()
    text = Checkpoint(keys.log_key().name, made.size, made.root).text
    writer.publish(Note(text).signed_by(keys.log_key(), keys.period_key(1), time=1_800_000_000))
    done = verify(sealed, fork)
    assert 1 == done.returncode
    assert "the log was forked: 2 checkpoints are published that it does not contain" in done.stdout


def test_a_topic_that_was_emptied_is_found() -> None:
    """Nothing to compare with is not the same as nothing wrong."""
    published = Published("audit.seals", faults=["audit.seals: what was published before was deleted"])
    found = check_published_log(published, Checkpoint("log", 3, bytes(32)), {3: bytes(32)})
    assert [*published.faults, "audit.seals: no checkpoint of this log is published"] == found


def test_without_kafka_nothing_is_said(sealed: SealedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit status is that of a check that could not be made."""
    monkeypatch.setattr("audit_seal.published._SECONDS", 1.0)
    done = verify(sealed, sealed.folder, AUDITLOG_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9")
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("auditlog: Kafka's client: ")


def test_what_the_logs_key_has_not_signed_is_found(sealed: SealedLog) -> None:
    """Somebody else writes to the topic, in the log's name. It ends this log."""
    note = sealed.published()[-1]
    stranger = SigningKey.generate(Checkpoint.parse(note.text).origin, ED25519)
    producer = Producer({"bootstrap.servers": sealed.deployment.servers.kafka})
    producer.produce(sealed.settings.seals_topic, str(Note(note.text).signed_by(stranger)), partition=0)
    assert 0 == producer.flush(60)
    done = verify(sealed, sealed.folder)
    assert 1 == done.returncode
    assert "the checkpoint at offset 3 is not signed by the log's key" in done.stdout
