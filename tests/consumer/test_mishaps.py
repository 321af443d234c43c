"""The consumer against what goes wrong in a real company: each was a bug here once, or elsewhere."""

import hashlib
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from audit_admin import set_up
from audit_admin.lag import Lag
from audit_schemas.dead_letter import DIGEST_HEADER, REASON_HEADER, SIZE_HEADER
from audit_schemas.event import MAX_EVENT_BYTES
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions
from support.conditions import wait_until
from support.consumers import settle
from support.events import chat_opened
from support.proxy import proxied
from support.raw_header import publish_with_header
from support.servers import Deployment, Servers

pytestmark = pytest.mark.servers


def test_batch_that_a_rebalance_takes_away_does_not_leave_the_consumer_paused(
    servers: Servers, deployment: Deployment, log: Path
) -> None:
    """Stopped for longer than its session, it loses its partitions while it waits, and goes on."""
    with proxied(servers.elasticsearch) as proxy:
        deployment.servers = Servers(servers.kafka, proxy.url)
        with deployment.consuming(log=log) as process:
            deployment.publish_raw(*(chat_opened(n) for n in range(10)))
            settle(deployment, log, process)
            proxy.cut()
            deployment.publish_raw(*(chat_opened(n) for n in range(10, 100)))
            wait_until(lambda: '"event": "waiting"' in log.read_text(), what="it waits")
            process.send_signal(signal.SIGSTOP)
            # Nobody can be asked about a session that ran out: its length is the condition.
            time.sleep(float(deployment.environment["AUDITLOG_SESSION_SECONDS"]) + 2)
            process.send_signal(signal.SIGCONT)
            wait_until(lambda: "partitions lost" in log.read_text(), what="its partitions are lost")
            proxy.restore()
            settle(deployment, log, process)
        deployment.servers = servers
    assert deployment.count() == 100
    assert deployment.dead_letters() == []


def test_start_latest_decides_once(deployment: Deployment, log: Path) -> None:
    """What is published while the consumer is down is read, although it is told latest again."""
    deployment.publish_raw(chat_opened(0))
    command = ("--start", "latest")
    with deployment.consuming(*command, log=log) as process:
        wait_until(lambda: "starting point" in log.read_text(), what="it has begun")
        process.terminate()
        assert process.wait(120) == 0
    deployment.publish_raw(*(chat_opened(n) for n in range(1, 21)))
    with deployment.consuming(*command, log=log) as process:
        settle(deployment, log, process)
    assert deployment.count() == 20


def test_added_partition_is_read_by_who_has_not_heard_of_it(deployment: Deployment, log: Path) -> None:
    """A group's leader assigns it as soon as itself knows; the others learn of it minutes later."""
    settings = deployment.consumer
    quick = {"topic.metadata.refresh.interval.ms": 500}
    leader = Consumer(settings.consumer_config() | quick)

    def leads(partitions: int) -> bool:
        leader.poll(0)
        return len(leader.assignment()) == partitions

    leader.subscribe([settings.topic])
    wait_until(lambda: leads(6), what="the first member has all partitions")
    with deployment.consuming(log=log) as process:
        wait_until(lambda: leads(3), what="the second has half of them")
        admin = AdminClient(settings.kafka_config())
        admin.create_partitions([NewPartitions(settings.topic, 8)])[settings.topic].result(60)
        wait_until(lambda: leads(4), what="each has a new one")
        leader.close()  # so that all is the consumer's
        producer = Producer(settings.kafka_config())
        for number in range(8):
            producer.produce(settings.topic, chat_opened(number), partition=number)
        assert producer.flush(60) == 0
        wait_until(
            lambda: process.poll() is not None or deployment.count() == 8, what="all events are indexed"
        )
        assert process.poll() is None, log.read_text()


def test_client_that_holds_enough_fetches_again_as_soon_as_some_is_read(deployment: Deployment) -> None:
    """Left to itself it waits for a second each time, and all that it holds is read in a tenth."""
    settings = deployment.consumer.model_copy(update={"fetch_bytes": 1024 * 1024})
    deployment.publish_raw(*(bytes(64 * 1024) for _ in range(300)), key=b"one partition")
    client = Consumer(settings.consumer_config())
    client.assign([TopicPartition(settings.topic, partition, 0) for partition in range(6)])
    assert len(client.consume(1, 60)) == 1
    began = time.monotonic()
    for _ in range(299):  # near twenty times what it may hold
        time.sleep(0.005)  # what the reader does with a record: the client is to be ahead of it
        assert len(client.consume(1, 60)) == 1
    client.close()
    assert time.monotonic() - began < 6


def close_index(deployment: Deployment, index: str) -> None:
    """Close it, as an operator does to save memory."""
    with deployment.client() as client:
        client.indices.close(index=index)


def name_a_missing_pipeline(deployment: Deployment, index: str) -> None:
    """Set a pipeline that is not there."""
    with deployment.client() as client:
        client.indices.put_settings(index=index, settings={"index.default_pipeline": "no-such"})


def make_the_index_of_an_older_version(deployment: Deployment, index: str) -> None:
    """Leave out a field that this version's documents have."""
    with deployment.client() as client:
        found = client.indices.get_mapping(index=index)[index]["mappings"]
        client.indices.delete(index=index)
        del found["properties"]["audit"]["properties"]["chat"]
        client.indices.delete_index_template(name=deployment.name)
        client.indices.create(index=index, mappings=found)
        templates: Any = deployment.extra.pop("template")
        client.indices.put_index_template(name=deployment.name, **json.loads(templates))


