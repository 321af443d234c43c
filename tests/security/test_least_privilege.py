"""Who may do what: each role does its work by our commands, and is refused everything else."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import elasticsearch
import pytest
from audit_admin.acls import AccessRule, add_rules, load_rules, names_of
from audit_admin.lag import Lag
from audit_consumer import ConsumerSettings
from audit_producer import AuditProducer, Failure, ProducerSettings
from audit_producer.build import new_event
from audit_seal.status import seal_status
from audit_server.pipeline import Pipeline
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from support.command import start_auditlog
from support.conditions import wait_until
from support.events import chat_opened
from support.secured_servers import Secured
from support.servers import ROOT

ACLS = str(ROOT / "deploy" / "kafka" / "acls.toml")
TOPIC, LETTERS, ALERTS = "audit.events", "audit.events.dead-letter", "audit.alerts"
SEALS = "audit.seals"
INDEXED = 3
ONLOOKERS = "onlookers"
"""A group that everyone may be in: a client that is refused its group says nothing of the topic."""


@pytest.fixture(scope="module")
def log(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> Secured:
    """Give a log in which each role has done its work once, by the commands that are its own."""
    made = secured.run("setup", "--acls", ACLS, "--json", kafka="audit-admin", elastic="audit-admin")
    assert made.returncode == 0, made.stderr
    everyone = AccessRule("User:*", "group", ONLOOKERS, is_prefix=False, operation="read")
    assert [(everyone, "added")] == list(add_rules(settings_of(secured), [everyone]))
    changes = json.loads(made.stdout)["changes"]
    assert "created index template audit-events" in changes
    assert "User:audit-publisher may write topic audit.events" in changes
    events = tmp_path_factory.mktemp("events") / "events.ndjson"
    events.write_bytes(b"\n".join(chat_opened(number) for number in range(INDEXED)))
    for _ in range(2):  # the second time, the consumer has to compare by get and mget
        published = secured.run("publish", str(events), kafka="audit-publisher")
        assert published.returncode == 0, published.stderr
    write(secured, "audit-publisher", TOPIC, b"no event")
    with consuming(secured, tmp_path_factory.mktemp("log") / "consumer.log") as output:
        wait_until(lambda: lag(secured) == 0, seconds=300, what=f"all is settled: {output}")
    return secured


@contextmanager
def consuming(secured: Secured, output: Path, elastic: str = "audit-writer") -> Iterator[Path]:
    """Run `auditlog consume` beside the test, as the consumer and this user of Elasticsearch."""
    environment = secured.environment(kafka="audit-consumer", elastic=elastic)
    process = start_auditlog("consume", "--start", "earliest", output=output, **environment)
    try:
        yield output
    finally:
        process.terminate()
        process.wait(120)
        assert secured.password not in output.read_text()


def lag(secured: Secured) -> int:
    """Return how many records are not settled."""
    with Lag(settings_of(secured)) as found:
        return found.records()


def write(secured: Secured, principal: str, topic: str, value: bytes) -> KafkaError | None:
    """Write a record, not idempotently, and return why it was refused."""
    answers: list[KafkaError | None] = []
    producer = Producer(secured.kafka_config(principal) | {"message.timeout.ms": 15_000})
    producer.produce(topic, value, on_delivery=lambda error, _: answers.append(error))
    producer.flush(120)
    assert len(answers) == 1
    return answers[0]


def read(secured: Secured, principal: str, topic: str) -> KafkaError | None:
    """Read a topic from its beginning; return why it was refused, None if something came."""
    config = {"group.id": ONLOOKERS, "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer(secured.kafka_config(principal) | config)
    try:
        # Whoever may read may describe; the client says nothing of a topic that it does not see.
        unseen: KafkaError | None = consumer.list_topics(topic, timeout=60).topics[topic].error
        if unseen is not None:
            return unseen
        consumer.assign([TopicPartition(topic, 0, 0)])
        message = consumer.poll(20)
        assert message is not None
        error = message.error()
        return None if error is None or error.name() == "_PARTITION_EOF" else error
    finally:
        consumer.close()


def create(secured: Secured, principal: str) -> KafkaError | None:
    """Create a topic; return why it was refused."""
    name = f"made-{uuid.uuid4().hex}"
    admin = AdminClient(secured.kafka_config(principal))
    future = admin.create_topics([NewTopic(name, 1, 1)])[name]
    try:
        future.result(20)
    except KafkaException as error:
        found: KafkaError = error.args[0]
        return found
    return None


# What a principal may do; what is not here is refused.
KAFKA_MAY = {
    "audit-publisher": {f"write {TOPIC}"},
    "audit-page": {f"write {TOPIC}", f"read {LETTERS}"},
    "audit-consumer": {f"read {TOPIC}", f"write {LETTERS}"},
    "audit-reader": {f"read {TOPIC}", f"read {LETTERS}", f"read {ALERTS}", f"read {SEALS}"},
    "audit-alerter": {f"read {TOPIC}", f"read {LETTERS}", f"write {ALERTS}"},
    "audit-forwarder": {f"read {TOPIC}", f"read {ALERTS}"},
    "audit-sealer": {f"read {TOPIC}", f"read {SEALS}", f"write {SEALS}"},
    "nobody-in-particular": set[str](),
}


@pytest.mark.parametrize("principal", KAFKA_MAY)
def test_principal_may_do_its_work_and_nothing_else(log: Secured, principal: str) -> None:
    """Each of Kafka's principals against each topic; a publisher can't read, and none makes topics."""
    tried: dict[str, KafkaError | None] = {"create": create(log, principal)}
    for topic in (TOPIC, LETTERS, ALERTS, SEALS):
        tried[f"read {topic}"] = read(log, principal, topic)
        if f"write {topic}" not in KAFKA_MAY[principal]:  # that it may, its commands show
            tried[f"write {topic}"] = write(log, principal, topic, b"{}")
    forbidden = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)
    for action, error in tried.items():
        if action in KAFKA_MAY[principal]:
            assert error is None, action
        else:
            assert error is not None, action
            assert error.code() in forbidden, (action, error)


EVENTS = "audit-events-*"
Act = Callable[[elasticsearch.Elasticsearch, str, str], Any]

READS: dict[str, Act] = {
    "search by the alias": lambda es, _, __: es.search(index="audit-events"),
    "search": lambda es, index, _: es.search(index=index),
    "count": lambda es, index, _: es.count(index=index),
    "point in time": lambda es, _, __: es.open_point_in_time(index="audit-events", keep_alive="1s"),
    "terms": lambda es, _, __: es.terms_enum(index="audit-events", field="user.name"),
    "explain": lambda es, index, _id: es.explain(index=index, id=_id, query={"match_all": {}}),
    "term vectors": lambda es, index, _id: es.termvectors(index=index, id=_id),
}
ADDS: dict[str, Act] = {
    # 409, where it may: the id is taken
    "create": lambda es, index, _id: es.create(index=index, id=_id, document={}),
}
CHANGES: dict[str, Act] = {
    "overwrite": lambda es, index, _id: es.index(index=index, id=_id, document={}),
    "overwrite by bulk": lambda es, index, _id: bulk(es, {"index": {"_index": index, "_id": _id}}, {}),
    "update": lambda es, index, _id: es.update(index=index, id=_id, doc={"message": "nothing"}),
    "delete": lambda es, index, _id: es.delete(index=index, id=_id),
    "delete by bulk": lambda es, index, _id: bulk(es, {"delete": {"_index": index, "_id": _id}}),
}
GETS: dict[str, Act] = {
    "get": lambda es, index, _id: es.get(index=index, id=_id),
    "mget": lambda es, index, _id: es.mget(index=index, ids=[_id]),
}
# On an index that is not there: who may, gets a 404.
GONE = "audit-events-1999.01"
RULES: dict[str, Act] = {
    "delete an index": lambda es, _, __: es.indices.delete(index=GONE),
    "close an index": lambda es, _, __: es.indices.close(index=GONE),
    "block an index": lambda es, _, __: es.indices.add_block(index=GONE, block="write"),
    "change settings": lambda es, _, __: es.indices.put_settings(
        index=GONE, settings={"refresh_interval": "1s"}
    ),
    "delete a template": lambda es, _, __: es.indices.delete_index_template(name="not-there"),
    "cluster state": lambda es, _, __: es.cluster.state(metric="version"),
}
OTHERS: dict[str, Act] = {
    "read another index": lambda es, _, __: es.search(index="another"),
    "write another index": lambda es, _, __: es.create(index="another", id="1", document={}),
    "users": lambda es, _, __: es.security.get_user(),
}
ALERT_WRITES: dict[str, Act] = {
    "write an alert": lambda es, _, __: es.index(
        index="audit-alerts", id="1", document={"message": "nothing"}
    ),
}
ALERT_READS: dict[str, Act] = {
    "read alerts": lambda es, _, __: es.search(index="audit-alerts"),
    "read the runner's state": lambda es, _, __: es.search(index="audit-alerts-state"),
}
DETECTIONS: dict[str, Act] = {
    # 404, where it may: there is no Kibana
    "see what Kibana's detection rules found": lambda es, _, __: es.search(
        index=".alerts-security.alerts-default"
    ),
    "see it in the index behind": lambda es, _, __: es.search(
        index=".internal.alerts-security.alerts-default-000001"
    ),
}
PAGE: dict[str, Act] = {
    # 404, where it may
    "change an exception": lambda es, _, __: es.update(
        index="audit-alerts-exceptions", id="not-there", doc={}
    ),
    "change a view": lambda es, _, __: es.update(index="audit-views", id="not-there", doc={}),
    "begin a session": lambda es, _, __: es.update(index="audit-sessions", id="not-there", doc={}),
}
SESSIONS: dict[str, Act] = {
    "see who is signed in": lambda es, _, __: es.search(index="audit-sessions"),
    "end a session": lambda es, _, __: es.delete(index="audit-sessions", id="not-there"),
}
ACTIONS = READS | ADDS | CHANGES | GETS | RULES | OTHERS | ALERT_WRITES | ALERT_READS | DETECTIONS
ACTIONS |= PAGE | SESSIONS

ELASTIC_MAY = {
    "audit-writer": {*ADDS, *GETS},
    "audit-reader": {*READS, *GETS, *ALERT_READS},
    "audit-server": {*READS, *GETS, *ALERT_READS, *ALERT_WRITES, *PAGE, *SESSIONS},
    "audit-alerter": {*READS, *GETS, *ALERT_READS, *ALERT_WRITES},
    "audit-forwarder": {*READS, *GETS},
    "audit-sealer": {*READS, *GETS} - {"search by the alias", "point in time", "terms"},
    "audit-admin": {*READS, *ADDS, *GETS, *RULES, *ALERT_READS, *DETECTIONS, *SESSIONS},
}


def bulk(es: elasticsearch.Elasticsearch, *operations: dict[str, Any]) -> None:
    """Send one operation by bulk; raise as the plain request would."""
    (item,) = es.bulk(operations=list(operations))["items"]
    (answer,) = item.values()
    if answer["status"] == 403:
        raise PermissionError


@pytest.mark.parametrize("user", ELASTIC_MAY)
def test_role_may_do_its_work_and_nothing_else(log: Secured, user: str) -> None:
    """Each of Elasticsearch's roles against each action: all as in the table."""
    with log.client("root") as root:
        hit = root.search(index=EVENTS, size=1)["hits"]["hits"][0]
        for name in ("alerts", "alerts-exceptions", "views", "sessions"):
            if not root.indices.exists(index=f"audit-{name}"):
                root.indices.create(index=f"audit-{name}")
    allowed = set()
    with log.client(user) as es:
        for name, act in ACTIONS.items():
            try:
                act(es, hit["_index"], hit["_id"])
            except (elasticsearch.AuthorizationException, PermissionError):
                continue
            except (elasticsearch.NotFoundError, elasticsearch.ConflictError):
                pass
            allowed.add(name)
    assert ELASTIC_MAY[user] == allowed
    with log.client("root") as root:
        assert hit["_source"] == root.get(index=hit["_index"], id=hit["_id"])["_source"]


