"""Publish a part of the topic's traffic. A process of its own: `benchmarks.topic` starts it."""

import sys
from dataclasses import dataclass
from datetime import datetime

from audit_generator.traffic import Traffic
from audit_producer import AuditProducer, ProducerSettings

from benchmarks.children import job_of
from benchmarks.ids import in_order_of_time

__all__ = ["Part"]

_AGENTS = 200


@dataclass(frozen=True, slots=True)
class Part:
    """What to publish, and where."""

    kafka: str
    topic: str
    events: int
    seed: int
    end: str
    days: int


def main(part: Part) -> None:
    """Publish it all, under ids as the SDK makes them; a failed delivery fails the process."""
    settings = ProducerSettings(
        kafka_bootstrap_servers=part.kafka, topic=part.topic, block_seconds=120, close_seconds=120
    )
    end = datetime.fromisoformat(part.end)
    with AuditProducer(settings) as producer:
        for event in Traffic(part.events, end, seed=part.seed, days=part.days, agents=_AGENTS):
            fresh = in_order_of_time(event.event.id, event.timestamp)
            named = event.event.model_copy(update={"id": fresh})
            producer.publish(event.model_copy(update={"event": named}))


if __name__ == "__main__":
    main(Part(**job_of(sys.argv)))
