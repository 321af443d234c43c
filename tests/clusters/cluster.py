"""Three brokers and three nodes that tests may kill, freeze and cut off."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import elasticsearch
from audit_local.member import Member
from audit_runtime import ElasticsearchSettings
from audit_runtime.elastic import connect
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata
from support.conditions import wait_until
from support.proxy import Proxy, proxied
from support.server_processes import Broker, Search, Server, lasting_port, started
from support.servers import Servers

__all__ = ["QUICK", "Cluster", "running_cluster"]

_NUMBERS = (1, 2, 3)
_HEAP_OF_BROKER, _HEAP_OF_NODE = "256m", "512m"
_SECONDS = 5.0

QUICK = {
    f"cluster.fault_detection.{check}.{name}": value
    for check in ("follower_check", "leader_check")
    for name, value in {"timeout": "4s", "retry_count": "2"}.items()
} | {"cluster.publish.timeout": "8s"}
"""Settings by which nodes miss one that does not answer after eight seconds and not after thirty, and a
new master does not wait thirty for it either."""


@dataclass(frozen=True)
class Cluster:
    """The servers, and who is what among them."""

    brokers: Sequence[Broker]
    nodes: Sequence[Search]
    ways: Sequence[Proxy]
    """How the other nodes get to each one, where that can be cut."""

    @property
    def servers(self) -> Servers:
        """Where they answer."""
        return Servers(
            ",".join(broker.address for broker in self.brokers),
            ",".join(node.url for node in self.nodes),
        )

    def client(self, seconds: float = _SECONDS) -> elasticsearch.Elasticsearch:
        """Return the product's client of all nodes."""
        settings = ElasticsearchSettings(elasticsearch_url=self.servers.elasticsearch)
        return connect(settings, seconds=seconds)

    def master(self) -> Search:
        """Return the node that was elected."""
        with self.client() as client:
            state = client.cluster.state(metric=["master_node", "nodes"])
        return self._named(state["nodes"][state["master_node"]]["name"])

    def holders(self, index: str) -> tuple[Search, list[Search]]:
        """Return the nodes with the primary and with the replicas of an index's first shard."""
        with self.client() as client:
            state = client.cluster.state(metric=["nodes", "routing_table"], index=index)
        names = {number: node["name"] for number, node in state["nodes"].items()}
        (table, *_) = state["routing_table"]["indices"].values()
        copies = [copy for copy in table["shards"]["0"] if copy["state"] == "STARTED"]
        (primary,) = [self._named(names[copy["node"]]) for copy in copies if copy["primary"]]
        return primary, [self._named(names[copy["node"]]) for copy in copies if not copy["primary"]]

    def leader(self, topic: str, partition: int = 0) -> Broker:
        """Return the broker that leads a partition."""
        found = self._metadata().topics[topic].partitions[partition].leader
        return self.brokers[found - 1]

    def wait_for_nodes(self) -> None:
        """Return when all nodes are there and have all copies of all shards."""
        self._wait(self.nodes)
        wait_until(self._is_green, seconds=300, what="Elasticsearch is green, with three nodes")

    def wait_for_brokers(self) -> None:
        """Return when all brokers are there, and every replica is in sync."""
        self._wait(self.brokers)
        wait_until(self._is_in_sync, seconds=300, what="all replicas of Kafka are in sync")

    def heal(self) -> None:
        """Bring all of them back to work, whatever was done to them."""
        for way in self.ways:
            way.restore()
        for server in (*self.brokers, *self.nodes):
            server.revive()
        self.wait_for_brokers()
        self.wait_for_nodes()

    def _named(self, name: str) -> Search:
        return self.nodes[int(name.rpartition("-")[2]) - 1]

    @staticmethod
    def _wait(servers: Sequence[Server]) -> None:
        for server in servers:
            server.wait()

    def _is_green(self) -> bool:
        with self.client() as client:
            try:
                health = client.cluster.health()
            except (elasticsearch.ApiError, elasticsearch.TransportError):
                return False
        moving = health["initializing_shards"] + health["relocating_shards"]
        return bool(
            health["status"] == "green" and health["number_of_nodes"] == len(self.nodes) and not moving
        )

    def _is_in_sync(self) -> bool:
        try:
            found = self._metadata()
        except KafkaException:
            return False
        partitions = [each for topic in found.topics.values() for each in topic.partitions.values()]
        return len(found.brokers) == len(self.brokers) and all(
            len(each.isrs) == len(each.replicas) and each.leader > 0 for each in partitions
        )

    def _metadata(self) -> ClusterMetadata:
        admin = AdminClient({"bootstrap.servers": self.servers.kafka})
        return admin.list_topics(timeout=_SECONDS)


@contextlib.contextmanager
def running_cluster(
    folder: Path, settings: Mapping[str, str] = QUICK, *, can_be_cut: bool = False
) -> Iterator[Cluster]:
    """Run all six, with their data in a folder that other accounts may enter.

    `settings` are lines of elasticsearch.yml. With `can_be_cut` the nodes reach each other through
    proxies of this process.
    """
    with contextlib.ExitStack() as stack:
        members = list(_members(folder, "elasticsearch"))
        ways = [
            stack.enter_context(proxied(f"http://{member.inner_addresses[at]}"))
            for at, (_, member) in enumerate(members if can_be_cut else [])
        ]
        nodes = [Search(home, dict(settings), heap=_HEAP_OF_NODE, member=at) for home, at in members]
        for node, way in zip(nodes, ways, strict=False):
            node.settings["transport.publish_port"] = str(way.port)
        brokers = [
            Broker(home, heap=_HEAP_OF_BROKER, member=at) for home, at in _members(folder, "kafka")
        ]
        cluster = Cluster(brokers, nodes, ways)
        stack.enter_context(started(*cluster.brokers, *cluster.nodes))
        cluster.wait_for_brokers()
        cluster.wait_for_nodes()
        yield cluster


def _members(folder: Path, name: str) -> Iterator[tuple[Path, Member]]:
    homes = tuple(folder / f"{name}-{number}" for number in _NUMBERS)
    ports = tuple(lasting_port() for _ in _NUMBERS)
    for number, home in zip(_NUMBERS, homes, strict=True):
        yield home, Member(number, homes, ports)
