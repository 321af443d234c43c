"""The servers that tests run against, and a deployment of its own for each test."""

import os
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import elasticsearch
from audit_admin import SetupSettings
from audit_consumer import ConsumerSettings
from audit_consumer.record import Record
from audit_local import LocalSettings, Stack
from audit_local.artifacts import ELASTICSEARCH_VERSION, KAFKA_VERSION
from audit_local.ports import LOOPBACK, free_port
from audit_producer.publishing import PublisherSettings
from audit_query import QuerySettings
from confluent_kafka import Consumer, Producer, TopicPartition
from rich.console import Console
from support.command import auditlog, clean_environment
from support.conditions import wait_until
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

__all__ = ["ROOT", "Deployment", "Servers", "new_deployment", "running_servers"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Servers:
    """Where a real Kafka and a real Elasticsearch answer."""

    kafka: str
    elasticsearch: str
    login: tuple[str, str] | None = None
    """User and password that tests look into Elasticsearch with."""


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Give the servers that the environment names, else containers, else the embedded ones.

    AUDITLOG_TEST_SERVERS=embedded or containers insists on one.
    """
    kafka = os.environ.get("AUDITLOG_KAFKA_BOOTSTRAP_SERVERS")
    elastic = os.environ.get("AUDITLOG_ELASTICSEARCH_URL")
    if kafka and elastic:
        yield Servers(kafka, elastic)
        return
    insisted = os.environ.get("AUDITLOG_TEST_SERVERS")
    with _embedded() if insisted == "embedded" or not _has_engine(insisted) else _containers() as found:
        yield found


def _engine_answers() -> bool:
    """Tell whether anything listens where the Docker engine should.

    Asked by hand, since docker's own client leaves a socket open where nothing answers.
    """
    address = urlsplit(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    local = address.scheme == "unix"
    family = socket.AF_UNIX if local else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        target = address.path if local else (address.hostname or "", address.port or 2375)
        try:
            probe.connect(target)
        except OSError:
            return False
    return True


def _has_engine(insisted: str | None) -> bool:
    """Tell whether a Docker engine answers and has, or can get, the servers' images."""
    if insisted != "containers" and not _engine_answers():
        return False
    try:
        client = DockerClient().client
        for image in (_KAFKA_IMAGE, _ELASTICSEARCH_IMAGE):
            if not client.images.list(name=image):
                client.images.pull(image)
    except Exception:
        if insisted == "containers":
            raise
        return False
    return True


_KAFKA_IMAGE = f"apache/kafka:{KAFKA_VERSION}"
_ELASTICSEARCH_IMAGE = f"docker.elastic.co/elasticsearch/elasticsearch:{ELASTICSEARCH_VERSION}"


@contextmanager
def _embedded() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="auditlog-test-") as folder:
        Path(folder).chmod(0o755)  # the servers run as another account, where root runs the tests
        settings = LocalSettings(
            home=Path(folder, "home"), kafka_port=free_port(), elasticsearch_port=free_port()
        )
        stack = Stack(settings, Console(stderr=True))
        try:
            kafka, elastic = stack.up()
            yield Servers(kafka.address, f"http://{elastic.address}")
        finally:
            stack.reset()


@contextmanager
def _containers() -> Iterator[Servers]:
    testcontainers_config.ryuk_disabled = True  # we stop what we start, and its image may be missing
    kafka, elastic = free_port(), free_port()
    with _kafka_container(kafka), _elasticsearch_container(elastic):
        servers = Servers(f"{LOOPBACK}:{kafka}", f"http://{LOOPBACK}:{elastic}")
        wait_until(lambda: _answer(servers), seconds=300, what="the containers answer")
        yield servers


def _kafka_container(port: int) -> AbstractContextManager[DockerContainer]:
    # The broker speaks to itself too, about transactions, and can't by the port that the host sees.
    listeners = "PLAINTEXT://:9092,INTERNAL://localhost:9094,CONTROLLER://localhost:9093"
    protocols = "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
    environment = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_LISTENERS": listeners,
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{LOOPBACK}:{port},INTERNAL://localhost:9094",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": protocols,
        "KAFKA_INTER_BROKER_LISTENER_NAME": "INTERNAL",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
    container = DockerContainer(_KAFKA_IMAGE)
    for name, value in environment.items():
        container.with_env(name, value)
    container.ports["9092/tcp"] = (LOOPBACK, port)  # type: ignore[assignment]  # docker's own form
    return container


def _elasticsearch_container(port: int) -> AbstractContextManager[DockerContainer]:
    container = DockerContainer(_ELASTICSEARCH_IMAGE)
    for name, value in {
        "discovery.type": "single-node",
        "xpack.security.enabled": "false",
        "ES_JAVA_OPTS": "-Xms1g -Xmx1g",
    }.items():
        container.with_env(name, value)
    container.ports["9200/tcp"] = (LOOPBACK, port)  # type: ignore[assignment]  # docker's own form
    return container


