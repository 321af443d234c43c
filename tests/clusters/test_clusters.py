"""Three brokers and three nodes: nothing is lost, doubled or stands still when some are away."""

import random
from pathlib import Path

import pytest
from clusters.cluster import Cluster
from clusters.fault import SHORT, interleaved
from clusters.trial import Trial
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from faults.census import a_deployment
from rich.console import Console

pytestmark = pytest.mark.servers


def test_setup_makes_replicas(cluster: Cluster) -> None:
    """Topics have three, of which two have to acknowledge; an index has one beside its primary."""
    with a_deployment(cluster.servers) as deployment, deployment.client() as client:
        admin = AdminClient({"bootstrap.servers": cluster.servers.kafka})
        topic = admin.list_topics(f"{deployment.name}.events", timeout=60).topics
        assert {
            len(each.replicas) for each in topic[f"{deployment.name}.events"].partitions.values()
        } == {3}
        resource = ConfigResource(ResourceType.TOPIC, f"{deployment.name}.events")
        config = admin.describe_configs([resource])[resource].result(60)
        assert config["min.insync.replicas"].value == "2"
        index = f"{deployment.name}-2026.11"
        client.indices.create(index=index)
        settings = client.indices.get_settings(index=index, flat_settings=True)[index]["settings"]
        assert settings["index.number_of_replicas"] == "1"


@pytest.mark.timeout(1800)  # two or three minutes of waiting, and all of six servers' work
def test_every_event_is_there_once_and_every_alert_fires_once(
    cluster: Cluster, tmp_path: Path, chance: random.Random
) -> None:
    """Whoever is killed or frozen: others stand in, and all goes on without anyone's help."""
    console = Console(emoji=False, width=160)
    with Trial.begun(cluster, tmp_path, chance, console, consumers=3, per_second=40) as trial:
        for fault in interleaved(SHORT, chance):
            trial.endure(fault)
        trial.finish()
