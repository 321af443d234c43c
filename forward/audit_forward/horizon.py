"""How far the consumers have judged each partition: nothing beyond it is forwarded."""

import threading
import time

from audit_query import AuditLog
from audit_runtime.kafka import committed_offsets, partition_bounds, partitions_of
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from audit_forward.settings import ForwardSettings

__all__ = ["Horizon"]

_SECONDS = 15.0
_EVERY = 0.5


class Horizon:
    """The committed offsets of the consumers' group; what is before them can be found. Thread-safe.

    Errors of both clients pass through.
    """

    def __init__(self, settings: ForwardSettings, log: AuditLog) -> None:
        self._topic = settings.topic
        self._log = log
        self._lock = threading.Lock()
        self._asked = 0.0
        self._offsets: dict[int, int] = {}
        self._consumer = Consumer(
            settings.kafka_config()
            | {"group.id": settings.group, "enable.auto.commit": False, "auto.offset.reset": "error"}
        )

    def offsets(self) -> dict[int, int]:
        """Return for each partition the offset up to which all is judged and visible to searches.

        At most half a second old. A partition that the consumers have not begun has 0.
        """
        with self._lock:
            if time.monotonic() - self._asked >= _EVERY:
                places = partitions_of(self._consumer, self._topic, seconds=_SECONDS)
                found = committed_offsets(self._consumer, places, seconds=_SECONDS)
                offsets = {each.partition: max(0, each.offset) for each in found}
                if offsets != self._offsets:
                    self._log.refresh()  # what was committed is indexed, and not yet visible
                    self._offsets = offsets
                self._asked = time.monotonic()
            return dict(self._offsets)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """Return the offset of the first record that Kafka still has, and of the next to come."""
        with self._lock:
            return partition_bounds(self._consumer, TopicPartition(topic, partition), seconds=_SECONDS)

    def ends(self, topic: str) -> dict[int, int]:
        """Return for each partition of a topic the offset of the next record to come.

        Nothing if there is no such topic yet. One that this user may not see is an error: it would look
        as if nothing ever came.
        """
        with self._lock:
            try:
                places = partitions_of(self._consumer, topic, seconds=_SECONDS)
            except KafkaException as error:
                if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    return {}
                raise
            return {
                each.partition: partition_bounds(self._consumer, each, seconds=_SECONDS)[1]
                for each in places
            }

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()
