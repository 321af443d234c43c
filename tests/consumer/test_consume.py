"""The consumer against real servers: what becomes of each kind of record."""

import json
import signal
import uuid
from collections import Counter
from pathlib import Path

import pytest
from audit_admin.lag import Lag
from audit_consumer.record import Record
from audit_producer import AuditProducer
from audit_schemas.dead_letter import MESSAGE_HEADER, REASON_HEADER, origin_of
from support.conditions import wait_until
from support.consumers import settle
from support.events import chat_opened, fields, raw
from support.proxy import Network, proxied
from support.servers import Deployment, Servers

pytestmark = pytest.mark.servers


def reasons(records: list[Record]) -> Counter[str]:
    """Count dead letters by their reason."""
    return Counter((record.header(REASON_HEADER) or b"").decode() for record in records)


def test_valid_event_is_indexed_under_its_own_id(deployment: Deployment, log: Path) -> None:
    """A document's id is the event's, its index the month of the event's own time."""
    value = chat_opened()
    deployment.publish_raw(value)
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    (document,) = deployment.documents()
    event = json.loads(value)
    assert document["_id"] == event["event"]["id"]
    assert document["_index"] == f"{deployment.name}-{event['@timestamp'][:7].replace('-', '.')}"
    assert document["@timestamp"] == event["@timestamp"]
    assert document["audit"]["kafka"]["topic"] == f"{deployment.name}.events"


def test_refused_record_goes_to_dead_letters_as_it_was(deployment: Deployment, log: Path) -> None:
    """Bytes, key and headers are untouched; the reason, path and origin are in added headers."""
    poison = b'{"event": \xff'
    deployment.publish_raw(poison, key=b"k\x00ey", headers={"trace": b"abc"})
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    (letter,) = deployment.dead_letters()
    assert (letter.value, letter.key) == (poison, b"k\x00ey")
    assert letter.header("trace") == b"abc"
    assert letter.header(REASON_HEADER) == b"malformed"
    assert letter.header(MESSAGE_HEADER)
    origin = origin_of(letter.headers)
    assert origin is not None
    assert (origin.topic, origin.offset) == (f"{deployment.name}.events", 0)
    assert deployment.count() == 0


def test_each_refusal_has_its_reason(deployment: Deployment, log: Path) -> None:
    """Poison of every kind is dead-lettered with its reason, and the good event gets through."""
    deployment.publish_raw(
        chat_opened(),
        None,
        b"",
        b"[1]",
        b'{"a": 1, "a": 2}',
        raw(surprise=1),
        raw(action="no-such-activity"),
        raw(action="chat-opened"),
        raw(**{"@timestamp": "2019-01-01T00:00:00Z"}),
        raw(**{"@timestamp": "2999-01-01T00:00:00Z"}),
    )
    deployment.publish_raw(chat_opened(), headers={"audit-schema": b"1.7"})
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    assert reasons(deployment.dead_letters()) == {
        "malformed": 3,
        "duplicate-key": 1,
        "invalid": 1,
        "unknown-activity": 1,
        "missing-context": 1,
        "too-old": 1,
        "too-new": 1,
        "schema-newer": 1,
    }
    assert deployment.count() == 1


def test_fault_of_the_setup_stops_the_start_and_dead_letters_nothing(
    bare: Deployment, deployment: Deployment, log: Path
) -> None:
    """An index that is not ours is the operator's to mend: nothing is committed or refused."""
    with bare.client() as client:
        month = fields()["@timestamp"][:7].replace("-", ".")
        template = client.indices.get_index_template(name=bare.name)["index_templates"][0]
        client.indices.delete_index_template(name=bare.name)
        client.indices.create(index=f"{bare.name}-{month}", mappings={"dynamic": "strict"})
        body = template["index_template"]
        client.indices.put_index_template(
            name=bare.name,
            index_patterns=body["index_patterns"],
            priority=body["priority"],
            template=body["template"],
            meta=body["_meta"],
        )
    deployment.publish_raw(chat_opened())
    with deployment.consuming(log=log) as process:
        assert process.wait(120) == 1
    assert "auditlog doctor" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert deployment.dead_letters() == []
    with Lag(deployment.consumer) as lag:
        assert lag.records() == 1


