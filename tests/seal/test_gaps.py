"""What Kafka lost before it was sealed, what is adopted, and indices that retention deletes."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_admin import set_up
from audit_seal.service import initialize
from audit_seal.statement import GapStatement, TopicStatement
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from seal.sealed_log import SealedLog
from support.conditions import wait_until
from support.consumed import consume_all
from support.events import chat_opened, raw
from support.in_process import auditlog_in_process
from support.servers import Servers, new_deployment, tear_down


@pytest.fixture
def sealed(servers: Servers, tmp_path: Path) -> Iterator[SealedLog]:
    """Give a log of one partition, whose first ten records Kafka has deleted before it was sealed."""
    deployment = new_deployment(servers, AUDITLOG_PARTITIONS="1", AUDITLOG_REPLICATION="1")
    list(set_up(deployment.setup))
    log = SealedLog(deployment, tmp_path / "seal")
    initialize(log.settings)
    deployment.publish_raw(*map(chat_opened, range(9)), raw())
    consume_all(deployment)
    delete_records(log)
    deployment.publish_raw(*map(chat_opened, range(5)), b"no event")
    consume_all(deployment)
    log.seal()
    yield log
    tear_down(deployment)


def delete_records(log: SealedLog) -> None:
    """Delete all records of the topic, as an administrator of Kafka can."""
    kafka = AdminClient({"bootstrap.servers": log.deployment.servers.kafka})
    end = TopicPartition(log.deployment.consumer.topic, 0, -1)
    for future in kafka.delete_records([end]).values():
        future.result(60)


def run(log: SealedLog, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `auditlog seal` on the log."""
    environment = log.deployment.environment | {"AUDITLOG_SEAL_FOLDER": str(log.folder)}
    return auditlog_in_process("seal", *arguments, **environment)


def last_line(log: SealedLog) -> tuple[int, str]:
    """Return what `seal verify` says in the end, and its exit status."""
    done = run(log, "verify")
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()[-1]


def test_what_expired_unsealed_is_adopted_then_retired(sealed: SealedLog) -> None:
    """A gap for ever, but its documents are proven from the adoption on; retention excuses its own."""
    assert any(isinstance(entry, GapStatement) for entry in sealed.entries())
    done = run(sealed, "verify")
    assert 0 == done.returncode
    assert "not proven: 10 documents whose records had expired unsealed" in done.stdout
    none = "changed 0, missing 0, added 0, unverifiable 0, not yet sealed 0"
    equation = (
        "sealed 16 = indexed {} + duplicates 0 + dead-lettered 1 + no record 0 + gap {} + retired {}"
    )
    assert (0, f"{equation.format(5, 10, 0)}; {none}") == last_line(sealed)

    assert "adopt 10 documents" in run(sealed, "adopt").stdout
    sealed.seal()
    assert (0, f"{equation.format(15, 0, 0)}; {none}") == last_line(sealed)
    assert "10 documents before they were adopted" in run(sealed, "verify").stdout
    assert "nothing to adopt" in run(sealed, "adopt").stdout

    found = {each["audit"]["kafka"]["offset"]: each for each in sealed.deployment.documents()}
    index, event_id, source = (found[4].pop("_index"), found[4].pop("_id"), found[4])
    with sealed.deployment.client() as client:
        client.index(index=index, id=event_id, document=source | {"message": "hidden"}, refresh=True)
        status, line = last_line(sealed)
        assert (1, True) == (status, "changed 1, missing 0" in line)
        assert 1 == run(sealed, "retire", index).returncode  # not what is not proven
        client.index(index=index, id=event_id, document=source, refresh=True)

        done = run(sealed, "retire", index)
        assert f"{index} is retired, with 15 events" in done.stdout, done.stderr
        sealed.seal()
        assert (0, f"{equation.format(15, 0, 0)}; {none}") == last_line(sealed)
        client.indices.delete(index=index)
    assert (0, f"{equation.format(0, 0, 15)}; {none}") == last_line(sealed)


def test_an_index_deleted_without_a_statement_is_missing(sealed: SealedLog) -> None:
    """By an administrator of Elasticsearch, who has no way to say that it was retired."""
    index = sealed.deployment.documents()[0]["_index"]
    with sealed.deployment.client() as client:
        client.indices.delete(index=index)
    status, line = last_line(sealed)
    assert (1, True) == (status, "missing 5, added 0" in line), line


def test_a_topic_that_was_created_again_is_another_one(sealed: SealedLog) -> None:
    """Its offsets begin anew under another ID, and both topics' records stay proven."""
    settings = sealed.deployment.consumer
    kafka = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    kafka.delete_topics([settings.topic])[settings.topic].result(60)
    wait_until(
        lambda: settings.topic not in kafka.list_topics(timeout=30).topics, what="the topic is gone"
    )
    list(set_up(sealed.deployment.setup))
    sealed.deployment.extra["AUDITLOG_GROUP"] = f"{settings.group}-{time.time_ns()}"
    sealed.deployment.publish_raw(*map(chat_opened, range(12)))
    consume_all(sealed.deployment)
    sealed.seal()
    topics = {entry.topic_id for entry in sealed.entries() if isinstance(entry, TopicStatement)}
    status, line = last_line(sealed)
    assert (2, 0) == (len(topics), status), line
    assert line.startswith("sealed 28 = indexed 17 + duplicates 0 + dead-lettered 1")