def test_no_credentials_no_answer(log: Secured) -> None:
    """Neither server tells a stranger anything."""
    done = log.run("search", kafka=None, elastic=None)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("auditlog: Elasticsearch refuses the credentials")
    done = log.run("generate", "--count", "1", kafka=None)
    assert (done.returncode, done.stdout) == (1, "")


def test_what_the_roles_wrote_is_proven_by_the_reader(log: Secured) -> None:
    """The writer compared ids by get alone, the consumer dead-lettered; an onlooker verifies it all."""
    done = log.run("verify", "--json", kafka="audit-reader", elastic="audit-reader")
    assert done.returncode == 0, done.stderr
    done = log.run("search", "--json", elastic="audit-reader")
    assert len(done.stdout.splitlines()) == INDEXED
    done = log.run("dead-letters", "list", "--json", kafka="audit-reader")
    assert "malformed" in done.stdout, done.stderr
    done = log.run("doctor", kafka="audit-consumer", elastic="audit-writer")
    assert done.returncode == 0, done.stdout


def test_alerter_runs_the_rules(log: Secured) -> None:
    """It makes its own two indices, follows the consumers' offsets, and reads events."""
    with log.client("root") as root:
        root.indices.delete(index=["audit-alerts", "audit-alerts-state"], ignore_unavailable=True)
    done = log.run(
        "alerts", "run", "--once", "--since", "-1h", kafka="audit-alerter", elastic="audit-alerter"
    )
    assert done.returncode == 0, done.stderr
    assert "covered" in done.stderr
    with log.client("root") as root:
        assert {"audit-alerts", "audit-alerts-state"} <= set(root.indices.get(index="audit-alerts*"))