def test_missing_template_stops_the_start_with_what_to_do(bare: Deployment, log: Path) -> None:
    """Without its template an index would get a guessed mapping, so the consumer does not start."""
    with bare.consuming(log=log) as process:
        assert process.wait(120) == 1
    assert log.read_text().splitlines()[-1] == (
        f"auditlog: The index template {bare.name} is missing. Create it with: auditlog setup"
    )


def test_first_start_must_say_where(deployment: Deployment) -> None:
    """A group that never read does not guess; the message names both ways."""
    done = deployment.run("consume", check=False)
    assert done.returncode == 1
    assert "--start earliest" in done.stderr
    assert "Traceback" not in done.stderr


def test_second_start_goes_on_without_being_told(deployment: Deployment, log: Path) -> None:
    """A group that has read once, even nothing, needs no --start, and reads nothing again."""
    deployment.publish_raw(chat_opened(1))
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    deployment.publish_raw(*(chat_opened(n) for n in range(2, 20)))
    log.write_text("")
    with deployment.consuming(log=log) as process:  # --start has no effect now
        settle(deployment, log, process)
    assert '"indexed": 18, "duplicate": 0' in log.read_text()


def test_sigterm_drains_commits_and_exits_well(deployment: Deployment, log: Path) -> None:
    """What was read when SIGTERM came is settled and committed; the rest is left for next time."""
    with AuditProducer(deployment.producer) as producer:
        for number in range(10_000):
            producer.chat_opened(user=f"user-{number}", chat="c")
    with deployment.consuming(log=log) as process:
        wait_until(lambda: deployment.count() > 0, pause=0.02, what="the first events are indexed")
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    with Lag(deployment.consumer) as lag:
        assert deployment.count() + lag.records() == 10_000


def test_kill_minus_nine_loses_and_doubles_nothing(
    servers: Servers, deployment: Deployment, log: Path
) -> None:
    """Killed in the middle of 10,000 events and started again: exactly 10,000 documents."""
    with AuditProducer(deployment.producer) as producer:
        for number in range(10_000):
            producer.chat_opened(user=f"user-{number}", chat="c")
    far_away = Network(round_trip_seconds=0.2)  # with bulks of 500, it needs at least four seconds
    with proxied(servers.elasticsearch, far_away) as proxy:
        deployment.extra |= {"AUDITLOG_BULK_EVENTS": "500", "AUDITLOG_BULKS": "1"}
        deployment.servers = Servers(servers.kafka, proxy.url)
        with deployment.consuming(log=log) as process:
            deployment.servers = servers
            deployment.extra.clear()
            wait_until(lambda: deployment.count() > 0, pause=0.02, what="the first events are indexed")
            process.kill()
            process.wait()
    assert 0 < deployment.count() < 10_000, "the kill came too late to prove anything"
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    assert deployment.count() == 10_000
    assert deployment.dead_letters() == []
    assert "published 10000 = indexed 10000 + duplicates 0 + dead-lettered 0" in (
        deployment.run("verify").stdout
    )


def test_new_group_protocol_works_too(deployment: Deployment, log: Path) -> None:
    """Under KIP-848 events are indexed and their offsets committed as under the classic protocol."""
    deployment.extra["AUDITLOG_GROUP_PROTOCOL"] = "consumer"
    deployment.publish_raw(*(chat_opened(n) for n in range(100)), b"poison")
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
        process.terminate()
        assert process.wait(120) == 0
    assert (deployment.count(), len(deployment.dead_letters())) == (100, 1)


def test_no_event_body_is_ever_logged(deployment: Deployment, log: Path) -> None:
    """Neither good nor refused events leave their values in the log."""
    marker = uuid.uuid4().hex
    deployment.publish_raw(
        raw(message=marker), raw(labels={"x": marker}, surprise=marker), marker.encode()
    )
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    assert deployment.count() == 1
    assert marker not in log.read_text()


def test_consumer_waits_for_an_elasticsearch_that_is_away(
    servers: Servers, deployment: Deployment, log: Path
) -> None:
    """While Elasticsearch does not answer the consumer neither ends nor commits nor refuses."""
    deployment.publish_raw(chat_opened())
    deployment.servers = Servers(servers.kafka, "http://127.0.0.1:1")
    with deployment.consuming(log=log) as process:
        wait_until(lambda: log.read_text().count('"event": "waiting"') > 1, what="it waits")
        assert process.poll() is None
        process.terminate()
        assert process.wait(120) == 0
    deployment.servers = servers
    assert deployment.dead_letters() == []
