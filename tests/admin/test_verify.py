"""`auditlog verify`, on real servers: what it reports, names and repairs."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from audit_admin import PartitionReconciliation, set_up
from audit_admin import verify as prove
from audit_admin.verification.commands import closing_line
from audit_producer import AuditProducer
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from support.conditions import wait_until
from support.consumers import settle
from support.events import chat_opened, raw
from support.servers import Deployment

pytestmark = pytest.mark.servers


def verify(deployment: Deployment) -> tuple[list[PartitionReconciliation], str]:
    """Return the results of all partitions, and the equation."""
    results = list(prove(deployment.consumer))
    return results, closing_line(results)


def consume(deployment: Deployment, log: Path) -> None:
    """Let a consumer settle all that is published."""
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)


def publish(deployment: Deployment, values: Iterable[bytes], **config: Any) -> None:
    """Publish to one partition, many at a time."""
    producer = Producer({"bootstrap.servers": deployment.servers.kafka, "linger.ms": 20} | config)
    for value in values:
        producer.produce(f"{deployment.name}.events", value, key=b"one partition")
        producer.poll(0)
    assert producer.flush(60) == 0


def delete(deployment: Deployment, *offsets: int) -> None:
    """Delete the documents of these offsets, as nobody should be able to."""
    with deployment.client() as client:
        client.indices.refresh(index=f"{deployment.name}-*")
        for offset in offsets:
            term = {"term": {"audit.kafka.offset": offset}}
            for hit in client.search(index=f"{deployment.name}-*", query=term)["hits"]["hits"]:
                client.delete(index=hit["_index"], id=hit["_id"], refresh=True)


def know_frobnication(deployment: Deployment, folder: Path) -> None:
    """Give the deployment a catalogue of its own."""
    catalogue = folder / "own.toml"
    catalogue.write_text(
        '[activities.frobnicated]\ndescription = "It was."\n'
        'category = ["process"]\ntype = ["info"]\noutcome = "unknown"\n'
    )
    deployment.extra["AUDITLOG_CATALOGUE"] = str(catalogue)


def copy(deployment: Deployment, offset: int, to: int, identifier: str) -> None:
    """Write a document that says that it is of another record, as another cluster's would."""
    with deployment.client() as client:
        client.indices.refresh(index=f"{deployment.name}-*")
        term = {"term": {"audit.kafka.offset": offset}}
        (hit,) = client.search(index=f"{deployment.name}-*", query=term)["hits"]["hits"]
        source = hit["_source"]
        source["event"]["id"] = identifier
        source["audit"]["kafka"]["offset"] = to
        client.index(index=hit["_index"], id=identifier, document=source, refresh=True)


def test_one_missing_document_of_many_is_named_by_its_offset(deployment: Deployment, log: Path) -> None:
    """12,000 records in one partition, one document gone: exit status 1, and which one."""
    publish(deployment, (chat_opened(number) for number in range(12_000)))
    consume(deployment, log)
    assert verify(deployment)[1] == "published 12000 = indexed 12000 + duplicates 0 + dead-lettered 0"
    delete(deployment, 7_777)
    done = deployment.run("verify", check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("missing: ")]
    assert line.endswith(", offset 7777")
    assert "To index what is missing: auditlog verify --repair" in done.stdout
    assert done.stderr == ""


def test_ends_of_a_slice_are_looked_at_like_its_middle(deployment: Deployment, log: Path) -> None:
    """The first and the last offset, those where slices meet, and runs of them."""
    publish(deployment, (chat_opened(number) for number in range(10_050)))
    consume(deployment, log)
    gone = [0, 4_998, 4_999, 5_000, 5_001, 9_999, 10_000, 10_049]
    delete(deployment, *gone)
    (result,) = [result for result in verify(deployment)[0] if result.published]
    assert list(result.missing) == gone
    assert list(result.missing.ranges()) == [(0, 0), (4_998, 5_001), (9_999, 10_000), (10_049, 10_049)]


def test_document_that_is_there_twice_does_not_stand_in_for_one_that_is_missing(
    deployment: Deployment, log: Path
) -> None:
    """Another cluster writes into the index under the same topic name: as many, but not the same."""
    publish(deployment, (chat_opened(number) for number in range(5_000)))
    consume(deployment, log)
    copy(deployment, 17, to=18, identifier="of-another-cluster")
    results, _ = verify(deployment)
    assert [list(result.conflicting) for result in results if result.published] == [[18]]
    assert not all(result.is_reconciled for result in results)
    delete(deployment, 4_000)
    done = deployment.run("verify", "--json", check=False)
    assert done.returncode == 1
    (result,) = [result for result in json.loads(done.stdout) if result["published"]]
    assert (result["missing"], result["conflicting"]) == ([[4_000, 4_000]], [[18, 18]])
    assert "Does another Kafka cluster" in deployment.run("verify", check=False).stdout


