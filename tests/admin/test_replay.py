"""`auditlog dead-letters replay`, on real servers: the same bytes again, and never twice."""

import hashlib
import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from audit_admin.dead_letters.dead_letter import DeadLetter, Selection
from audit_admin.dead_letters.journal import (
    CLAIM_LIFETIME,
    ORIGIN_HEADER,
    RUN_HEADER,
    EntryKind,
    JournalEntry,
    origin_text,
)
from audit_admin.dead_letters.reader import DeadLetterReader
from audit_admin.dead_letters.record_writer import OutgoingRecord, RecordWriter
from audit_admin.dead_letters.replay import Replayer, replay
from audit_admin.dead_letters.replay_result import ReplayResult
from audit_admin.dead_letters.summary import summarize
from audit_admin.topic_reader import TopicReader
from audit_consumer.record import Record, Refusal
from audit_schemas import Reason
from audit_schemas.dead_letter import REASON_HEADER, SIZE_HEADER
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from support.command import clean_environment
from support.conditions import wait_until
from support.consumed import consume_all
from support.consumers import settle
from support.dead_letters import refuse, send, source_records
from support.events import raw
from support.in_process import call
from support.servers import Deployment

pytestmark = pytest.mark.servers

DEAD_LETTERS = "dead-letters"
SHORT = timedelta(seconds=1)
CATALOGUE = """
[activities.frobnicated]
description = "Something was frobnicated."
category = ["process"]
type = ["info"]
outcome = "unknown"
"""


def replayed(deployment: Deployment) -> list[Record]:
    """Return the records of the events topic that a replay published."""
    return [record for record in source_records(deployment) if record.header(RUN_HEADER)]


def origins(records: list[Record]) -> Counter[bytes | None]:
    """Count records by where the record stood that they replay."""
    return Counter(record.header(ORIGIN_HEADER) for record in records)


def run(deployment: Deployment, **options: Any) -> ReplayResult:
    """Replay everything in this process, and return what was done."""
    settings = deployment.consumer
    _, result = replay(settings, Selection(settings.topic), **options)
    return result


def dead_letters(deployment: Deployment) -> list[DeadLetter]:
    """Return all dead letters."""
    settings = deployment.consumer
    with TopicReader(settings) as reader:
        items = list(DeadLetterReader(reader, settings.dead_letter_topic).read())
    return [item for item in items if isinstance(item, DeadLetter)]


def write(deployment: Deployment, *entries: JournalEntry) -> None:
    """Write journal entries, as a run does that is killed right afterwards."""
    topic = f"{deployment.name}.dead-letter"
    writer = RecordWriter(deployment.consumer)
    writer.send([OutgoingRecord(topic, 0, None, None, entry.headers()) for entry in entries])


def claim(letter: DeadLetter, run_id: str = "killed") -> JournalEntry:
    """Return the entry of a run that claims a record."""
    return JournalEntry(EntryKind.CLAIMED, letter.origin, letter.digest, run_id, datetime.now(UTC))


def wait_for_expiry(deployment: Deployment) -> None:
    """Wait until no claim is valid any more."""
    wait_until(
        lambda: not run(deployment, claim_lifetime=SHORT, dry_run=True).claimed_elsewhere,
        what="the claims have expired",
    )


def test_replay_after_the_catalogue_has_learned_the_activity(
    deployment: Deployment, log: Path, tmp_path: Path
) -> None:
    """An unknown activity is refused, learned, replayed, and indexed under its own id."""
    deployment.publish_raw(
        raw(event={"id": "frobnicated-000001", "action": "frobnicated"}),
        raw(event={"id": "frobnicated-000002", "action": "frobnicated"}),
        key=b"k\x00ey",
        headers={"trace": b"\xff"},
    )
    deployment.publish_raw(b"poison")
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    catalogue = tmp_path / "own.toml"
    catalogue.write_text(CATALOGUE)
    deployment.extra["AUDITLOG_CATALOGUE"] = str(catalogue)

    done = call(deployment, DEAD_LETTERS, "replay", "--reason", "unknown-activity")
    assert done.stdout.splitlines() == [
        f"Published 2 records to {deployment.name}.events again",
        "          2  unknown-activity",
    ]
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    assert sorted(document["_id"] for document in deployment.documents()) == [
        "frobnicated-000001",
        "frobnicated-000002",
    ]
    originals = {record.value: record for record in source_records(deployment)[::-1]}
    for record in replayed(deployment):
        original = originals[record.value]
        assert (record.key, record.header("trace")) == (b"k\x00ey", b"\xff")
        assert {name for name, _ in record.headers} == {"trace", ORIGIN_HEADER, RUN_HEADER}
        assert record.origin.partition == original.origin.partition
    assert call(deployment, "verify").stdout.splitlines()[-1] == (
        "published 5 = indexed 2 + duplicates 0 + dead-lettered 3"
    )
    groups = {
        g["reason"]: g for g in json.loads(call(deployment, DEAD_LETTERS, "list", "--json").stdout)
    }
    assert groups["unknown-activity"]["replayed"] == 2
    assert groups["unknown-activity"]["refused_again"] == 0
    assert groups["malformed"]["replayed"] == 0


