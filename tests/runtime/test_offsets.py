"""Offsets, asked for while Kafka has no answer yet."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from audit_runtime.kafka import bounds_of_new, partitions_of
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions
from support.servers import Deployment

pytestmark = pytest.mark.servers


def test_bounds_of_a_partition_that_is_being_added_are_waited_for(deployment: Deployment) -> None:
    """A group's leader may hear of it, and assign it, before the broker that is asked."""
    settings = deployment.consumer
    client, topic = AdminClient(settings.kafka_config()), settings.topic
    known = partitions_of(client, topic)
    new = TopicPartition(topic, len(known))
    with pytest.raises(KafkaException):
        bounds_of_new(client, [new], seconds=0.5)
    with ThreadPoolExecutor(1) as pool:
        bounds = pool.submit(bounds_of_new, client, [*known, new], seconds=60)
        client.create_partitions([NewPartitions(topic, new.partition + 1)])[topic].result(60)
        assert bounds.result(60) == [(0, 0)] * (len(known) + 1)
