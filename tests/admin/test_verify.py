"""`auditlog verify`, on real servers: what it reports, names and repairs."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from audit_admin import PartitionReconciliation, set_up
from audit_admin import verify as prove
from audit_admin.verification import documents
from audit_admin.verification.commands import closing_line
from audit_producer import AuditProducer
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from support.conditions import wait_until
from support.consumed import consume_all
from support.consumers import settle
from support.events import chat_opened, raw
from support.in_process import call
from support.servers import Deployment

pytestmark = pytest.mark.servers


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few hundred records be several slices."""
    monkeypatch.setattr(documents, "_SLICE", 500)


def verify(deployment: Deployment) -> tuple[list[PartitionReconciliation], str]:
    """Return the results of all partitions, and the equation."""
    results = list(prove(deployment.consumer))
    return results, closing_line(results)


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


@pytest.mark.usefixtures("small_slices")
def test_one_missing_document_of_many_is_named_by_its_offset(deployment: Deployment) -> None:
    """1,200 records in one partition, one document gone: exit status 1, and which one."""
    publish(deployment, (chat_opened(number) for number in range(1_200)))
    consume_all(deployment)
    assert verify(deployment)[1] == "published 1200 = indexed 1200 + duplicates 0 + dead-lettered 0"
    delete(deployment, 777)
    done = call(deployment, "verify", check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("missing: ")]
    assert line.endswith(", offset 777")
    assert "To index what is missing: auditlog verify --repair" in done.stdout
    assert done.stderr == ""


@pytest.mark.usefixtures("small_slices")
def test_ends_of_a_slice_are_looked_at_like_its_middle(deployment: Deployment) -> None:
    """The first and the last offset, those where slices meet, and runs of them."""
    publish(deployment, (chat_opened(number) for number in range(1_005)))
    consume_all(deployment)
    gone = [0, 498, 499, 500, 501, 999, 1_000, 1_004]
    delete(deployment, *gone)
    (result,) = [result for result in verify(deployment)[0] if result.published]
    assert list(result.missing) == gone
    assert list(result.missing.ranges()) == [(0, 0), (498, 501), (999, 1_000), (1_004, 1_004)]


@pytest.mark.usefixtures("small_slices")
def test_document_that_is_there_twice_does_not_stand_in_for_one_that_is_missing(
    deployment: Deployment,
) -> None:
    """Another cluster writes into the index under the same topic name: as many, but not the same."""
    publish(deployment, (chat_opened(number) for number in range(500)))
    consume_all(deployment)
    copy(deployment, 17, to=18, identifier="of-another-cluster")
    results, _ = verify(deployment)
    assert [list(result.conflicting) for result in results if result.published] == [[18]]
    assert not all(result.is_reconciled for result in results)
    delete(deployment, 400)
    done = call(deployment, "verify", "--json", check=False)
    assert done.returncode == 1
    (result,) = [result for result in json.loads(done.stdout) if result["published"]]
    assert (result["missing"], result["conflicting"]) == ([[400, 400]], [[18, 18]])
    assert "Does another Kafka cluster" in call(deployment, "verify", check=False).stdout


def test_records_that_expired_are_not_looked_for(deployment: Deployment) -> None:
    """Kafka keeps a month, the index a year: documents of records that are gone are no surplus."""
    publish(deployment, (chat_opened(number) for number in range(300)))
    consume_all(deployment)
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