def test_dry_run_changes_nothing_and_says_what_would_be_done(deployment: Deployment) -> None:
    """Nothing is published or recorded; the run after it does what was announced."""
    refuse(deployment, b"one", b"two", copies=2)
    refuse(deployment, b"three", reason=Reason.MALFORMED)
    before = [len(source_records(deployment)), len(deployment.dead_letters())]
    done = call(deployment, DEAD_LETTERS, "replay", "--dry-run")
    assert done.stdout.splitlines() == [
        f"Would publish 3 records to {deployment.name}.events again; nothing was published",
        "          2  unknown-activity",
        "          1  malformed",
    ]
    assert [len(source_records(deployment)), len(deployment.dead_letters())] == before
    done = call(deployment, DEAD_LETTERS, "replay", "--json")
    assert json.loads(done.stdout)["replayed_by_reason"] == {"unknown-activity": 2, "malformed": 1}


def test_record_is_never_replayed_twice_unless_asked(deployment: Deployment) -> None:
    """Not by another process, nor for its copies; with --again it is."""
    refuse(deployment, b"one", b"two", copies=3)
    assert json.loads(call(deployment, DEAD_LETTERS, "replay", "--json").stdout)["replayed"] == 2
    second = call(deployment, DEAD_LETTERS, "replay")
    assert second.stdout.splitlines() == [
        f"Published 0 records to {deployment.name}.events again",
        "2 records skipped, already replayed; --again replays them too",
    ]
    assert set(origins(replayed(deployment)).values()) == {1}
    third = call(deployment, DEAD_LETTERS, "replay", "--again", "--json")
    assert json.loads(third.stdout)["replayed"] == 2
    assert set(origins(replayed(deployment)).values()) == {2}


def test_record_that_comes_back_is_told_and_can_be_replayed_again(deployment: Deployment) -> None:
    """Its new dead letter names the new offset: another record, which was not replayed yet."""
    deployment.publish_raw(b"poison", key=b"k")
    consume_all(deployment)
    call(deployment, DEAD_LETTERS, "replay")
    consume_all(deployment)
    (group,) = json.loads(call(deployment, DEAD_LETTERS, "list", "--json").stdout)
    assert (group["records"], group["replayed"], group["refused_again"]) == (2, 1, 1)
    old, new = (
        json.loads(line)
        for line in call(deployment, DEAD_LETTERS, "show", "--json").stdout.splitlines()
    )
    assert new["replay_of"] == old["origin"]
    assert (old["replayed"]["partition"], old["replayed"]["offset"]) == (
        new["origin"]["partition"],
        new["origin"]["offset"],
    )
    assert (old["value"], new["value"], new["replayed"]) == ("poison", "poison", None)
    assert "1 replayed, 1 refused again after a replay" in call(deployment, DEAD_LETTERS, "list").stdout
    result = run(deployment)
    assert (result.replayed.total(), result.already_replayed) == (1, 1)
    assert origins(replayed(deployment)) == {
        origin_text(letter.origin).encode(): 1 for letter in dead_letters(deployment)
    }


def test_each_original_header_is_sent_and_none_of_ours(deployment: Deployment) -> None:
    """Also those that the publisher wrote under our names, and the same name twice."""
    own: list[tuple[str, str | bytes | None]] = [
        (REASON_HEADER, b"his own"),
        ("x", b"1"),
        ("x", None),
        ("audit-schema", b"1.0"),
    ]
    producer = Producer({"bootstrap.servers": deployment.servers.kafka})
    producer.produce(f"{deployment.name}.events", b"poison", headers=own)
    assert producer.flush(30) == 0
    (record,) = source_records(deployment)
    send(deployment, [Refusal(record, Reason.MALFORMED, "", "not JSON")])
    run(deployment)
    (again,) = replayed(deployment)
    assert list(again.headers[:-2]) == own
    assert again.key is None


