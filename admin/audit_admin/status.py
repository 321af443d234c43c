"""How far the consumers are, and how fast: asked of Kafka as an onlooker, of any process."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from audit_consumer import ConsumerSettings, SetupFaultError
from confluent_kafka import KafkaException

from audit_admin.lag import Lag

__all__ = ["PartitionStatus", "watch"]


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One partition, over a span of time."""

    partition: int
    published: int
    """The offset that the next record gets."""
    settled: int
    """The offset that the group has committed."""
    published_rate: float
    """Records a second."""
    settled_rate: float

    @property
    def lag(self) -> int:
        """Records that are published and not settled."""
        return self.published - self.settled


def watch(settings: ConsumerSettings, seconds: float) -> Iterator[list[PartitionStatus]]:
    """Yield the status of all partitions, for ever, each over so many seconds.

    Raises SetupFaultError if Kafka does not answer or has no such topic.
    """
    try:
        with Lag(settings) as lag:
            before, then = lag.positions(), time.monotonic()
            if not before:
                raise SetupFaultError(
                    f"Topic {settings.topic} can't be read. See what is wrong with: auditlog doctor"
                )
            while True:
                time.sleep(seconds)
                after, now = lag.positions(), time.monotonic()
                yield [
                    PartitionStatus(
                        partition,
                        published,
                        settled,
                        (published - before.get(partition, (published, 0))[0]) / (now - then),
                        (settled - before.get(partition, (0, settled))[1]) / (now - then),
                    )
                    for partition, (published, settled) in after.items()
                ]
                before, then = after, now
    except KafkaException as error:
        raise SetupFaultError(
            f"Kafka at {settings.kafka_bootstrap_servers} does not answer: {error.args[0].str()}"
        ) from error