def _answer(servers: Servers) -> bool:
    with suppress(Exception), elasticsearch.Elasticsearch(servers.elasticsearch) as client:
        client.cluster.health(wait_for_status="yellow", timeout="1s")
        probe = Producer({"bootstrap.servers": servers.kafka, "log_level": 0})
        return bool(probe.list_topics(timeout=2).brokers)
    return False


@dataclass
class Deployment:
    """An audit log of a test's own: topics, group and indices that nobody else has."""

    servers: Servers
    name: str
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make the command line work on this deployment."""
        return {
            "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": self.servers.kafka,
            "AUDITLOG_ELASTICSEARCH_URL": self.servers.elasticsearch,
            "AUDITLOG_TOPIC": f"{self.name}.events",
            "AUDITLOG_DEAD_LETTER_TOPIC": f"{self.name}.dead-letter",
            "AUDITLOG_ALERTS_TOPIC": f"{self.name}.alerts",
            "AUDITLOG_GROUP": f"{self.name}-indexer",
            "AUDITLOG_INDEX_PREFIX": self.name,
            "AUDITLOG_SESSION_SECONDS": "6",
            **self.extra,
        }

    def _fields(self) -> dict[str, Any]:
        return {k.removeprefix("AUDITLOG_").lower(): v for k, v in self.environment.items()}

    @property
    def producer(self) -> PublisherSettings:
        """Settings to publish with."""
        return PublisherSettings(**self._fields())

    @property
    def consumer(self) -> ConsumerSettings:
        """Settings to consume with."""
        return ConsumerSettings(**self._fields())

    @property
    def setup(self) -> SetupSettings:
        """Settings to set up with."""
        return SetupSettings(**self._fields())

    @property
    def query(self) -> QuerySettings:
        """Settings to query with."""
        return QuerySettings(**self._fields())

    def client(self) -> elasticsearch.Elasticsearch:
        """Return a client of Elasticsearch."""
        return elasticsearch.Elasticsearch(self.servers.elasticsearch, basic_auth=self.servers.login)

    def run(
        self, *arguments: str, stdin: bytes | None = None, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run `auditlog` to its end."""
        text = stdin.decode() if stdin is not None else None
        done = auditlog(*arguments, stdin=text, **self.environment)
        if check and done.returncode:
            raise AssertionError(f"auditlog {' '.join(arguments)}: {done.stdout}\n{done.stderr}")
        return done

    @contextmanager
    def consuming(self, *arguments: str, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
        """Run `auditlog consume` beside the test; it is ended by SIGTERM, and killed if need be."""
        command = [sys.executable, "-m", "audit_cli", "consume", "--start", "earliest", *arguments]
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, env=clean_environment() | self.environment, stdout=output, stderr=output
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(40)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def publish_raw(
        self,
        *values: bytes | None,
        key: bytes | None = None,
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        """Put bytes into the topic as they are, past the publisher's check."""
        producer = Producer({"bootstrap.servers": self.servers.kafka, "message.max.bytes": 10_000_000})
        for value in values:
            producer.produce(
                f"{self.name}.events", value, key=key, headers=dict(headers) if headers else None
            )
        assert producer.flush(30) == 0

    def documents(self) -> list[dict[str, Any]]:
        """Return the `_source` of every document, at most 10,000, with `_id` and `_index` beside."""
        with self.client() as client:
            client.indices.refresh(index=f"{self.name}-*")
            found = client.search(index=f"{self.name}-*", size=10_000)
            return [
                hit["_source"] | {"_id": hit["_id"], "_index": hit["_index"]}
                for hit in found["hits"]["hits"]
            ]

    def count(self) -> int:
        """Return how many documents there are."""
        with self.client() as client:
            client.indices.refresh(index=f"{self.name}-*")
            return int(client.count(index=f"{self.name}-*")["count"])

    def dead_letters(self) -> list[Record]:
        """Return every record of the dead-letter topic."""
        return self.records(f"{self.name}.dead-letter")

    def records(self, topic: str) -> list[Record]:
        """Return every record of a topic."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers.kafka,
                "group.id": f"{self.name}-test",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 10,
            }
        )
        found: list[Record] = []
        try:
            for number in consumer.list_topics(topic, timeout=15).topics[topic].partitions:
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=15)
                consumer.assign([TopicPartition(topic, number, low)])
                seen = low
                while seen < high:
                    for message in consumer.consume(min(1000, high - seen), timeout=1):
                        assert message.error() is None
                        found.append(Record.of(message))
                        seen = found[-1].origin.offset + 1
        finally:
            consumer.close()
        return found


def new_deployment(servers: Servers, **extra: str) -> Deployment:
    """Return a deployment with unique names; nothing is set up yet."""
    return Deployment(servers, f"test-{uuid.uuid4().hex[:12]}", extra)


def tear_down(deployment: Deployment) -> None:
    """Delete the indices and the template; topics go with the servers."""
    with deployment.client() as client:
        for index in client.indices.get(index=f"{deployment.name}-*"):
            client.indices.delete(index=index)
        with suppress(elasticsearch.NotFoundError):
            client.indices.delete_index_template(name=deployment.name)
