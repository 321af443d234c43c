"""What administrators of Elasticsearch and Kafka can do, and what `seal verify` says of it."""

import json
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import elasticsearch
import pytest
from audit_admin import set_up
from audit_seal.service import initialize
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from seal.sealed_log import SealedLog
from support.consumed import consume_all
from support.events import chat_opened, raw
from support.in_process import auditlog_in_process
from support.servers import Servers, new_deployment, tear_down

EVENTS = 20
"""Of the SDK, in one partition from offset 0 on."""
OTHER = EVENTS
"""The offset of another publisher's, in another form; then one a second time, then no event."""

Source = dict[str, Any]
Attack = Callable[[elasticsearch.Elasticsearch, Source, str, str], object]


@pytest.fixture(scope="module")
def sealed(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedLog]:
    """Give a log that is consumed, sealed and settled, and nobody has attacked."""
    folder = tmp_path_factory.mktemp("sealed") / "seal"
    deployment = new_deployment(servers, AUDITLOG_PARTITIONS="2", AUDITLOG_REPLICATION="1")
    list(set_up(deployment.setup))
    log = SealedLog(deployment, folder)
    initialize(log.settings)
    values = [chat_opened(number) for number in range(EVENTS)]
    deployment.publish_raw(*values, raw(), values[0], b"no event", key=b"one partition")
    consume_all(deployment)
    log.seal()
    yield log
    tear_down(deployment)


