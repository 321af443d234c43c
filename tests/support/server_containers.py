"""Kafka and Elasticsearch in containers, where a Docker engine has their images."""

import json
from contextlib import suppress
from pathlib import Path

import elasticsearch
from audit_local.artifacts import ELASTICSEARCH_VERSION, KAFKA_VERSION
from audit_local.ports import LOOPBACK, free_port
from confluent_kafka import Producer
from support.conditions import wait_until
from support.servers import Servers
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

__all__ = ["has_images", "remove_recorded", "shared_containers"]

_RECORD = "containers.json"
_KAFKA_IMAGE = f"apache/kafka:{KAFKA_VERSION}"
_ELASTICSEARCH_IMAGE = f"docker.elastic.co/elasticsearch/elasticsearch:{ELASTICSEARCH_VERSION}"


def has_images(*, insisted: bool) -> bool:
    """Tell whether the Docker engine has, or can get, the servers' images. Raises where insisted on."""
    try:
        client = DockerClient().client
        for image in (_KAFKA_IMAGE, _ELASTICSEARCH_IMAGE):
            if not client.images.list(name=image):
                client.images.pull(image)
    except Exception:
        if insisted:
            raise
        return False
    return True


def shared_containers(folder: Path) -> Servers:
    """Return where the containers answer; they are started if no worker has. Blocks until they do."""
    record = folder / _RECORD
    if not record.exists():
        testcontainers_config.ryuk_disabled = (
            True  # we stop what we start, and its image may be missing
        )
        kafka, elastic = free_port(), free_port()
        started = [_kafka_container(kafka).start(), _elasticsearch_container(elastic).start()]
        ids = [container.get_wrapped_container().id for container in started]
        addresses = [f"{LOOPBACK}:{kafka}", f"http://{LOOPBACK}:{elastic}"]
        record.write_text(json.dumps({"ids": ids, "servers": addresses}))
    servers = Servers(*json.loads(record.read_text())["servers"])
    wait_until(lambda: _answer(servers), seconds=300, what="the containers answer")
    return servers


def remove_recorded(folder: Path) -> None:
    """Remove the containers that were started for a folder."""
    record = folder / _RECORD
    if record.exists():
        for identifier in json.loads(record.read_text())["ids"]:
            DockerClient().client.containers.get(identifier).remove(force=True)


def _kafka_container(port: int) -> DockerContainer:
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


def _elasticsearch_container(port: int) -> DockerContainer:
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
