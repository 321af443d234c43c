"""A single-node Kafka: broker and KRaft controller in one process."""

import contextlib
import logging
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from audit_local.errors import ServerFailedError
from audit_local.ports import LOOPBACK, free_port
from audit_local.process import Running, change_owner, run, start

__all__ = ["is_ready", "start_kafka"]


def start_kafka(
    home: Path,
    libraries: Path,
    java: Path,
    port: int,
    heap: str,
    properties: Mapping[str, str] | None = None,
    java_options: Sequence[str] = (),
) -> Running:
    """Start Kafka on the loopback address; its data, in `home`, survives a restart.

    `properties` go on top of ours, as in server.properties; `java_options` are for short-lived servers.
    """
    data, config = home / "data", home / "server.properties"
    data.mkdir(parents=True, exist_ok=True)
    config.write_text(_properties(data, port, properties or {}))
    (home / "simplelogger.properties").write_text("org.slf4j.simpleLogger.defaultLogLevel=warn\n")
    launcher = [str(java / "bin" / "java"), "-cp", f"{libraries}/*:{home}"]
    change_owner(data)
    if not (data / "meta.properties").exists():
        _format([launcher[0], *java_options, *launcher[1:]], config)
    options = [f"-Xmx{heap}", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true", *java_options]
    return start(
        [launcher[0], *options, *launcher[1:], "kafka.Kafka", config],
        log=home / "kafka.log",
        folder=home,
        environment={},
    )


def is_ready(port: int) -> bool:
    """Tell whether a client's metadata call is answered."""
    config: dict[str, Any] = {
        "bootstrap.servers": f"{LOOPBACK}:{port}",
        "logger": logging.getLogger("auditlog.kafka"),
    }
    admin = AdminClient(config)
    with contextlib.suppress(KafkaException):
        return bool(admin.list_topics(timeout=1).brokers)
    return False


def _format(launcher: list[str], config: Path) -> None:
    cluster = _cluster_id()
    done = run([*launcher, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", config])
    if done.returncode:
        raise ServerFailedError(f"Kafka's storage can't be formatted: {done.stderr.strip()[-500:]}")


def _cluster_id() -> str:
    """Return a random id that does not begin with a dash: the tool would take it for an option."""
    random = bytearray(uuid.uuid4().bytes)
    random[0] &= 0x7F
    return urlsafe_b64encode(random).decode().rstrip("=")


def _properties(data: Path, port: int, more: Mapping[str, str]) -> str:
    controller = free_port()
    listeners = f"PLAINTEXT://{LOOPBACK}:{port}"
    ours = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
        "listeners": f"{listeners},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
    }
    return "".join(f"{name}={value}\n" for name, value in (ours | dict(more)).items())
