"""What Kafka says of the log's pipeline: how far consumers are behind, and what they refused."""

import os
from dataclasses import dataclass

from audit_admin import Lag
from audit_admin.dead_letters import DeadLetterReader, NewestDeadLetters, Selection, read_newest
from audit_admin.topic_reader import TopicReader
from audit_consumer import ConsumerSettings

from audit_server.background import BackgroundValue

__all__ = ["ConsumerLag", "Pipeline", "pipeline_of_environment"]

_KAFKA = "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS"
_KAFKA_SECONDS = 5.0
_LAG_FRESH_SECONDS = 10.0
_DEAD_LETTERS_FRESH_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ConsumerLag:
    """How many records are published and not yet indexed, in all and in the partition with most."""

    group: str
    records: int
    partitions: int
    worst_partition: int | None
    worst_records: int


class Pipeline:
    """Reads Kafka in the background, and only when somebody looks. Nobody ever waits for it."""

    def __init__(self, settings: ConsumerSettings) -> None:
        self._settings = settings
        self.lag = BackgroundValue("consumer lag", self._lag, fresh_seconds=_LAG_FRESH_SECONDS)
        self.dead_letters = BackgroundValue(
            "dead letters", self._dead_letters, fresh_seconds=_DEAD_LETTERS_FRESH_SECONDS
        )

    @property
    def dead_letter_topic(self) -> str:
        """The topic that refused records are in."""
        return self._settings.dead_letter_topic

    def _lag(self) -> ConsumerLag:
        with Lag(self._settings, seconds=_KAFKA_SECONDS) as lag:
            offsets = lag.offsets()
        behind = {number: place.log_end - place.current for number, place in offsets.items()}
        worst = max(behind, key=lambda number: behind[number], default=None)
        return ConsumerLag(
            self._settings.group,
            sum(behind.values()),
            len(behind),
            worst,
            behind[worst] if worst is not None else 0,
        )

    def _dead_letters(self) -> NewestDeadLetters:
        selection = Selection(self._settings.topic)
        with TopicReader(self._settings) as reader:
            return read_newest(DeadLetterReader(reader, self._settings.dead_letter_topic), selection)


def pipeline_of_environment() -> Pipeline | None:
    """Return the pipeline that the environment names; None where it names no Kafka."""
    return Pipeline(ConsumerSettings()) if _KAFKA in os.environ else None
