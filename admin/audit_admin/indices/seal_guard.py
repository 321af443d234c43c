"""Sealed events: an index of them is deleted only after the sealed log states that they are retired.

The statement is asked for in the sealer's folder, never in Elasticsearch or Kafka, whose administrators
could excuse what they delete otherwise. What is deleted without it is told as missing.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from audit_consumer import ConsumerSettings
from audit_runtime.kafka import partition_bounds, visible_partitions
from audit_runtime.terminal import Report
from confluent_kafka import Consumer, TopicPartition

from audit_admin.indices.inventory import IndexInfo

if TYPE_CHECKING:
    from audit_seal import IndexRetirement

__all__ = ["SealGuard"]

_SECONDS = 30.0
_ELSEWHERE = (
    "its events are sealed: run this on the sealer's host, where AUDITLOG_SEAL_FOLDER is the folder of "
    "the sealed log"
)


class SealGuard:
    """Tells which indices can't be deleted yet. Raises KafkaException, and SealError."""

    def __init__(self, settings: ConsumerSettings, report: Report) -> None:
        self._settings = settings
        self._report = report
        self.unretired: list[str] = []
        """The indices that were kept, and that can be retired from here."""

    @cached_property
    def is_sealed(self) -> bool:
        """Tell whether there is a sealed log, here or elsewhere."""
        return self._retirement is not None or self._is_published()

    def kept_because(self, info: IndexInfo) -> str:
        """Return why an index can't be deleted; nothing if it can."""
        if not info.is_live or not self.is_sealed:
            return ""
        if self._retirement is None:
            return _ELSEWHERE
        if not (left := self._retirement.left(info.index)):
            return ""
        self.unretired.append(info.index)
        return (
            f"the sealed log does not state yet that {left:,} of its events are retired; --delete asks "
            "the sealer for it, and deletes after its next checkpoint"
        )

    def retire(self, index: str) -> int:
        """Ask the sealer to state that an index may be deleted; return how many events it has."""
        assert self._retirement is not None  # noqa: S101 - or nothing would be `unretired`
        return self._retirement.request(index)

    @cached_property
    def _retirement(self) -> "IndexRetirement | None":
        """Return what retires indices; None where the folder of the sealed log is not here."""
        try:
            from audit_seal import IndexRetirement, SealSettings, has_log  # noqa: PLC0415 - an extra
        except ModuleNotFoundError:
            return None
        settings = SealSettings()
        is_here = settings.seal_folder is not None and has_log(settings.seal_folder)
        return IndexRetirement(settings, self._report) if is_here else None

    def _is_published(self) -> bool:
        """Tell whether a checkpoint was published."""
        consumer = Consumer(self._settings.consumer_config())
        try:
            topic = self._settings.seals_topic
            if not visible_partitions(consumer, topic, seconds=_SECONDS):
                return False
            low, high = partition_bounds(consumer, TopicPartition(topic, 0), seconds=_SECONDS)
            return high > low
        finally:
            consumer.close()
