"""Kafka: brokers that are KRaft controllers too, in one process each."""

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
from audit_local.member import Member, alone
from audit_local.ports import LOOPBACK
from audit_local.process import Running, change_owner, run, start

__all__ = ["is_ready", "start_kafka"]

_FOR_A_SMALL_HEAP = {"log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024}
"""A broker takes 128 MiB for it at its start."""

_QUIET = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",)


def start_kafka(
    home: Path,
    libraries: Path,
    java: Path,
    port: int,
    heap: str,
    properties: Mapping[str, str] | None = None,
    java_options: Sequence[str] = (),
    member: Member | None = None,
) -> Running:
    """Start Kafka on the loopback address; its data, in `home`, survives a restart.

    `properties` go on top of ours, as in server.properties; `java_options` are for short-lived servers.
    Of a cluster, the first member is started first, and no two at once: a new one joins by the others'
    data. Each is ready when most of them run.
    """
    member = member or alone(home)
    data, config = home / "data", home / "server.properties"
    data.mkdir(parents=True, exist_ok=True)
    config.write_text(_properties(data, port, member, properties or {}))
    program, usual = str(java / "bin" / "java"), [*_QUIET, *java_options, "-cp", _class_path(libraries)]
    change_owner(data)
    if not (data / "meta.properties").exists():
        _format([program, *usual], config, member)
    options = [f"-Xmx{heap}", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true"]
    return start(
        [program, *options, *usual, "kafka.Kafka", config],
        log=home / "kafka.log",
        folder=home,
        environment={},
    )


def is_ready(port: int, brokers: int = 1) -> bool:
    """Tell whether a client's metadata call is answered, and names so many brokers."""
    config: dict[str, Any] = {
        "bootstrap.servers": f"{LOOPBACK}:{port}",
        "logger": logging.getLogger("auditlog.kafka"),
    }
    admin = AdminClient(config)
    with contextlib.suppress(KafkaException):
        return len(admin.list_topics(timeout=1).brokers) >= brokers
    return False


def _class_path(libraries: Path) -> str:
    """Return the jars in one order: what Java keeps of their classes is for exactly this path."""
    return ":".join(str(jar) for jar in sorted(libraries.glob("*.jar")))


def _format(launcher: list[str], config: Path, member: Member) -> None:
    cluster = _joined_cluster(member) or _cluster_id()
    done = run([*launcher, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", config])
    if done.returncode:
        raise ServerFailedError(f"Kafka's storage can't be formatted: {done.stderr.strip()[-500:]}")


def _joined_cluster(member: Member) -> str | None:
    """Return the id of the cluster that another member's data is of."""
    for home in member.homes:
        with contextlib.suppress(FileNotFoundError):
            lines = (home / "data" / "meta.properties").read_text().splitlines()
            return next(line for line in lines if line.startswith("cluster.id=")).partition("=")[2]
    return None


def _cluster_id() -> str:
    """Return a random id that does not begin with a dash: the tool would take it for an option."""
    random = bytearray(uuid.uuid4().bytes)
    random[0] &= 0x7F
    return urlsafe_b64encode(random).decode().rstrip("=")


def _properties(data: Path, port: int, member: Member, more: Mapping[str, str]) -> str:
    voters = [f"{number}@{address}" for number, address in enumerate(member.inner_addresses, 1)]
    listeners = f"PLAINTEXT://{LOOPBACK}:{port}"
    copies = min(3, len(voters))
    in_sync = max(1, copies - 1)
    ours = {
        "process.roles": "broker,controller",
        "node.id": member.number,
        "controller.quorum.voters": ",".join(voters),
        "listeners": f"{listeners},CONTROLLER://{LOOPBACK}:{member.inner_port}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": 0,
        **({} if member.is_alone else _FOR_A_SMALL_HEAP),
    }
    return "".join(f"{name}={value}\n" for name, value in (ours | dict(more)).items())
