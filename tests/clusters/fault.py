"""What can happen to a cluster, one fault at a time; each is healed when its context ends."""

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum, auto
from itertools import zip_longest

from audit_local.process import run
from audit_producer import AuditProducer, QueueFullError
from audit_producer.build import new_event
from clusters.cluster import Cluster
from confluent_kafka.admin import AdminClient, NewPartitions
from faults.crew import Crew
from kafka.admin import KafkaAdminClient
from kafka.structs import TopicPartition
from support.conditions import wait_until
from support.server_processes import Server
from support.servers import Deployment

__all__ = ["ALL", "SHORT", "Fault", "Scene", "Side", "interleaved"]

_PREFERRED = 0
_MOST_PARTITIONS = 12
_DELIVERED_SECONDS = 300.0


class Side(Enum):
    """Whose fault it is, so that these servers have to be whole before it."""

    BROKERS = auto()
    NODES = auto()
    CONSUMERS = auto()


@dataclass
class Scene:
    """What faults happen to."""

    cluster: Cluster
    deployment: Deployment
    crew: Crew
    chance: random.Random
    published: list[str]
    """Ids of events that faults published themselves, and that are acknowledged in the end."""

    @property
    def topic(self) -> str:
        """The topic of events."""
        return f"{self.deployment.name}.events"

    def index(self) -> str:
        """Return the index that most events are written to."""
        with self.cluster.client() as client:
            found = client.indices.get_alias(index=f"{self.deployment.name}-*")
        return max(found, key=lambda name: name.rpartition("-")[2])  # all names end with their month


@dataclass(frozen=True)
class Fault:
    """A fault, and how events fare while it lasts."""

    name: str
    side: Side
    happen: Callable[[Scene], AbstractContextManager[None]]
    is_borne: bool = True
    """Whether events become searchable while it lasts, since others stand in."""


@contextlib.contextmanager
def _killed(server: Server) -> Iterator[None]:
    server.kill()
    yield
    server.revive()


@contextlib.contextmanager
def _frozen(server: Server) -> Iterator[None]:
    server.freeze()
    yield
    server.thaw()


def _primary_killed(scene: Scene) -> AbstractContextManager[None]:
    return _killed(scene.cluster.holders(scene.index())[0])


def _primary_frozen(scene: Scene) -> AbstractContextManager[None]:
    return _frozen(scene.cluster.holders(scene.index())[0])


def _master_killed(scene: Scene) -> AbstractContextManager[None]:
    return _killed(scene.cluster.master())


def _leader_killed(scene: Scene) -> AbstractContextManager[None]:
    return _killed(scene.cluster.leader(scene.topic))


def _leader_frozen(scene: Scene) -> AbstractContextManager[None]:
    return _frozen(scene.cluster.leader(scene.topic))


@contextlib.contextmanager
def _most_brokers_away(scene: Scene) -> Iterator[None]:
    """Kill two of three, until a publisher with a short queue is told that it can't go on.

    What it had queued is acknowledged in the end, and what was refused is not there.
    """
    away = scene.chance.sample(list(scene.cluster.brokers), 2)
    settings = scene.deployment.producer.model_copy(
        update={"queue_events": 20, "block_seconds": 0.5, "close_seconds": 5.0}
    )
    hasty = AuditProducer(settings)
    hasty.check(60)
    for broker in away:
        broker.kill()
    wait_until(lambda: not _takes(hasty, scene), pause=0.01, what="the publisher is told")
    assert hasty.flush(1) > 0, "events were acknowledged by a broker alone"
    yield
    for broker in away:
        broker.revive()
    for broker in away:
        broker.wait()
    assert hasty.flush(_DELIVERED_SECONDS) == 0
    hasty.close()


def _takes(producer: AuditProducer, scene: Scene) -> bool:
    """Publish one event; tell whether it was taken."""
    event = new_event("chat-opened", user="hasty", chat="chat-0", ip="192.0.2.8")
    try:
        producer.publish(event)
    except QueueFullError:
        return False
    scene.published.append(event.event.id)
    return True


@contextlib.contextmanager
def _consumer_killed(scene: Scene) -> Iterator[None]:
    scene.crew.kill(scene.chance.choice(scene.crew.alive))
    yield
    scene.crew.join()


