"""Settings of a publishing service."""

from typing import Any, Literal

from audit_runtime import EventSettings, KafkaSettings
from audit_runtime.kafka import GUARANTEES
from audit_schemas import MAX_EVENT_BYTES
from pydantic import Field

__all__ = ["ProducerSettings"]


class ProducerSettings(KafkaSettings, EventSettings):
    """How a service publishes. Reads no environment: the service passes what it has."""

    service: str | None = Field(None, description="Default service.name of events.")
    block_seconds: float = Field(
        1.0, ge=0, description="How long publish() waits if the local queue is full."
    )
    close_seconds: float = Field(
        30.0, gt=0, description="How long close() waits for outstanding acknowledgements."
    )
    delivery_seconds: int = Field(
        120, ge=1, description="Delivery timeout of an event, including retries."
    )
    queue_events: int = Field(100_000, ge=1, description="Size of the local queue in events.")
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field(
        "lz4", description="Compression of batches sent to Kafka."
    )

    def producer_config(self) -> dict[str, Any]:
        """Return librdkafka's configuration: acknowledged by all in-sync replicas, idempotent."""
        return (
            self.kafka_config()
            | GUARANTEES
            | {
                "compression.type": self.compression,
                "linger.ms": 10,
                "delivery.timeout.ms": self.delivery_seconds * 1000,
                "queue.buffering.max.messages": self.queue_events,
                "message.max.bytes": MAX_EVENT_BYTES
                + 64 * 1024,  # the contract decides, not the client
                "partitioner": "murmur2_random",  # as Java's, so that all publishers agree on keys
            }
        )