def test_forwarder_forwards_and_notes_where_it_is(log: Secured, tmp_path: Path) -> None:
    """It makes its own index, reads events and the consumers' offsets, and needs no other right."""
    (tmp_path / "disk.toml").write_text(f'to = {{type = "files", folder = "{tmp_path}/out"}}')
    with log.client("root") as root:
        root.indices.delete(index="audit-streams", ignore_unavailable=True)
    since = ("disk", "--from", "-1h")
    for command in (("run", *since), ("verify", *since), ("status",)):
        done = log.run(
            "forward",
            *command,
            kafka="audit-forwarder",
            elastic="audit-forwarder",
            AUDITLOG_STREAMS=str(tmp_path),
        )
        assert done.returncode == 0, done.stderr
    assert "has not begun" in done.stdout
    assert list((tmp_path / "out").rglob("*.ndjson"))


def test_sealer_seals_and_settles(log: Secured, tmp_path: Path) -> None:
    """With its own principal and role; what it found is on the disk."""
    folder = {"AUDITLOG_SEAL_FOLDER": str(tmp_path / "seal")}
    for command in (("init",), ("run", "--once")):
        done = log.run("seal", *command, kafka="audit-sealer", elastic="audit-sealer", **folder)
        assert done.returncode == 0, done.stderr
    assert "settled at the moment" not in done.stderr
    status = seal_status(tmp_path / "seal")
    assert status is not None
    assert status.missing == 0
    assert sum(each.settled for each in status.positions) >= INDEXED