def test_records_that_expired_are_not_looked_for(deployment: Deployment, log: Path) -> None:
    """Kafka keeps a month, the index a year: documents of records that are gone are no surplus."""
    publish(deployment, (chat_opened(number) for number in range(300)))
    consume(deployment, log)
    (place,) = [
        TopicPartition(f"{deployment.name}.events", result.partition, 2)
        for result in verify(deployment)[0]
        if result.published
    ]
    admin = AdminClient({"bootstrap.servers": deployment.servers.kafka})
    for deleted in admin.delete_records([place]).values():
        deleted.result(30)
    assert verify(deployment)[1] == "published 298 = indexed 298 + duplicates 0 + dead-lettered 0"
    # As many as there should be, and the same sum: one that expired, one that is still to come.
    copy(deployment, 10, to=349, identifier="still-to-come-000")
    delete(deployment, 0, 150, 200)
    results, line = verify(deployment)
    assert line == "published 298 = indexed 296 + duplicates 0 + dead-lettered 0 + missing 2"
    assert [list(result.missing) for result in results if result.published] == [[150, 200]]


def test_offsets_that_are_no_records_are_not_missing(deployment: Deployment, log: Path) -> None:
    """A publisher with transactions leaves marks in the topic, and what it took back."""
    producer = Producer(
        {"bootstrap.servers": deployment.servers.kafka, "transactional.id": deployment.name}
    )
    producer.init_transactions(30)
    for end in (producer.commit_transaction, producer.abort_transaction, producer.commit_transaction):
        producer.begin_transaction()
        for number in range(3):
            producer.produce(f"{deployment.name}.events", chat_opened(number), key=b"one partition")
        producer.flush(30)
        end(30)
    with deployment.consuming(log=log):
        wait_until(lambda: deployment.count() == 6, what="all that was committed is indexed")
    assert verify(deployment)[1] == "published 6 = indexed 6 + duplicates 0 + dead-lettered 0"


def test_long_backlog_is_counted_without_reading_it(deployment: Deployment, log: Path) -> None:
    """What nobody has read yet needs no result; it is not read only to be counted."""
    publish(deployment, (chat_opened(number) for number in range(10)))
    consume(deployment, log)
    publish(deployment, [b"poison"] * 60_000, **{"queue.buffering.max.messages": 100_000})
    assert verify(deployment)[1] == (
        "published 60010 = indexed 10 + duplicates 0 + dead-lettered 0 + not consumed yet 60000"
    )


def test_dead_letters_of_a_topic_that_is_no_more_prove_nothing(
    deployment: Deployment, log: Path
) -> None:
    """A topic was deleted and made again: old dead letters do not vouch for new records."""
    publish(deployment, [b"poison"] * 20)
    consume(deployment, log)
    topic = f"{deployment.name}.events"
    admin = AdminClient({"bootstrap.servers": deployment.servers.kafka})
    admin.delete_topics([topic])[topic].result(30)
    wait_until(lambda: topic not in admin.list_topics(timeout=10).topics, what="the topic is gone")
    last = max(letter.received for letter in deployment.dead_letters())
    # Within a second, clocks of brokers may differ: only later records are told from earlier ones.
    wait_until(lambda: datetime.now(UTC) - last > timedelta(seconds=2), what="time has passed")
    list(set_up(deployment.setup))
    publish(deployment, [b"poison"] * 20)
    _, line = verify(deployment)
    assert line.startswith("published 20 = indexed 0 + duplicates 0 + dead-lettered 0 + ")


def test_duplicates_are_told_from_losses_by_their_ids(deployment: Deployment, log: Path) -> None:
    """A duplicate leaves no trace but the document of the first; 3,000 of them are looked up."""
    values = [chat_opened(number) for number in range(3_000)]
    publish(deployment, values)
    publish(deployment, values)
    consume(deployment, log)
    assert verify(deployment)[1] == "published 6000 = indexed 3000 + duplicates 3000 + dead-lettered 0"


