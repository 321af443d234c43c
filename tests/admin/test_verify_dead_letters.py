"""`auditlog verify` believes no dead letter: it reads the record, and judges it again."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from audit_admin import PartitionReconciliation
from audit_admin import verify as prove
from audit_admin.verification.commands import closing_line
from audit_consumer.record import Record
from audit_schemas import DIGEST_HEADER, SIZE_HEADER, Origin, Reason, dead_letter_headers
from confluent_kafka import Consumer, Producer, TopicPartition
from support.consumed import consume_all
from support.dead_letters import source_records
from support.events import chat_opened, raw
from support.in_process import call
from support.servers import Deployment

pytestmark = pytest.mark.servers


def verify(deployment: Deployment) -> tuple[PartitionReconciliation, str]:
    """Return the result of the only partition with records, and the equation."""
    results = list(prove(deployment.consumer))
    (result,) = [result for result in results if result.published]
    return result, closing_line(results)


def forge(
    deployment: Deployment, origin: Origin, value: bytes | None, *more: tuple[str, bytes]
) -> None:
    """Write a dead letter with the client of anybody who may write to the topic."""
    headers = [
        *dead_letter_headers(origin, datetime.now(UTC), Reason.ID_CONFLICT, "event.id", "taken"),
        *more,
    ]
    producer = Producer({"bootstrap.servers": deployment.servers.kafka})
    producer.produce(f"{deployment.name}.dead-letter", value, headers=headers)
    assert producer.flush(60) == 0


def commit(deployment: Deployment, records: Sequence[Record]) -> None:
    """Commit records as a consumer that settled nothing."""
    last = records[-1].origin
    consumer = Consumer(deployment.consumer.consumer_config())
    place = TopicPartition(last.topic, last.partition, last.offset + 1)
    consumer.commit(offsets=[place], asynchronous=False)
    consumer.close()


def test_forged_dead_letter_excuses_nothing(deployment: Deployment) -> None:
    """Neither with the bytes of the event that was taken away, nor with others."""
    deployment.publish_raw(*(chat_opened(number) for number in range(4)), key=b"one partition")
    consume_all(deployment)
    with deployment.client() as client:
        for document in deployment.documents():
            if document["audit"]["kafka"]["offset"] in (1, 2):
                client.delete(index=document["_index"], id=document["_id"], refresh=True)
    copied, other = source_records(deployment)[1:3]
    forge(deployment, copied.origin, copied.value)
    forge(deployment, other.origin, b"poison")
    forge(deployment, Origin(other.origin.topic, other.origin.partition, 99), b"poison")
    result, line = verify(deployment)
    assert line == "published 4 = indexed 2 + duplicates 0 + dead-lettered 0 + missing 2"
    assert ([1, 2], 1) == (list(result.missing), result.unexcused)
    done = call(deployment, "verify", check=False)
    assert done.returncode == 1
    assert "1 of the missing records has a dead letter, but is valid" in done.stdout
    assert "Repaired 2 records: 2 indexed" in call(deployment, "verify", "--repair").stdout


def test_dead_letter_of_a_refused_record_has_its_bytes(deployment: Deployment) -> None:
    """What was refused but is not preserved is missing; a cut copy has the whole value's digest."""
    deployment.publish_raw(b"poison", b"x" * 100_000, None, key=b"one partition")
    poison, large, empty = source_records(deployment)
    commit(deployment, [poison, large, empty])
    assert large.value is not None
    size, digest = str(len(large.value)).encode(), hashlib.sha256(large.value).hexdigest().encode()
    forge(deployment, poison.origin, b"other bytes")
    forge(deployment, large.origin, large.value[:9], (SIZE_HEADER, size), (DIGEST_HEADER, digest))
    forge(deployment, empty.origin, None)
    result, line = verify(deployment)
    assert line == "published 3 = indexed 0 + duplicates 0 + dead-lettered 2 + missing 1"
    assert list(result.missing) == [poison.origin.offset]
    forge(deployment, poison.origin, poison.value)
    assert "dead-lettered 3" in call(deployment, "verify").stdout


def test_records_that_are_really_refused_are_dead_lettered(deployment: Deployment) -> None:
    """By the catalogue, by time, and because the id is taken, in the same index or in another."""
    event = {"id": "taken-by-another-0", "action": "login"}
    deployment.publish_raw(
        raw(event=event),
        raw(event=event, user={"id": "somebody else"}),
        raw(event=event, **{"@timestamp": _months_ago()}),
        raw(action="frobnicated"),
        raw(**{"@timestamp": "2019-01-01T00:00:00Z"}),
        key=b"one partition",
    )
    consume_all(deployment)
    _, line = verify(deployment)
    assert line == "published 5 = indexed 1 + duplicates 0 + dead-lettered 4"


def test_record_that_would_be_accepted_by_now_is_missing(
    deployment: Deployment, tmp_path: Path
) -> None:
    """An activity was added, and its dead letters not replayed yet: that is what `verify` tells."""
    deployment.publish_raw(chat_opened(), raw(action="frobnicated"), key=b"one partition")
    consume_all(deployment)
    catalogue = tmp_path / "own.toml"
    catalogue.write_text('[activities.frobnicated]\ndescription = "It was."\n')
    deployment.extra["AUDITLOG_CATALOGUE"] = str(catalogue)
    result, _ = verify(deployment)
    assert ([1], 1) == (list(result.missing), result.unexcused)
    call(deployment, "dead-letters", "replay", "--reason", "unknown-activity")
    consume_all(deployment)
    assert "indexed 2 + duplicates 0 + dead-lettered 1" in call(deployment, "verify").stdout


def _months_ago() -> str:
    now = datetime.now(UTC)
    year, month = (now.year, now.month - 2) if now.month > 2 else (now.year - 1, now.month + 10)
    return f"{year}-{month:02}-10T00:00:00Z"
