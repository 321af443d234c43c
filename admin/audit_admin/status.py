"""How far the consumers are, and how fast, measured from Kafka alone."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from audit_consumer import ConsumerSettings, SetupFaultError
from confluent_kafka import KafkaException

from audit_admin.lag import Lag, PartitionOffsets

__all__ = ["PartitionStatus", "watch"]


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """The offsets of one partition, and its rates over the last interval."""

    partition: int
    current_offset: int
    """The offset that the group has committed."""
    log_end_offset: int
    """The offset that the next record gets."""
    consumed_per_second: float
    published_per_second: float

    @property
    def lag(self) -> int:
        """Records that are published but not committed."""
        return self.log_end_offset - self.current_offset


def watch(settings: ConsumerSettings, seconds: float) -> Iterator[list[PartitionStatus]]:
    """Yield the status of all partitions again and again, each time over an interval of `seconds`.

    Raises SetupFaultError if Kafka does not answer or does not have the topic.
    """
    try:
        with Lag(settings) as lag:
            before, then = lag.offsets(), time.monotonic()
            if not before:
                raise SetupFaultError(
                    f"Topic {settings.topic} can't be read. To find out why: auditlog doctor"
                )
            while True:
                time.sleep(seconds)
                after, now = lag.offsets(), time.monotonic()
                yield [
                    _status(partition, before.get(partition, offsets), offsets, now - then)
                    for partition, offsets in after.items()
                ]
                before, then = after, now
    except KafkaException as error:
        raise SetupFaultError(
            f"Kafka at {settings.kafka_bootstrap_servers} does not answer: {error.args[0].str()}"
        ) from error


def _status(
    partition: int, before: PartitionOffsets, after: PartitionOffsets, seconds: float
) -> PartitionStatus:
    return PartitionStatus(
        partition,
        after.current,
        after.log_end,
        consumed_per_second=(after.current - before.current) / seconds,
        published_per_second=(after.log_end - before.log_end) / seconds,
    )