@pytest.mark.parametrize(
    "mistake", [close_index, name_a_missing_pipeline, make_the_index_of_an_older_version]
)
def test_operators_mistake_is_never_a_dead_letter(
    deployment: Deployment, log: Path, mistake: Any
) -> None:
    """Elasticsearch answers 400 for each event, which looks like the events' fault, and is not."""
    deployment.publish_raw(chat_opened(0))
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    (document,) = deployment.documents()
    with deployment.client() as client:
        found = client.indices.get_index_template(name=deployment.name)["index_templates"][0]
        body = found["index_template"]
    kept = {key: body[key] for key in ("index_patterns", "priority", "template")}
    deployment.extra["template"] = json.dumps(kept | {"meta": body["_meta"]})
    mistake(deployment, document["_index"])
    deployment.extra.pop("template", None)
    deployment.publish_raw(*(chat_opened(n) for n in range(1, 8)))
    with deployment.consuming(log=log) as process:
        assert process.wait(120) == 1
    assert "Traceback" not in log.read_text()
    assert "auditlog doctor" in log.read_text()
    assert deployment.dead_letters() == []
    with Lag(deployment.consumer) as lag:
        assert lag.records() == 7


def test_header_that_can_not_be_read_is_dead_lettered(deployment: Deployment, log: Path) -> None:
    """Kafka takes any bytes as a header's name; one such record must not stop everyone."""
    value = chat_opened(1)
    topic = f"{deployment.name}.events"
    publish_with_header(deployment.servers.kafka, topic, value, b"trace-\xff\xfe")
    deployment.publish_raw(chat_opened(2))
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    (letter,) = deployment.dead_letters()
    assert (letter.value, letter.header(REASON_HEADER)) == (value, b"malformed")
    assert deployment.count() == 1


def kafka_producer(deployment: Deployment, **config: Any) -> Producer:
    """Return a client that does what it likes."""
    return Producer({"bootstrap.servers": deployment.servers.kafka} | config)


def test_record_that_the_dead_letter_topic_does_not_take_is_cut(
    deployment: Deployment, log: Path
) -> None:
    """A topic's limit is of compressed batches: what came in small may not go out again."""
    noise = hashlib.shake_256(b"seed").digest(700_000)
    value = noise * 5
    config = {"compression.type": "zstd", "message.max.bytes": 10_000_000}
    hostile = kafka_producer(deployment, **config)
    hostile.produce(f"{deployment.name}.events", value, key=b"one partition")
    assert hostile.flush(120) == 0
    deployment.publish_raw(chat_opened(2), key=b"one partition")
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    (letter,) = deployment.dead_letters()
    assert letter.value == value[:65536]
    assert letter.header(SIZE_HEADER) == b"3500000"
    assert letter.header(DIGEST_HEADER) == hashlib.sha256(value).hexdigest().encode()
    assert letter.header(REASON_HEADER) == b"too-large"
    assert deployment.count() == 1


def test_document_that_nobody_consumed_is_a_conflict_not_a_crash(
    deployment: Deployment, log: Path
) -> None:
    """Someone indexed a document by hand under an id that an event then has."""
    value = chat_opened(1)
    event = json.loads(value)
    index = f"{deployment.name}-{event['@timestamp'][:7].replace('-', '.')}"
    with deployment.client() as client:
        client.index(index=index, id=event["event"]["id"], document={"message": "by hand"})
    deployment.publish_raw(value, chat_opened(2))
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    (letter,) = deployment.dead_letters()
    assert letter.header(REASON_HEADER) == b"id-conflict"
    assert deployment.count() == 2


def test_sigterm_while_it_waits_for_its_start_ends_it_at_once(
    servers: Servers, deployment: Deployment, log: Path
) -> None:
    """Ten seconds are all that a container's stop gives."""
    deployment.servers = Servers(servers.kafka, "http://127.0.0.1:1")
    with deployment.consuming(log=log) as process:
        wait_until(lambda: log.read_text().count("waiting") > 2, what="it waits longer and longer")
        process.terminate()
        assert process.wait(9) == 0
    deployment.servers = servers


def test_documents_of_a_topic_that_is_no_more_prove_nothing(deployment: Deployment, log: Path) -> None:
    """A topic was deleted and made again: old documents do not vouch for new records."""
    deployment.publish_raw(*(chat_opened(n) for n in range(40)))
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    topic = f"{deployment.name}.events"
    admin = AdminClient({"bootstrap.servers": deployment.servers.kafka})
    admin.delete_topics([topic])[topic].result(30)
    wait_until(lambda: topic not in admin.list_topics(timeout=60).topics, what="the topic is gone")
    list(set_up(deployment.setup))
    deployment.publish_raw(*(chat_opened(n) for n in range(40)))
    (proof,) = deployment.run("verify", check=False).stdout.splitlines()[-1:]
    assert proof.startswith("published 40 = indexed 0 + duplicates 0 + dead-lettered 0 + ")


def test_line_over_the_limit_is_refused_alone(deployment: Deployment, tmp_path: Path) -> None:
    """One large event does not keep the rest of its file from being published."""
    change = [{"field": f"f{n}", "after": "x" * 8000} for n in range(150)]
    large = json.loads(chat_opened(1)) | {
        "audit": {"actor": {"kind": "user"}, "chat": {"id": "c"}, "changes": change}
    }
    file = tmp_path / "events.ndjson"
    file.write_bytes(json.dumps(large).encode() + b"\n" + chat_opened(2) + b"\n")
    done = deployment.run("publish", str(file), check=False)
    assert done.returncode == 1
    assert f"the limit is {MAX_EVENT_BYTES}" in done.stderr
    assert done.stderr.startswith("line 1: ")
    assert "1 event published" in done.stdout
    assert len(deployment.records(f"{deployment.name}.events")) == 1
