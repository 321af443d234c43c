"""The consumer's loop: read, decode, settle, commit.

What was read stays in the batch until it is indexed, a duplicate, or acknowledged in the
dead-letter topic. While anything hinders that, the partitions are paused and Kafka is still polled,
so the group stays whole for as long as it takes.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from audit_consumer.assignment import Start, starting_points
from audit_consumer.batch import Batch, Settler
from audit_consumer.decode import Decoder
from audit_consumer.errors import (
    ConsumerError,
    NotDrainedError,
    OffsetsExpiredError,
    SetupFaultError,
)
from audit_consumer.offsets import committed_offsets, ends_of
from audit_consumer.record import Outcome, Record
from audit_consumer.settings import ConsumerSettings
from audit_consumer.watermark import Watermarks

__all__ = ["ConsumerLoop"]

_log = structlog.get_logger()

_POLL_SECONDS = 0.5
_REPORT_SECONDS = 10.0
_FIRST_BACKOFF = 0.1
_QUIET_SECONDS = 30.0


@dataclass(slots=True)
class _Backoff:
    """How long to wait before the next try: doubling, with jitter, up to a limit."""

    limit: float
    tries: int = 0
    due: float = 0.0

    def wait(self) -> float:
        self.tries += 1
        pause: float = min(self.limit, _FIRST_BACKOFF * 2 ** min(self.tries, 20))
        pause *= random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self.due = time.monotonic() + pause
        return pause

    def reset(self) -> None:
        self.tries, self.due = 0, 0.0


@dataclass
class ConsumerLoop:
    """Reads one topic as a member of a group. Run it in the main thread; `stop` from anywhere."""

    settings: ConsumerSettings
    decoder: Decoder
    settler: Settler
    start: Start | None = None
    skip_expired: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._batch = Batch()
        self._watermarks = Watermarks()
        self._backoff = _Backoff(self.settings.backoff_seconds)
        self._stopping = False
        self._paused = False
        self._has_succeeded = False
        self._fault: ConsumerError | None = None
        self._reported = time.monotonic()
        self._reported_total = 0
        self._consumer = Consumer(self.settings.consumer_config(), error_cb=_ErrorLog())

    def stop(self) -> None:
        """Ask the loop to end: what was read is settled and committed first."""
        self._stopping = True

    def run(self) -> None:
        """Consume until `stop`. Raises ConsumerError; what it had not settled is not committed."""
        self._consumer.subscribe(
            [self.settings.topic],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )
        _log.info("consuming", topic=self.settings.topic, group=self.settings.group)
        try:
            while not self._stopping:
                self._step()
            self._drain()
        finally:
            self._consumer.close()
            _log.info("stopped", **self._totals())

    def _step(self) -> None:
        if self._batch:
            self._wait_or_advance()
        else:
            self._resume()  # a rebalance may have taken away all that we waited for
            self._read()
        if self._fault is not None:
            raise self._fault
        self._report()

    def _read(self) -> None:
        messages = self._consumer.consume(self.settings.batch_events, timeout=_POLL_SECONDS)
        now = self.now()
        for message in messages:
            self._take(message, now)
        if self._batch:
            self._advance()

    def _take(self, message: Message, now: datetime) -> None:
        if (error := message.error()) is not None:
            self._on_error(error, message)
            return
        record = Record.of(message)
        self._watermarks.take(record.origin.partition, record.origin.offset)
        self._batch.add(self.decoder.prepare(record, now))

    def _wait_or_advance(self) -> None:
        """Keep polling, so that the group does not expel us, until the next try is due."""
        left = self._backoff.due - time.monotonic()
        message = self._consumer.poll(max(0.0, min(left, _POLL_SECONDS)))
        if message is not None:
            self._take(message, self.now())
        if self._batch and time.monotonic() >= self._backoff.due:
            self._advance()

    def _advance(self) -> None:
        progress = self.settler.advance(self._batch)
        for origin, outcome in progress.settled:
            self._watermarks.settle(origin.partition, origin.offset)
            self.outcomes[outcome] += 1
        self._commit()
        if progress.hindrance is None:
            self._has_succeeded = True
            self._resume()
        else:
            self._hold(progress.hindrance)

    def _hold(self, hindrance: ConsumerError) -> None:
        """Pause and wait; a set-up that never worked stops us instead, so that someone looks."""
        if isinstance(hindrance, SetupFaultError) and not self._has_succeeded:
            raise hindrance
        self._pause(self._consumer.assignment())
        pause = self._backoff.wait()
        _log.warning("waiting", why=str(hindrance), records=len(self._batch), seconds=round(pause, 1))

    def _resume(self) -> None:
        self._backoff.reset()
        if self._paused:
            self._paused = False
            self._consumer.resume(self._consumer.assignment())
            _log.info("going on")

    def _pause(self, partitions: Sequence[TopicPartition]) -> None:
        self._paused = True
        self._consumer.pause(list(partitions))

    def _drain(self) -> None:
        """Settle what was read, for a bounded time. What is not settled is read again next time."""
        _log.info("stopping", unsettled_records=len(self._batch))
        deadline = time.monotonic() + self.settings.drain_seconds
        while self._batch and time.monotonic() < deadline:
            self._wait_or_advance()
        if self._batch:
            raise NotDrainedError(
                f"{len(self._batch)} records could not be settled within "
                f"{self.settings.drain_seconds:g} s; nothing is lost, "
                "they are read again at the next start"
            )

    def _commit(self) -> None:
        """Commit the watermarks that moved. A commit that fails is made up for by the next."""
        positions = list(self._watermarks.uncommitted())
        if not positions:
            return
        offsets = [TopicPartition(self.settings.topic, part, offset) for part, offset in positions]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            # ILLEGAL_GENERATION or STALE_MEMBER_EPOCH: the group moved on, and so will we.
            _log.warning("commit failed", error=error.args[0].str())
        else:
            self._watermarks.committed(positions)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        decided: list[TopicPartition] = []
        try:
            points, decided = starting_points(consumer, self.settings.group, partitions, self.start)
        except ConsumerError as fault:
            self._fault, points = fault, []
        except KafkaException as error:
            points = []
            self._fault = ConsumerError(
                f"Kafka did not say where group {self.settings.group} stands: {error.args[0].str()}"
            )
        consumer.incremental_assign(points)  # also of none: else the client assigns by itself
        if decided:
            self._note_start(decided)
        if self._paused and points:
            self._pause(points)
        _log.info("partitions assigned", partitions=[p.partition for p in points])

    def _note_start(self, points: list[TopicPartition]) -> None:
        """Commit where we begin: a later start must not decide anew, and pass what came between."""
        _log.info("starting point", **{str(p.partition): p.offset for p in points})
        try:
            self._consumer.commit(offsets=points, asynchronous=False)
        except KafkaException as error:
            self._fault = ConsumerError(
                f"Kafka did not take the group's starting point: {error.args[0].str()}"
            )

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Commit what is settled, and leave the rest to the next owner."""
        self._commit()
        self._forget(partitions, "partitions revoked")
        consumer.incremental_unassign(partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Commit nothing: others own them already (librdkafka#4059)."""
        self._forget(partitions, "partitions lost")
        consumer.incremental_unassign(partitions)

    def _forget(self, partitions: Sequence[TopicPartition], what: str) -> None:
        # A pause outlives the assignment in librdkafka: the partition would come back paused.
        self._consumer.resume(list(partitions))
        numbers = [p.partition for p in partitions]
        dropped = self._batch.drop(numbers)
        for number in numbers:
            self._watermarks.drop(number)
        _log.info(what, partitions=numbers, unsettled_records=dropped)

    def _on_error(self, error: KafkaError, message: Message) -> None:
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - librdkafka's public code
            self._on_expired(message)
        elif error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED):
            self._fault = SetupFaultError(
                f"Topic {self.settings.topic} can't be read: {error.str()}. Run: auditlog doctor"
            )
        elif error.fatal():
            self._fault = ConsumerError(f"Kafka's client gave up: {error.str()}")
        else:
            _log.warning("kafka", error=error.str())

    def _on_expired(self, message: Message) -> None:
        partition = TopicPartition(self.settings.topic, message.partition() or 0)
        committed = committed_offsets(self._consumer, [partition])[0].offset
        low, _ = ends_of(self._consumer, partition)
        expired = OffsetsExpiredError(partition.topic, partition.partition, committed, low - 1)
        if not self.skip_expired:
            self._fault = expired
            return
        _log.error(
            "skipped expired offsets", partition=partition.partition, first=committed, last=low - 1
        )
        partition.offset = low
        self._consumer.incremental_unassign([partition])
        self._consumer.incremental_assign([partition])

    def _report(self) -> None:
        if time.monotonic() - self._reported >= _REPORT_SECONDS:
            self._reported = time.monotonic()
            if self.outcomes.total() != self._reported_total:
                self._reported_total = self.outcomes.total()
                _log.info("progress", **self._totals())

    def _totals(self) -> dict[str, int]:
        return {outcome.replace("-", "_"): self.outcomes[outcome] for outcome in Outcome}


class _ErrorLog:
    """Logs what is wrong with the connection, once until something else is, or half a minute.

    Nothing else is to be done: brokers that are away come back, and librdkafka keeps trying.
    """

    def __init__(self) -> None:
        self._last = -1
        self._until = 0.0

    def __call__(self, error: KafkaError) -> None:
        if error.code() != self._last or time.monotonic() > self._until:
            self._last, self._until = error.code(), time.monotonic() + _QUIET_SECONDS
            _log.warning("kafka", error=error.str())