@contextlib.contextmanager
def _replicas_disk_full(scene: Scene) -> Iterator[None]:
    """Let no file of the node with the replica grow: the kernel says so, as it does of a full disk.

    Elasticsearch gives a copy up after five attempts, and an operator has to say that it may try again.
    """
    _, (node, *_) = scene.cluster.holders(scene.index())
    _limit_files(node, "0")
    yield
    _limit_files(node, "unlimited")
    node.revive()
    node.wait()
    with scene.cluster.client() as client:
        client.cluster.reroute(retry_failed=True)


def _limit_files(server: Server, size: str) -> None:
    """Let no file of a server grow beyond a size in bytes, or `unlimited`."""
    for process in server.processes():
        done = run(["prlimit", "--pid", str(process.pid), f"--fsize={size}:"])
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def _primary_cut_off(scene: Scene) -> Iterator[None]:
    """Cut the way of the others to the node with the primary; it answers clients still."""
    primary, _ = scene.cluster.holders(scene.index())
    way = scene.cluster.ways[list(scene.cluster.nodes).index(primary)]
    way.cut()
    yield
    way.restore()


@contextlib.contextmanager
def _leaders_moved(scene: Scene) -> Iterator[None]:
    """Give each partition another leader: the one that is next in its list of replicas."""
    found = AdminClient({"bootstrap.servers": scene.cluster.servers.kafka})
    partitions = found.list_topics(scene.topic, timeout=60).topics[scene.topic].partitions
    admin = KafkaAdminClient(bootstrap_servers=scene.cluster.servers.kafka.split(","))
    try:
        admin.alter_partition_reassignments(
            {
                TopicPartition(scene.topic, number): [*each.replicas[1:], each.replicas[0]]
                for number, each in partitions.items()
            }
        )
        admin.elect_leaders(_PREFERRED, {scene.topic: list(partitions)})
    finally:
        admin.close()
    yield


@contextlib.contextmanager
def _rolling_restart(scene: Scene) -> Iterator[None]:
    """Restart each server in order, when the one before is back and whole."""
    for servers, wait in (
        (scene.cluster.brokers, scene.cluster.wait_for_brokers),
        (scene.cluster.nodes, scene.cluster.wait_for_nodes),
    ):
        wait()
        for server in servers:
            server.terminate()
            server.launch()
            wait()
    yield


@contextlib.contextmanager
def _partitions_added(scene: Scene) -> Iterator[None]:
    admin = AdminClient({"bootstrap.servers": scene.cluster.servers.kafka})
    now = len(admin.list_topics(scene.topic, timeout=60).topics[scene.topic].partitions)
    if now < _MOST_PARTITIONS:
        admin.create_partitions([NewPartitions(scene.topic, now + 1)])[scene.topic].result(60)
    yield


@contextlib.contextmanager
def _index_reindexed(scene: Scene) -> Iterator[None]:
    scene.deployment.run("reindex", "--index", scene.index(), "--grace", "1")
    scene.deployment.run("reindex", "--delete-old", "--yes")
    yield


SHORT = (
    Fault("the node with the primary is killed", Side.NODES, _primary_killed),
    Fault("the node with the primary is frozen", Side.NODES, _primary_frozen),
    Fault("the elected master is killed", Side.NODES, _master_killed),
    Fault("the broker that leads a partition is killed", Side.BROKERS, _leader_killed),
    Fault("the broker that leads a partition is frozen", Side.BROKERS, _leader_frozen),
    Fault("two of three brokers are away", Side.BROKERS, _most_brokers_away, is_borne=False),
    Fault("a consumer is killed, and another one joins", Side.CONSUMERS, _consumer_killed),
)
"""Those of `make test`."""

ALL = (
    *SHORT,
    Fault("the disk of the node with the replica is full", Side.NODES, _replicas_disk_full),
    Fault("the node with the primary is cut off from the others", Side.NODES, _primary_cut_off),
    Fault("each partition gets another leader", Side.BROKERS, _leaders_moved),
    Fault("all servers are restarted in turn", Side.BROKERS, _rolling_restart, is_borne=False),
    Fault("a partition is added", Side.BROKERS, _partitions_added),
    Fault(
        "the month's index is rebuilt (auditlog reindex)", Side.NODES, _index_reindexed, is_borne=False
    ),
)
"""Those of `make soak CLUSTER=1`."""


def interleaved(faults: Sequence[Fault], chance: random.Random) -> list[Fault]:
    """Return faults at random, of nodes and of brokers in turn: the ones become whole meanwhile."""
    sides = [[fault for fault in faults if fault.side is side] for side in Side]
    for side in sides:
        chance.shuffle(side)
    return [fault for fault_of_each in zip_longest(*sides) for fault in fault_of_each if fault]