def test_replays_at_the_same_time_publish_each_record_once(deployment: Deployment) -> None:
    """All have chosen before any begins, two race, one comes late: what one has, others leave to it."""
    refuse(deployment, *(b"%d" % number for number in range(1500)))
    chosen, raced = threading.Barrier(3), threading.Event()

    def one(begin: threading.Event) -> ReplayResult:
        settings = deployment.consumer
        with TopicReader(settings) as reader, TopicReader(settings) as lookup:
            letters = DeadLetterReader(reader, settings.dead_letter_topic)
            found = summarize(letters, Selection(settings.topic))
            replayer = Replayer(
                settings, lookup, letters, found.journal, again=False, claim_lifetime=CLAIM_LIFETIME
            )
            assert len(replayer.choose(found, record=True)) == 1500
            chosen.wait(60)
            begin.wait(60)
            for letter in dead_letters(deployment):
                replayer.add(letter, publish=True)
            replayer.flush()
            return replayer.result

    at_once = threading.Event()
    at_once.set()
    with ThreadPoolExecutor(3) as pool:
        late = pool.submit(one, raced)
        racing = [pool.submit(one, at_once) for _ in range(2)]
        results = [future.result(120) for future in racing]
        raced.set()
        results.append(late.result(120))
    found = origins(replayed(deployment))
    assert (len(found), set(found.values())) == (1500, {1})
    assert sum(result.replayed.total() for result in results) == 1500
    assert sum(result.already_replayed + result.claimed_elsewhere for result in results) == 3000
    assert results[2].already_replayed == 1500
    assert run(deployment).already_replayed == 1500


def test_record_that_another_run_claimed_is_left_to_it(deployment: Deployment) -> None:
    """The run may be about to publish it; that is reported, with exit status 1."""
    refuse(deployment, b"one", b"two")
    write(deployment, claim(dead_letters(deployment)[0]))
    done = call(deployment, DEAD_LETTERS, "replay", check=False)
    assert done.returncode == 1
    assert "1 record claimed by another replay" in done.stderr
    assert [record.value for record in replayed(deployment)] == [b"two"]


def test_record_that_a_killed_run_only_claimed_is_published(
    deployment: Deployment,
) -> None:
    """Killed between the two: nothing is lost, once nothing can be on its way any more."""
    refuse(deployment, b"one", b"two")
    write(deployment, *map(claim, dead_letters(deployment)))
    wait_for_expiry(deployment)
    result = run(deployment, claim_lifetime=SHORT)
    assert (result.replayed.total(), result.recovered) == (2, 0)
    assert set(origins(replayed(deployment)).values()) == {1}
    assert run(deployment).already_replayed == 2


def test_record_that_a_killed_run_did_not_record_is_found(deployment: Deployment) -> None:
    """Killed before it could write it down: it is looked for in the topic, and not doubled."""
    refuse(deployment, b"one", b"two")
    first, second = dead_letters(deployment)
    write(deployment, claim(first), claim(second))
    headers = [(ORIGIN_HEADER, origin_text(first.origin).encode()), (RUN_HEADER, b"killed")]
    RecordWriter(deployment.consumer).send(
        [OutgoingRecord(f"{deployment.name}.events", 0, first.key, first.value, headers)]
    )
    wait_for_expiry(deployment)
    result = run(deployment, claim_lifetime=SHORT)
    assert (result.replayed.total(), result.recovered, result.already_replayed) == (1, 1, 1)
    found = origins(replayed(deployment))
    assert found == {origin_text(letter.origin).encode(): 1 for letter in (first, second)}
    assert run(deployment).already_replayed == 2


def test_replay_killed_again_and_again_publishes_each_record_once(deployment: Deployment) -> None:
    """Kill -9 in the middle, three times; the last one finds out what the others did."""
    refuse(deployment, *(b"%d" % number for number in range(6000)))
    command = [sys.executable, "-m", "audit_cli", DEAD_LETTERS, "replay"]
    environment = clean_environment() | deployment.environment
    topic = f"{deployment.name}.events"
    partition = source_records(deployment)[0].origin.partition
    with TopicReader(deployment.consumer) as reader:

        def end() -> int:
            return reader.bounds(topic, partition)[1]

        def grows_beyond(offset: int) -> Callable[[], bool]:
            return lambda: end() > offset

        for _ in range(3):
            begun = grows_beyond(end())
            process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            wait_until(begun, pause=0.05, what="it has begun to publish")
            process.kill()
            process.wait()
    assert 0 < len(replayed(deployment)) < 6000, "the kill came too late to prove anything"
    wait_for_expiry(deployment)
    result = run(deployment, claim_lifetime=SHORT)
    assert result.is_complete
    found = origins(replayed(deployment))
    assert (len(found), set(found.values())) == (6000, {1})
    assert result.already_replayed + result.replayed.total() == 6000


