"""Streams end to end: real Kafka and Elasticsearch, the command in a process of its own."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from audit_runtime import SIGNATURE, TIMESTAMP
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from support.conditions import wait_until
from support.consumed import consume_all
from support.events import chats, raw
from support.http_receiver import http_receiver
from support.servers import Deployment
from support.streams import StreamTrial, ids_of

EARLIEST = 'start = "earliest"\n'


def test_streams_deliver_what_the_log_has_to_each_receiver(trial: StreamTrial, tmp_path: Path) -> None:
    """Every indexed event once, in order within a partition; refused and repeated records never."""
    name = trial.deployment.name
    files = tmp_path / "files"
    (trial.folder / "secret").write_text("s3cret\n")
    before = trial.publish(20)
    make_topic(trial.deployment, f"{name}.copy")
    with http_receiver() as receiver:
        trial.write(
            "hook", f'to = {{type = "webhook", url = "{receiver.url}/", secret_file = "secret"}}'
        )
        trial.write("disk", f'{EARLIEST}to = {{type = "files", folder = "{files}", seconds = 0.5}}')
        trial.write("copy", f'{EARLIEST}to = {{type = "kafka", topic = "{name}.copy"}}')
        with trial.running():
            trial.wait_for_begin("hook", "disk", "copy")
            values = chats(300)
            again = next(iter(values.values()))
            trial.deployment.publish_raw(*values.values(), again, b"{", raw(user={"id": "x"}, event={}))
            consume_all(trial.deployment)
            wait_until(
                lambda: (
                    len(receiver.taken) >= 300
                    and sum(len(ids_of(f.read_bytes())) for f in files.rglob("*.ndjson")) >= 320
                    and trial.state("copy").get("delivered", 0) >= 320
                ),
                seconds=60,
                what="all is delivered",
            )
        assert sorted(receiver.taken) == sorted(values)
        post = receiver.posts[0]
        signed = post.headers[TIMESTAMP].encode() + b"." + post.body
        digest = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
        assert post.headers[SIGNATURE] == f"v1={digest}"
        assert post.headers["X-Auditlog-Stream"] == "hook"
        documents = {each["event"]["id"]: each for each in trial.deployment.documents()}
        places = [
            (kafka["partition"], kafka["offset"])
            for found in receiver.taken
            for kafka in [documents[found]["audit"]["kafka"]]
        ]
        for number in {partition for partition, _ in places}:
            offsets = [offset for partition, offset in places if partition == number]
            assert offsets == sorted(offsets)
    written = [found for f in sorted(files.rglob("*.ndjson")) for found in ids_of(f.read_bytes())]
    assert sorted(written) == sorted([*before, *values])
    assert sorted(copied(trial.deployment, f"{name}.copy")) == sorted(written)
    line = json.loads(next(files.rglob("*.ndjson")).read_bytes().splitlines()[0])
    stored = documents[line["event"]["id"]]
    assert line == {key: value for key, value in stored.items() if key not in ("_id", "_index")}


def make_topic(deployment: Deployment, topic: str) -> None:
    """Create a topic of two partitions."""
    admin = AdminClient({"bootstrap.servers": deployment.servers.kafka})
    admin.create_topics([NewTopic(topic, 2)])[topic].result(60)


def copied(deployment: Deployment, topic: str) -> list[str]:
    """Return the keys of the topic that a stream copies to."""
    consumer = Consumer({"bootstrap.servers": deployment.servers.kafka, "group.id": "none"})
    places = [TopicPartition(topic, number, 0) for number in range(2)]
    total = sum(consumer.get_watermark_offsets(place)[1] for place in places)
    consumer.assign(places)
    found: list[str] = []
    while len(found) < total:
        found += [(message.key() or b"").decode() for message in consumer.consume(total, 1.0)]
    consumer.close()
    return found


def alert(number: int, level: str, organization: str | None = None) -> dict[str, Any]:
    """Return an alert as the runner publishes it, as far as a stream looks at it."""
    own = {"status": "open", "level": level, "revision": 1, "count": 5, "size": 5}
    if organization is not None:
        own["sole_organization"] = organization
    return {
        "@timestamp": "2026-11-27T09:30:00.000Z",
        "event": {"kind": "alert", "id": f"alert-{number}", "severity": 70},
        "rule": {"id": "r-1", "name": "bruteforce", "description": "Many failed logins."},
        "message": "5 failed logins of ada",
        "related": {"user": ["ada"]},
        "audit": {"alert": own},
    }


def test_alerts_are_streamed_by_level_and_organization(trial: StreamTrial) -> None:
    """Each revision once; what is not an alert is passed over, and told."""
    with http_receiver() as receiver:
        trial.write(
            "pager",
            f'what = "alerts"\norganization = "acme"\n{EARLIEST}'
            '[filter]\nlevel = ["high", "critical"]\n'
            f'[to]\ntype = "webhook"\nurl = "{receiver.url}/"\nevents_per_request = 1',
        )
        sent = [
            alert(1, "high", "acme"),
            alert(2, "low", "acme"),
            alert(3, "critical", "other"),
            alert(4, "critical"),
            alert(5, "critical", "acme"),
        ]
        producer = Producer({"bootstrap.servers": trial.deployment.servers.kafka})
        topic = trial.deployment.environment["AUDITLOG_ALERTS_TOPIC"]
        for value in (b"no alert", *(json.dumps(each).encode() for each in sent)):
            producer.produce(topic, value, key=b"one")
        assert producer.flush(60) == 0
        with trial.running():
            wait_until(lambda: len(receiver.taken) == 2, what="both are delivered")
        assert receiver.taken == ["alert-1", "alert-5"]
        shown = trial.deployment.run("forward", "test", "pager").stdout
        assert "Answer: 200" in shown
        assert receiver.taken[-1].startswith("auditlog-test-")
        assert json.loads(receiver.posts[-1].body)["rule"]["name"] == "auditlog-test"
    assert "a record is not an alert" in trial.log.read_text()


def test_one_of_two_forwarders_has_a_stream(trial: StreamTrial, tmp_path: Path) -> None:
    """The other takes over at once after the first has ended; each event is sent once."""
    first = trial.publish(10)
    with http_receiver() as receiver:
        trial.write("hook", f'{EARLIEST}to = {{type = "webhook", url = "{receiver.url}/"}}')
        one = trial.start()
        wait_until(lambda: set(receiver.taken) == first, what="the first has the stream")
        other = StreamTrial(trial.deployment, tmp_path)
        other.log = tmp_path / "other.log"
        with other.running():
            second = trial.publish(10)
            wait_until(lambda: set(receiver.taken) == first | second, what="one has delivered")
            assert "forwarding" not in other.log.read_text()
            one.terminate()
            one.wait(60)
            third = trial.publish(10)
            wait_until(lambda: set(receiver.taken) == first | second | third, what="the other has")
        assert len(receiver.taken) == 30
        done = trial.deployment.run("forward", "test", "hook")
        assert "Answer: 200" in done.stdout
        receiver.answer = lambda _: 401
        refused = trial.deployment.run("forward", "test", "hook", check=False)
        assert refused.returncode == 1
        assert "answers 401" in refused.stderr
