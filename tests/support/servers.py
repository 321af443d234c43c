"""The servers that tests run against, and a deployment of its own for each test."""

import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import elasticsearch
from audit_admin import SetupSettings
from audit_consumer import ConsumerSettings
from audit_consumer.record import Record
from audit_producer.publishing import PublisherSettings
from audit_query import QuerySettings
from confluent_kafka import Consumer, Producer, TopicPartition
from support.command import auditlog, start_auditlog

__all__ = ["ROOT", "Deployment", "Servers", "new_deployment", "tear_down"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Servers:
    """Where a real Kafka and a real Elasticsearch answer; several of each are separated by commas."""

    kafka: str
    elasticsearch: str


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
            "AUDITLOG_SEALS_TOPIC": f"{self.name}.seals",
            "AUDITLOG_GROUP": f"{self.name}-indexer",
            "AUDITLOG_INDEX_PREFIX": self.name,
            "AUDITLOG_STREAMS_INDEX": f"{self.name}_streams",
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
        """Return a client of Elasticsearch, which waits for the shards of an index just made."""
        return elasticsearch.Elasticsearch(
            self.servers.elasticsearch.split(","),
            retry_on_status=503,
            max_retries=10,
            retry_backoff_base=0.2,
            retry_backoff_cap=10,
        )

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
        process = start_auditlog(
            "consume", "--start", "earliest", *arguments, output=log, **self.environment
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(120)
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
        assert producer.flush(120) == 0

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
            for number in consumer.list_topics(topic, timeout=60).topics[topic].partitions:
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=60)
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
        client.indices.delete(index=f"{deployment.name}_streams", ignore_unavailable=True)
        with suppress(elasticsearch.NotFoundError):
            client.indices.delete_index_template(name=deployment.name)