def test_interrupted_replay_leaves_nothing_in_doubt(deployment: Deployment) -> None:
    """Ctrl-C ends it between two handfuls: what was done is told and noted, the rest is left."""
    refuse(deployment, *(b"%d" % number for number in range(6000)))
    command = [sys.executable, "-m", "audit_cli", DEAD_LETTERS, "replay", "--json"]
    environment = clean_environment() | deployment.environment
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    partition = source_records(deployment)[0].origin.partition
    with TopicReader(deployment.consumer) as reader:
        wait_until(
            lambda: reader.bounds(f"{deployment.name}.events", partition)[1] > 6000,
            pause=0.05,
            what="it has begun to publish",
        )
    process.send_signal(signal.SIGINT)
    output, problems = process.communicate(timeout=60)
    assert process.returncode == 130
    assert problems == "auditlog: the replay ended early: interrupted\n"
    done = json.loads(output)["replayed"]
    assert 0 < done < 6000
    result = run(deployment)
    assert (result.already_replayed, result.replayed.total(), result.claimed_elsewhere) == (
        done,
        6000 - done,
        0,
    )
    assert set(origins(replayed(deployment)).values()) == {1}


def truncated_dead_letter(deployment: Deployment) -> bytes:
    """Have a record refused that the dead-letter topic matches only the beginning of; return it."""
    value = hashlib.shake_256(b"seed").digest(700_000) * 5
    producer = Producer(
        {
            "bootstrap.servers": deployment.servers.kafka,
            "compression.type": "zstd",
            "message.max.bytes": 10_000_000,
        }
    )
    producer.produce(f"{deployment.name}.events", value, key=b"key", headers={"x": b"1"})
    assert producer.flush(30) == 0
    consume_all(deployment)
    (letter,) = deployment.dead_letters()
    assert letter.header(SIZE_HEADER) == b"3500000"
    return value


def test_truncated_dead_letter_is_replayed_whole_from_the_source(deployment: Deployment) -> None:
    """While the source topic has the record, and it is that record by its digest."""
    value = truncated_dead_letter(deployment)
    assert "the first 65,536 bytes of 3,500,000" in call(deployment, DEAD_LETTERS, "show").stdout
    assert run(deployment).is_complete
    (again,) = replayed(deployment)
    assert (again.value, again.key, again.header("x")) == (value, b"key", b"1")


def test_truncated_dead_letter_is_refused_if_the_source_no_longer_has_it(
    deployment: Deployment,
) -> None:
    """Half an event is never published; a dry run says so too."""
    truncated_dead_letter(deployment)
    topic, partition = f"{deployment.name}.events", source_records(deployment)[0].origin.partition
    admin = AdminClient({"bootstrap.servers": deployment.servers.kafka})
    for deleted in admin.delete_records([TopicPartition(topic, partition, 1)]).values():
        deleted.result(30)
    for options in (("--dry-run",), ()):
        done = call(deployment, DEAD_LETTERS, "replay", *options, check=False)
        assert done.returncode == 1
        (sentence,) = done.stderr.splitlines()
        assert sentence == (
            f"auditlog: {topic} [{partition}] offset 0: the dead letter has only the first "
            f"65,536 of 3,500,000 bytes, and {topic} no longer has the record"
        )
    assert replayed(deployment) == []


def test_truncated_dead_letter_is_refused_if_another_record_has_its_offset(
    deployment: Deployment,
) -> None:
    """The topic was made again under its name."""
    truncated_dead_letter(deployment)
    (record,) = source_records(deployment)
    (letter,) = deployment.dead_letters()
    forged: list[tuple[str, str | bytes | None]] = [
        (name, b"0" * 64 if name == "audit.errors.sha256" else value) for name, value in letter.headers
    ]
    producer = Producer({"bootstrap.servers": deployment.servers.kafka})
    producer.produce(f"{deployment.name}.dead-letter", letter.value, headers=forged)
    assert producer.flush(30) == 0
    result = run(deployment)
    assert (result.replayed.total(), result.incomplete) == (1, 1)
    assert [one.value for one in replayed(deployment)] == [record.value]


def test_record_that_kafka_does_not_acknowledge_is_reported(
    deployment: Deployment,
) -> None:
    """The topic no longer accepts such records: exit status 1, and it counts as not replayed."""
    refuse(deployment, b"small", hashlib.shake_256(b"seed").digest(500_000))
    topic = f"{deployment.name}.events"
    set_limit(deployment, topic, 100_000)
    done = call(deployment, DEAD_LETTERS, "replay", check=False)
    assert done.returncode == 1
    assert "1 record not acknowledged by Kafka" in done.stderr
    assert f"Published 1 record to {topic} again" in done.stdout
    set_limit(deployment, topic, 1_000_000)
    wait_for_expiry(deployment)
    result = run(deployment, claim_lifetime=SHORT)
    assert (result.already_replayed, result.replayed.total()) == (1, 1)
    assert set(origins(replayed(deployment)).values()) == {1}


def set_limit(deployment: Deployment, topic: str, size: int) -> None:
    """Set how large a record of a topic may be."""
    admin = AdminClient({"bootstrap.servers": deployment.servers.kafka})
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(30)