def test_proof_with_another_catalogue_says_what_is_wrong(
    deployment: Deployment, log: Path, tmp_path: Path
) -> None:
    """A duplicate of an activity that is not known here can't be looked up: that is told."""
    know_frobnication(deployment, tmp_path)
    publish(deployment, [raw(action="frobnicated")] * 2)
    value = raw(event={"id": "frobnicated-000001", "action": "frobnicated"})
    publish(deployment, [value, value])
    consume(deployment, log)
    assert deployment.run("verify").returncode == 0
    del deployment.extra["AUDITLOG_CATALOGUE"]
    done = deployment.run("verify", check=False)
    assert done.returncode == 1
    assert "would now be refused as unknown-activity" in done.stdout
    assert "AUDITLOG_CATALOGUE" in done.stdout


def bodies(deployment: Deployment) -> dict[str, Any]:
    """Return all documents by id, less when they were written."""
    found = {}
    for document in deployment.documents():
        document["event"] |= {"created": "", "ingested": ""}
        found[document["_id"]] = document
    return found


def test_repair_after_an_index_was_deleted(deployment: Deployment, log: Path) -> None:
    """Everything is as it was: documents under their ids, duplicates, dead letters, none twice."""
    values = [chat_opened(number) for number in range(2_500)]
    publish(deployment, [*values, b"poison", values[7]])
    consume(deployment, log)
    before = bodies(deployment)
    assert len(before) == 2_500
    with deployment.client() as client:
        for index in client.indices.get(index=f"{deployment.name}-*"):
            client.indices.delete(index=index)
    assert deployment.run("verify", check=False).returncode == 1
    done = deployment.run("verify", "--repair")
    assert "Repaired 2,501 records: 2,500 indexed, 1 duplicate, 0 dead-lettered" in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "published 2502 = indexed 2500 + duplicates 1 + dead-lettered 1"
    )
    assert bodies(deployment) == before
    assert len(deployment.dead_letters()) == 1
    again = deployment.run("verify", "--repair")
    assert "Nothing is missing, so there was nothing to repair" in again.stdout


def test_repair_goes_the_consumers_way(deployment: Deployment, log: Path, tmp_path: Path) -> None:
    """What is refused now is dead-lettered with its reason; replayed once mended, it is indexed."""
    know_frobnication(deployment, tmp_path)
    publish(deployment, [chat_opened(1), raw(action="frobnicated")])
    consume(deployment, log)
    before = bodies(deployment)
    delete(deployment, 0, 1)
    catalogue = deployment.extra.pop("AUDITLOG_CATALOGUE")
    result = json.loads(deployment.run("verify", "--repair", "--json").stdout)
    assert result["repaired"] == {"indexed": 1, "duplicate": 0, "dead-lettered": 1}
    assert sum(result["dead_lettered"] for result in result["partitions"]) == 1
    deployment.extra["AUDITLOG_CATALOGUE"] = catalogue
    deployment.run("dead-letters", "replay", "--reason", "unknown-activity")
    consume(deployment, log)
    assert bodies(deployment).keys() == before.keys()
    assert deployment.run("verify").returncode == 0


def test_repair_beside_a_running_consumer_doubles_nothing(deployment: Deployment, log: Path) -> None:
    """Events keep coming while an index is written anew."""
    publish(deployment, (chat_opened(number) for number in range(2_000)))
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
        with deployment.client() as client:
            for index in client.indices.get(index=f"{deployment.name}-*"):
                client.indices.delete(index=index)
        with AuditProducer(deployment.producer) as producer:
            for number in range(2_000):
                producer.chat_opened(user=f"user-{number}", chat="c")
        deployment.run("verify", "--repair")
        settle(deployment, log, process)
    assert deployment.count() == 4_000
    assert deployment.dead_letters() == []
    assert verify(deployment)[1] == "published 4000 = indexed 4000 + duplicates 0 + dead-lettered 0"


def test_repair_that_elasticsearch_refuses_is_told(deployment: Deployment, log: Path) -> None:
    """A fault of the set-up is one sentence, and dead-letters nothing."""
    publish(deployment, [chat_opened(number) for number in range(5)])
    consume(deployment, log)
    delete(deployment, 2)
    with deployment.client() as client:
        client.indices.put_settings(index=f"{deployment.name}-*", settings={"index.blocks.write": True})
    done = deployment.run("verify", "--repair", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("auditlog: Elasticsearch does not let 1 events into")
    assert deployment.dead_letters() == []
    with deployment.client() as client:
        client.indices.put_settings(
            index=f"{deployment.name}-*", settings={"index.blocks.write": False}
        )
    assert deployment.run("verify", "--repair").returncode == 0
