"""What Kafka knows of a consumer group, and how a dead member is put out of it."""

import contextlib
import socket
import struct

from audit_admin.lag import Lag
from audit_runtime.offsets import committed_offsets, visible_partitions
from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient, MemberDescription
from support.conditions import wait_until
from support.servers import Deployment

__all__ = ["committed", "evict_all", "lag", "members", "owned"]

_LEAVE_GROUP, _VERSION = 13, 3


def members(deployment: Deployment) -> list[MemberDescription]:
    """Return the members of the group, dead ones too until their session ends."""
    admin = AdminClient(deployment.consumer.kafka_config())
    group = deployment.consumer.group
    found: list[MemberDescription] = []

    def has_answer() -> bool:
        with contextlib.suppress(KafkaException):  # a coordinator that loads, or is about to move
            found[:] = admin.describe_consumer_groups([group])[group].result(30).members
            return True
        return False

    wait_until(has_answer, what="Kafka describes the group")
    return found


def owned(deployment: Deployment) -> list[int]:
    """Return how many partitions each member has, the fewest first."""
    return sorted(len(member.assignment.topic_partitions) for member in members(deployment))


def lag(deployment: Deployment) -> int:
    """Return how many records are published and not settled yet."""
    with Lag(deployment.consumer) as asked:
        return asked.records()


def committed(deployment: Deployment) -> dict[int, int]:
    """Return the offset that each partition is committed up to, negative where it never was."""
    settings = deployment.consumer
    consumer = Consumer(settings.consumer_config())
    try:
        found = committed_offsets(consumer, visible_partitions(consumer, settings.topic))
        return {point.partition: point.offset for point in found}
    finally:
        consumer.close()


def evict_all(deployment: Deployment) -> None:
    """Put every member out of a group of the classic protocol.

    That is what the end of a session does to members that were killed, without the wait for it.
    """
    dead = [member.member_id for member in members(deployment)]
    body = _text(deployment.consumer.group) + struct.pack(">i", len(dead))
    body += b"".join(_text(member) + struct.pack(">h", -1) for member in dead)
    header = struct.pack(">hhi", _LEAVE_GROUP, _VERSION, 1) + _text("tests")
    host, _, port = deployment.servers.kafka.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(struct.pack(">i", len(header + body)) + header + body)
        answer = connection.recv(4096)
    (error,) = struct.unpack_from(">h", answer, 12)  # after length, correlation and throttle time
    assert error == 0, f"Kafka did not put the members out: error {error}"
    left = {member.member_id for member in members(deployment)}  # who lives comes again, as another
    assert left.isdisjoint(dead)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">h", len(data)) + data