def test_server_reads_dead_letters_and_lag(log: Secured) -> None:
    """With the page's own principal, which reads no event; the publisher's is refused both."""
    fields = log.environment(kafka="audit-page")
    pipeline = Pipeline(settings_of(log, **fields))
    newest = pipeline.dead_letters.read(wait_seconds=60).value
    assert newest is not None
    assert "malformed" in newest.summary.by_reason
    lag_now = pipeline.lag.read(wait_seconds=60).value
    assert lag_now is not None
    assert lag_now.records >= 0
    refused = Pipeline(settings_of(log, **log.environment(kafka="audit-publisher")))
    assert refused.dead_letters.read(wait_seconds=60).failed


REFUSED = {
    "a publisher consumes": (("consume",), "audit-publisher", "audit-writer", "setup --acls"),
    "a reader consumes": (("generate", "--count", "2"), "audit-reader", None, "setup --acls"),
    "a stranger publishes": (
        ("generate", "--count", "2"),
        "nobody-in-particular",
        None,
        "setup --acls",
    ),
    "a publisher looks at letters": (("dead-letters", "list"), "audit-publisher", None, "doctor"),
    "a writer searches": (("search",), None, "audit-writer", "deploy/elasticsearch/roles.yml"),
    "a writer verifies": (
        ("verify",),
        "audit-reader",
        "audit-writer",
        "deploy/elasticsearch/roles.yml",
    ),
    "a reader allows": (("setup", "--acls", ACLS), "audit-reader", "audit-admin", "super user"),
    "a reader runs rules": (("alerts", "run", "--once"), "audit-alerter", "audit-reader", "roles.yml"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusal_is_one_sentence_with_what_to_do(log: Secured, name: str) -> None:
    """Each command under another's rights: no traceback, a failing status, and a way on."""
    arguments, kafka, elastic, says = REFUSED[name]
    done = log.run(*arguments, kafka=kafka, elastic=elastic)
    assert done.returncode == 1, done.stdout
    told = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(told) == 1, done.stderr
    assert told[0].startswith("auditlog: ")
    assert says in told[0]


def test_consumer_that_may_not_write_stops_and_dead_letters_nothing(
    log: Secured, tmp_path: Path
) -> None:
    """A user without the role is an operator's mistake, and no event's; the right one goes on."""
    published = log.run("generate", "--count", "20", kafka="audit-publisher")
    assert published.returncode == 0, published.stderr
    before, letters = lag(log), ends(log, LETTERS)
    done = log.run("consume", kafka="audit-consumer", elastic="audit-reader")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("See what is missing with: auditlog doctor")
    assert (20, before, letters) == (before, lag(log), ends(log, LETTERS))
    with consuming(log, tmp_path / "consumer.log"):
        wait_until(lambda: lag(log) == 0, seconds=300, what="the writer goes on where it stood")
    assert letters == ends(log, LETTERS)


def ends(secured: Secured, topic: str) -> int:
    """Return how many records a topic of one partition has had."""
    consumer = Consumer(secured.kafka_config("audit-admin") | {"group.id": "audit-indexer"})
    try:
        return consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=60)[1]
    finally:
        consumer.close()


def test_service_that_may_not_publish_is_told_and_never_hangs(log: Secured) -> None:
    """Its client is ended for good, with callbacks under way: each event still gets its answer."""
    failures: list[Failure] = []
    settings = ProducerSettings.model_validate(
        {
            name.removeprefix("AUDITLOG_").lower(): value
            for name, value in log.environment(kafka="audit-reader").items()
        }
    )
    producer = AuditProducer(settings, on_failure=failures.append, raises=False)
    for number in range(50):
        producer.publish(new_event("chat-opened", user=f"u-{number}", chat=f"c-{number}"))
        if number % 10 == 0:
            producer.flush(1)
    producer.close()
    assert len(failures) == 50
    assert (0, 50) == (producer.counts.delivered, producer.counts.failed)
    assert any("setup --acls" in str(failure.error) for failure in failures)


def test_setup_needs_no_super_user(log: Secured, tmp_path: Path) -> None:
    """The last lines of the file, without their marks, are what it takes."""
    text = (ROOT / "deploy" / "kafka" / "acls.toml").read_text()
    _, _, last = text.partition("# [audit-setup]\n")
    rules = tmp_path / "acls.toml"
    rules.write_text("[audit-setup]\n" + last.replace("# ", ""))
    names = {
        "AUDITLOG_TOPIC": "other.events",
        "AUDITLOG_DEAD_LETTER_TOPIC": "other.dead-letter",
        "AUDITLOG_ALERTS_TOPIC": "other.alerts",
        "AUDITLOG_SEALS_TOPIC": "other.seals",
    }
    given = AdminClient(log.kafka_config("audit-admin"))
    assert given.list_topics(timeout=60).topics.keys() & names.values() == set()
    settings = settings_of(log, **names)
    added = add_rules(settings, load_rules(rules, names_of(settings)))
    assert {done for _, done in added} == {"added"}
    done = log.run("setup", "--acls", str(rules), kafka="audit-setup", elastic="audit-admin", **names)
    assert done.returncode == 0, done.stderr
    assert "created topic other.events" in done.stdout
    assert "unchanged: User:audit-setup may alter the cluster" in done.stdout


def settings_of(secured: Secured, **more: str) -> ConsumerSettings:
    """Return the settings of Kafka's administrator."""
    fields = secured.environment(kafka="audit-admin") | more
    return ConsumerSettings(
        **{key.removeprefix("AUDITLOG_").lower(): value for key, value in fields.items()}  # type: ignore[arg-type]
    )


def test_admin_makes_an_index_anew_and_the_others_go_on(log: Secured, tmp_path: Path) -> None:
    """They reach it by the names that they are allowed; nobody but the admin knows its own."""
    with log.client("root") as root:
        (index,) = root.indices.get(index=EVENTS)
    for command in (("retention",), ("reindex", "--index", index)):
        done = log.run(*command, kafka="audit-admin", elastic="audit-admin")
        assert done.returncode == 0, done.stderr
    assert "replaced by" in done.stdout
    events = tmp_path / "events.ndjson"
    events.write_bytes(chat_opened(99))
    for _ in range(2):
        assert log.run("publish", str(events), kafka="audit-publisher").returncode == 0
    with consuming(log, tmp_path / "consumer.log") as output:
        wait_until(lambda: lag(log) == 0, seconds=300, what=f"all is settled: {output}")
    done = log.run("verify", "--json", kafka="audit-reader", elastic="audit-reader")
    assert done.returncode == 0, done.stderr
    with log.client("audit-reader") as reader:
        reader.indices.refresh(index=EVENTS)
        assert reader.count(index="audit-events")["count"] == reader.count(index=EVENTS)["count"]
        with pytest.raises(elasticsearch.AuthorizationException):
            reader.search(index=index.replace("audit-events-", "audit-events.v2-"))
    with log.client("audit-writer") as writer, pytest.raises(elasticsearch.AuthorizationException):
        writer.search(index=index)
