"""Attacks before a record is settled: the sealer names what is missing, and nobody can excuse it."""

import subprocess
from collections.abc import Iterator

import pytest
from audit_admin import set_up
from audit_consumer.record import Refusal
from audit_schemas import Reason
from audit_seal.service import initialize
from audit_seal.statement import SettledOffset
from seal.sealed_log import SealedLog
from support.consumed import consume_all
from support.dead_letters import send, source_records
from support.events import chat_opened
from support.in_process import auditlog_in_process
from support.servers import Servers, new_deployment, tear_down

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def sealed(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedLog]:
    """Give a log of four indexed events and a refused one, before anything is sealed."""
    deployment = new_deployment(servers, AUDITLOG_PARTITIONS="1", AUDITLOG_REPLICATION="1")
    list(set_up(deployment.setup))
    log = SealedLog(deployment, tmp_path_factory.mktemp("early") / "seal")
    initialize(log.settings)
    deployment.publish_raw(*map(chat_opened, range(4)), b"no event")
    consume_all(deployment)
    yield log
    tear_down(deployment)


def run(log: SealedLog, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command on the log."""
    environment = log.deployment.environment | {"AUDITLOG_SEAL_FOLDER": str(log.folder)}
    return auditlog_in_process(*arguments, **environment)


def delete(log: SealedLog, offset: int) -> None:
    """Delete the document of an offset, as an administrator of Elasticsearch can."""
    (found,) = [
        each for each in log.deployment.documents() if each["audit"]["kafka"]["offset"] == offset
    ]
    with log.deployment.client() as client:
        client.delete(index=found["_index"], id=found["_id"], refresh=True)


def last_line(log: SealedLog) -> tuple[int, str]:
    """Return what `seal verify` says in the end, and its exit status."""
    done = run(log, "seal", "verify")
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()[-1]


def test_what_was_deleted_is_told_excused_by_no_dead_letter_and_repaired(sealed: SealedLog) -> None:
    """A dead letter is only somebody's word: the record is judged again. Kafka still has it."""
    delete(sealed, 1)
    delete(sealed, 2)
    forged = source_records(sealed.deployment)[2]
    send(sealed.deployment, [Refusal(forged, Reason.MALFORMED, "", "so it is said")])
    sealed.seal()
    settled = {offset: each for (_, offset), each in sealed.exceptions().items()}
    assert {
        1: SettledOffset(1, "missing"),
        2: SettledOffset(2, "missing"),
        4: SettledOffset(4, "dead-letter", "malformed"),
    } == settled
    assert "had no document when they were settled: 2" in run(sealed, "seal", "status").stdout
    status, line = last_line(sealed)
    assert (1, True) == (status, "changed 0, missing 2, added 0" in line), line
    assert 0 == run(sealed, "verify", "--repair").returncode
    status, line = last_line(sealed)
    assert (0, True) == (
        status,
        line.startswith("sealed 5 = indexed 4 + duplicates 0 + dead-lettered 1"),
    )


def test_a_dead_letter_replayed_late_is_sealed_anew(sealed: SealedLog) -> None:
    """At its new offset; what is said of the old one stays."""
    done = run(sealed, "dead-letters", "replay", "--reason", "malformed")
    assert 0 == done.returncode, done.stdout + done.stderr
    ends = len(source_records(sealed.deployment))
    assert ends > 5
    consume_all(sealed.deployment)
    sealed.seal()
    status, line = last_line(sealed)
    assert (0, True) == (status, line.startswith(f"sealed {ends} = indexed 4 + ")), line