def test_long_backlog_is_counted_without_reading_it(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody has read yet needs no result; it is not read only to be counted."""
    publish(deployment, (chat_opened(number) for number in range(10)))
    consume_all(deployment)
    publish(deployment, [b"poison"] * 600)
    monkeypatch.setattr("audit_admin.verification.reconciliation._MAX_BACKLOG", 500)
    assert verify(deployment)[1] == (
        "published 610 = indexed 10 + duplicates 0 + dead-lettered 0 + not consumed yet 600"
    )


def test_dead_letters_of_a_topic_that_is_no_more_prove_nothing(deployment: Deployment) -> None:
    """A topic was deleted and made again: old dead letters do not vouch for new records."""
    publish(deployment, [b"poison"] * 20)
    consume_all(deployment)
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


def test_duplicates_are_told_from_losses_by_their_ids(deployment: Deployment) -> None:
    """A duplicate leaves no trace but the document of the first; 700 are looked up, in two requests."""
    values = [chat_opened(number) for number in range(700)]
    publish(deployment, values)
    publish(deployment, values)
    consume_all(deployment)
    assert verify(deployment)[1] == "published 1400 = indexed 700 + duplicates 700 + dead-lettered 0"


def test_verification_with_another_catalogue_says_what_is_wrong(
    deployment: Deployment, tmp_path: Path
) -> None:
    """A duplicate of an activity that is not known here can't be looked up: that is told."""
    know_frobnication(deployment, tmp_path)
    publish(deployment, [raw(action="frobnicated")] * 2)
    value = raw(event={"id": "frobnicated-000001", "action": "frobnicated"})
    publish(deployment, [value, value])
    consume_all(deployment)
    assert call(deployment, "verify").returncode == 0
    del deployment.extra["AUDITLOG_CATALOGUE"]
    done = call(deployment, "verify", check=False)
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


def test_repair_after_an_index_was_deleted(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is as it was: documents under their ids, duplicates, dead letters, none twice."""
    monkeypatch.setattr("audit_admin.verification.repair._BATCH_RECORDS", 100)
    values = [chat_opened(number) for number in range(250)]
    publish(deployment, [*values, b"poison", values[7]])
    consume_all(deployment)
    before = bodies(deployment)
    assert len(before) == 250
    with deployment.client() as client:
        for index in client.indices.get(index=f"{deployment.name}-*"):
            client.indices.delete(index=index)
    assert call(deployment, "verify", check=False).returncode == 1
    done = call(deployment, "verify", "--repair")
    assert "Repaired 251 records: 250 indexed, 1 duplicate, 0 dead-lettered" in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "published 252 = indexed 250 + duplicates 1 + dead-lettered 1"
    )
    assert bodies(deployment) == before
    assert len(deployment.dead_letters()) == 1
    again = call(deployment, "verify", "--repair")
    assert "Nothing is missing, so there was nothing to repair" in again.stdout


def test_repair_goes_the_consumers_way(deployment: Deployment, tmp_path: Path) -> None:
    """What is refused now is dead-lettered with its reason; once that is fixed, a replay indexes it."""
    know_frobnication(deployment, tmp_path)
    publish(deployment, [chat_opened(1), raw(action="frobnicated")])
    consume_all(deployment)
    before = bodies(deployment)
    delete(deployment, 0, 1)
    catalogue = deployment.extra.pop("AUDITLOG_CATALOGUE")
    result = json.loads(call(deployment, "verify", "--repair", "--json").stdout)
    assert result["repaired"] == {"indexed": 1, "duplicate": 0, "dead-lettered": 1}
    assert sum(result["dead_lettered"] for result in result["partitions"]) == 1
    deployment.extra["AUDITLOG_CATALOGUE"] = catalogue
    call(deployment, "dead-letters", "replay", "--reason", "unknown-activity")
    consume_all(deployment)
    assert bodies(deployment).keys() == before.keys()
    assert call(deployment, "verify").returncode == 0


def test_repair_beside_a_running_consumer_doubles_nothing(deployment: Deployment, log: Path) -> None:
    """Events keep coming while an index is written anew."""
    publish(deployment, (chat_opened(number) for number in range(1_000)))
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
        with deployment.client() as client:
            for index in client.indices.get(index=f"{deployment.name}-*"):
                client.indices.delete(index=index)
        with AuditProducer(deployment.producer) as producer:
            for number in range(1_000):
                producer.chat_opened(user=f"user-{number}", chat="c")
        call(deployment, "verify", "--repair")
        settle(deployment, log, process)
    assert deployment.count() == 2_000
    assert deployment.dead_letters() == []
    assert verify(deployment)[1] == "published 2000 = indexed 2000 + duplicates 0 + dead-lettered 0"


def test_repair_that_elasticsearch_refuses_is_told(deployment: Deployment) -> None:
    """A fault of the set-up is one sentence, and dead-letters nothing."""
    publish(deployment, [chat_opened(number) for number in range(5)])
    consume_all(deployment)
    delete(deployment, 2)
    with deployment.client() as client:
        client.indices.put_settings(index=f"{deployment.name}-*", settings={"index.blocks.write": True})
    done = call(deployment, "verify", "--repair", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "auditlog: Elasticsearch rejected 1 events for index"
    )
    assert deployment.dead_letters() == []
    with deployment.client() as client:
        client.indices.put_settings(
            index=f"{deployment.name}-*", settings={"index.blocks.write": False}
        )
    assert call(deployment, "verify", "--repair").returncode == 0
