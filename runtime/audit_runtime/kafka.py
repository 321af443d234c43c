"""What is built on Kafka's client: the base of our producers, offsets, messages in batches."""

from audit_runtime.kafka_producer import GUARANTEES, KafkaProducer
from audit_runtime.message_batches import bounded_batches, message_batches
from audit_runtime.offsets import (
    bounds_of_new,
    committed_offsets,
    offset_at,
    partition_bounds,
    partitions_of,
    visible_partitions,
)

__all__ = [
    "GUARANTEES",
    "KafkaProducer",
    "bounded_batches",
    "bounds_of_new",
    "committed_offsets",
    "message_batches",
    "offset_at",
    "partition_bounds",
    "partitions_of",
    "visible_partitions",
]