def run(log: SealedLog, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command on the log."""
    folder = {"AUDITLOG_SEAL_FOLDER": str(log.folder)}
    return auditlog_in_process(*arguments, **log.deployment.environment | folder | environment)


def verify(log: SealedLog, *arguments: str) -> tuple[int, list[str]]:
    """Return the exit status, and the lines."""
    done = run(log, "seal", "verify", *arguments)
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()


def equation(lines: list[str]) -> dict[str, int]:
    """Return the numbers of the last line."""
    return {name: int(count) for name, count in re.findall(r"([a-z][a-z -]*) (\d+)", lines[-1])}


def documents(log: SealedLog) -> dict[int, Source]:
    """Return what is stored, by offset."""
    return {each["audit"]["kafka"]["offset"]: each for each in log.deployment.documents()}


@pytest.fixture
def restored(sealed: SealedLog) -> Iterator[SealedLog]:
    """Give the log, and put back whatever the test does to its documents."""
    before = documents(sealed)
    yield sealed
    with sealed.deployment.client() as client:
        now = documents_by_place(sealed)
        for (index, event_id), source in documents_by_place(sealed, before).items():
            if now.pop((index, event_id), None) != source:
                client.index(index=index, id=event_id, document=source)
        for index, event_id in now:
            client.delete(index=index, id=event_id)
        client.indices.refresh(index=f"{sealed.deployment.name}-*")


def documents_by_place(
    log: SealedLog, found: dict[int, Source] | None = None
) -> dict[tuple[str, str], Source]:
    """Return the sources by index and id."""
    every = list(found.values()) if found is not None else log.deployment.documents()
    return {
        (each["_index"], each["_id"]): {k: v for k, v in each.items() if k not in ("_id", "_index")}
        for each in every
    }


def test_an_untouched_log_is_sound(sealed: SealedLog) -> None:
    """The equation has all that was published, in whatever form; and says what it does not prove."""
    status, lines = verify(sealed)
    assert 0 == status, lines
    expected = {"sealed": 23, "indexed": 21, "duplicates": 1, "dead-lettered": 1}
    assert expected == {name: n for name, n in equation(lines).items() if n}
    text = "\n".join(lines)
    assert "checkpoint: auditlog/" in text
    assert "/period-1 at " in text
    for sentence in ("was not changed in Kafka", "@timestamp", "no witness", "they stand beside it"):
        assert sentence in text


def _change(change: Callable[[Source], object]) -> Attack:
    def attack(client: elasticsearch.Elasticsearch, source: Source, index: str, event_id: str) -> None:
        change(source)
        client.index(index=index, id=event_id, document=source)

    return attack


def _copy(client: elasticsearch.Elasticsearch, source: Source, index: str, event_id: str) -> None:
    client.index(index=index[:-7] + "2020.01", id=event_id, document=source)


def _move(client: elasticsearch.Elasticsearch, source: Source, index: str, event_id: str) -> None:
    _copy(client, source, index, event_id)
    client.delete(index=index, id=event_id)


def _add(client: elasticsearch.Elasticsearch, source: Source, index: str, _: str) -> None:
    client.index(index=index, id="another-document-of-it", document=source)


ATTACKS: dict[str, tuple[str, Attack]] = {
    "changed": ("changed", _change(lambda d: d["user"].update(id="someone-else"))),
    "back-dated": (
        "changed",
        _change(lambda d: d.update({"@timestamp": d["@timestamp"].replace("20", "19", 1)})),
    ),
    "back-dated receipt": (
        "changed",
        _change(lambda d: d["event"].update(created="2026-01-01T00:00:00.000Z")),
    ),
    "hidden from counts by user": ("changed", _change(lambda d: d["audit"].pop("user"))),
    "hidden from categories": ("changed", _change(lambda d: d["event"].update(category=["file"]))),
    "deleted": ("missing", lambda client, _, index, it: client.delete(index=index, id=it)),
    "put into another index": ("changed", _move),
    "copied into another index": ("added", _copy),
    "copied under another id": ("added", _add),
}


@pytest.mark.parametrize("offset", [3, OTHER])
@pytest.mark.parametrize("what", ATTACKS)
def test_an_attack_in_elasticsearch_is_found_by_offset(
    restored: SealedLog, what: str, offset: int
) -> None:
    """Done by an administrator of Elasticsearch, to an event of the SDK and to another one."""
    kind, attack = ATTACKS[what]
    source = documents(restored)[offset]
    index, event_id = source.pop("_index"), source.pop("_id")
    with restored.deployment.client() as client:
        attack(client, source, index, event_id)
    status, lines = verify(restored)
    assert (1, 1) == (status, equation(lines)[kind]), lines
    topic = restored.deployment.consumer.topic
    partition = source["audit"]["kafka"]["partition"]
    assert any(line.startswith(f"{kind}: {topic} [{partition}], offset {offset}:") for line in lines)


def test_an_invented_document_was_added(restored: SealedLog) -> None:
    """At an offset of a duplicate, which has none."""
    source = documents(restored)[3]
    index = source.pop("_index")
    source.pop("_id")
    source["audit"]["kafka"]["offset"] = OTHER + 1
    with restored.deployment.client() as client:
        client.index(index=index, id="0123456789-invented", document=source)
    status, lines = verify(restored)
    assert (1, 1) == (status, equation(lines)["added"]), lines


def test_an_index_of_before_lacks_what_came_since(restored: SealedLog) -> None:
    """An old snapshot that was restored, or an index that was replaced."""
    found = documents(restored)
    index = found[0]["_index"]
    with restored.deployment.client() as client:
        client.indices.delete(index=index)
        for offset in range(15):
            source = dict(found[offset])
            client.index(index=source.pop("_index"), id=source.pop("_id"), document=source)
    status, lines = verify(restored)
    assert (1, 6) == (status, equation(lines)["missing"]), lines
    assert any("offsets 15 to 20" in line for line in lines)


@pytest.mark.parametrize(
    "change",
    [
        {"properties": {"message": {"type": "text", "norms": False, "index": False}}},
        {"dynamic": "false"},
        {"runtime": {"audit.user": {"type": "long"}}},
    ],
    ids=["not indexed", "dynamic", "runtime field"],
)
def test_a_mapping_that_hides_values_is_found(restored: SealedLog, change: Source) -> None:
    """The documents are right, and searches would not find them."""
    found = documents(restored)
    index = found[0]["_index"]
    with restored.deployment.client() as client:
        body = client.indices.get_mapping(index=index)[index]["mappings"]
        changed = body | change
        changed["properties"] = body["properties"] | change.get("properties", {})
        client.indices.delete(index=index)
        client.indices.create(index=index, mappings=changed, aliases={restored.deployment.name: {}})
        for each in found.values():
            source = dict(each)
            client.index(index=source.pop("_index"), id=source.pop("_id"), document=source)
        status, lines = verify(restored)
        assert (1, 21) == (status, equation(lines)["indexed"]), lines
        assert any(line.startswith(f"mapping: the mapping of {index} has ") for line in lines)
        client.indices.delete(index=index)
        client.indices.create(index=index)  # by the template


def test_a_filter_of_the_alias_hides_nothing(restored: SealedLog) -> None:
    """What readers don't see is missing."""
    name = restored.deployment.name
    index = documents(restored)[0]["_index"]
    with restored.deployment.client() as client:
        client.indices.put_alias(index=index, name=name, filter={"term": {"user.id": "user-1"}})
        status, lines = verify(restored)
        client.indices.put_alias(index=index, name=name)
    assert (1, 20) == (status, equation(lines)["missing"]), lines
    assert any("shows only some documents" in line for line in lines)


def test_the_command_writes_an_events_evidence(sealed: SealedLog, tmp_path: Path) -> None:
    """And says where the event is."""
    event_id, file = documents(sealed)[OTHER]["_id"], tmp_path / "evidence.zip"
    done = run(sealed, "seal", "prove", event_id, "-o", str(file))
    assert (0, True) == (done.returncode, f"offset {OTHER}, in the checkpoint of" in done.stdout)
    with zipfile.ZipFile(file) as files:
        assert event_id == json.loads(files.read("event.json"))["event"]["id"]
    assert 1 == run(sealed, "seal", "prove", "no-such-event-at-all").returncode


def test_without_elasticsearch_nothing_is_said(sealed: SealedLog) -> None:
    """The exit status is that of a check that could not be made."""
    done = run(sealed, "seal", "verify", AUDITLOG_ELASTICSEARCH_URL="http://127.0.0.1:9")
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("auditlog: Elasticsearch")
    done = run(sealed, "seal", "verify", AUDITLOG_SEAL_SECONDS="soon")
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("auditlog: AUDITLOG_SEAL_SECONDS: ")


def test_after_kafka_has_deleted_the_records_the_answer_is_the_same(
    restored: SealedLog, tmp_path: Path
) -> None:
    """From Elasticsearch, and from an export; and a change is found in both. It ends this log."""
    deployment = restored.deployment
    before = verify(restored)
    topic = deployment.consumer.topic
    ends = [TopicPartition(topic, partition, -1) for partition in range(2)]
    kafka = AdminClient({"bootstrap.servers": deployment.servers.kafka})
    for future in kafka.delete_records(ends).values():
        future.result(60)
    deployment.extra["AUDITLOG_KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:9"
    assert before == verify(restored)
    file = tmp_path / "events.ndjson"
    assert 0 == run(restored, "export", str(file)).returncode
    status, lines = verify(restored, "--export", str(file))
    assert (0, equation(before[1])) == (status, equation(lines))
    assert any("an export does not have them" in line for line in lines)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[5]["message"] = "nothing happened"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    status, lines = verify(restored, "--export", str(file))
    offset = rows[5]["audit"]["kafka"]["offset"]
    assert 1 == status
    assert any(
        f"offset {offset}: message" in line or "not what was published" in line for line in lines
    )
