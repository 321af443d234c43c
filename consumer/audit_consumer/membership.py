"""The consumer's place in its group: what it is assigned, reads, holds back and gives up."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog
from audit_runtime.kafka import committed_offsets, partition_bounds
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from audit_consumer.assignment import Start, starting_points
from audit_consumer.careful_reader import CarefulReader, FetchError
from audit_consumer.client_reader import ClientReader
from audit_consumer.error_log import ErrorLog
from audit_consumer.errors import (
    ConsumerError,
    OffsetsExpiredError,
    SetupFaultError,
    TopicRecreatedError,
)
from audit_consumer.settings import ConsumerSettings
from audit_consumer.stalled_partitions import StalledPartitions

__all__ = ["Membership"]

_log = structlog.get_logger()

_EXPIRED = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)  # noqa: SLF001 - librdkafka's public codes
_TOO_MUCH = (KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG)  # noqa: SLF001 - librdkafka's public codes
_FORBIDDEN = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)


class Membership:
    """One consumer of the group. Every method is for one thread; the callbacks run in it too.

    `leave` is told of partitions that go, and whether what is settled of them may still be
    committed; `failed` of partitions whose commit failed; `seeks` for each seek of a stalled one.
    """

    def __init__(
        self,
        settings: ConsumerSettings,
        *,
        leave: Callable[[list[int], bool], None],
        failed: Callable[[list[int]], None],
        seeks: Callable[[], None],
        start: Start | None = None,
        skip_expired: bool = False,
    ) -> None:
        self._settings = settings
        self._topic = settings.topic
        self._group = settings.group
        self._leave = leave
        self._failed = failed
        self._sought = seeks
        self._start = start
        self._skip_expired = skip_expired
        self._is_held = False
        self._was_assigned = False
        self._is_refused = False
        self._errors = ErrorLog()
        self._fault: ConsumerError | None = None
        self._stalled = StalledPartitions()
        self._careful = CarefulReader(settings) if settings.careful_reading else None
        self._needs_care = False
        self._consumer = Consumer(
            settings.consumer_config() | {"on_commit": self._on_commit}, error_cb=self._on_trouble
        )
        self._reader = ClientReader(self._consumer, self._topic)

    @property
    def is_careful(self) -> bool:
        """Tell whether batches are unpacked in bounded memory, and not by librdkafka."""
        return self._careful is not None

    def join(self) -> None:
        """Ask for partitions; they come while reading."""
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def close(self) -> None:
        """Give all partitions up and leave the group."""
        if self._careful is not None:
            self._careful.close()
        self._consumer.close()

    def lag(self, settled: Mapping[int, int]) -> dict[int, int]:
        """Return how far assigned partitions go beyond offsets, as far as the client knows."""
        found = {}
        ends = self._careful.ends if self._careful is not None else {}
        for place in self._consumer.assignment():
            low, high = self._consumer.get_watermark_offsets(place, cached=True)
            high = max(high, ends.get(place.partition, high))
            if high >= 0:
                at = settled.get(place.partition, max(0, place.offset, low))
                found[place.partition] = max(0, high - at)
        return found

    def read(self, count: int, seconds: float) -> list[Message]:
        """Return up to so many records and about 4 MiB, or what there is after so long.

        Raises ConsumerError.
        """
        if self._careful is not None:
            return self._read_carefully(self._careful, count, seconds)
        self._unblock()
        messages = self._sorted(self._reader.read(count, seconds))
        self._seek_stalled(messages)
        if self._needs_care:
            self._begin_care()
        return messages

    def stay(self, seconds: float) -> list[Message]:
        """Remain in the group without reading on, for so long; return what was on its way.

        Raises ConsumerError.
        """
        if self._careful is not None:
            self._poll(seconds)  # what comes of paused partitions is read again
            return []
        if not self._is_held:
            self._is_held = True
            self._consumer.pause(self._consumer.assignment())
        return self._poll(seconds)

    def commit(self, positions: Iterable[tuple[int, int]], *, wait: bool) -> None:
        """Commit offsets; what fails is told to `failed`, at once or while reading."""
        offsets = [TopicPartition(self._topic, partition, offset) for partition, offset in positions]
        if not offsets:
            return
        try:
            if wait:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            else:
                self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            self._on_commit(error.args[0], offsets)

    def _read_carefully(self, reader: CarefulReader, count: int, seconds: float) -> list[Message]:
        self._poll(0.0)
        try:
            messages = reader.read(count)
        except FetchError as fault:
            messages = []
            self._on_error(fault.error, fault.partition)
        if not messages:
            self._poll(seconds)
        return messages

    def _poll(self, seconds: float) -> list[Message]:
        """Stay in the group for so long; return the record that came, if one did."""
        message = self._consumer.poll(seconds)
        return self._sorted([message] if message is not None else [])

    def _begin_care(self) -> None:
        """Read on with `CarefulReader` until the process ends: whoever sent this may send more."""
        _log.error("a batch is too large for the Kafka client: reading in bounded memory from now on")
        assigned = self._consumer.assignment()
        self._consumer.pause(assigned)
        self._stalled.delivered([place.partition for place in assigned])
        self._careful = CarefulReader(self._settings)
        self._careful.assign(
            {
                place.partition: place.offset
                if place.offset >= 0
                else self._reader.begun[place.partition]
                for place in self._consumer.position(assigned)
            }
        )

    def _unblock(self) -> None:
        if self._is_held:
            self._is_held = False
            assigned = self._consumer.assignment()
            self._consumer.resume(assigned)
            self._stalled.expect([p.partition for p in assigned], time.monotonic())

    def _sorted(self, messages: Sequence[Message]) -> list[Message]:
        good = [message for message in messages if message.error() is None]
        if len(good) != len(messages):
            for message in messages:
                if (error := message.error()) is not None:
                    self._on_error(error, message.partition() or 0)
        if self._fault is not None:
            raise self._fault
        if self._is_refused:
            self._is_refused = False
            self._settings.renew_login(self._consumer)
        return good

    def _seek_stalled(self, messages: Sequence[Message]) -> None:
        """Seek where a partition has records and gives none after a resume (librdkafka#5591)."""
        if not self._stalled:
            return
        self._stalled.delivered({message.partition() for message in messages})
        for partition in self._stalled.overdue(time.monotonic()):
            try:
                self._seek_if_behind(TopicPartition(self._topic, partition))
            except KafkaException as error:  # asked again in a minute
                _log.warning("kafka", error=error.args[0].str())

    def _seek_if_behind(self, place: TopicPartition) -> None:
        (position,) = self._consumer.position([place])
        if position.offset < 0:  # nothing was read of it yet
            (position,) = committed_offsets(self._consumer, [place])
        _, high = partition_bounds(self._consumer, place)
        if 0 <= position.offset < high:
            _log.error("stalled partition: seeking", partition=place.partition, offset=position.offset)
            self._consumer.seek(TopicPartition(self._topic, place.partition, position.offset))
            self._sought()
        else:
            self._stalled.delivered([place.partition])  # there is nothing to deliver

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        decided: list[TopicPartition] = []
        try:
            points, decided = starting_points(consumer, self._settings, partitions, self._start)
        except ConsumerError as fault:
            self._fault, points = fault, []
        except KafkaException as error:
            points = []
            self._fault = ConsumerError(
                f"Kafka did not say where group {self._group} stands: {error.args[0].str()}"
            )
        self._was_assigned = True
        consumer.incremental_assign(points)  # also of none: else the client assigns by itself
        if decided:
            self._note_start(decided)
        offsets = {point.partition: point.offset for point in points}
        self._reader.assign(offsets)
        if (self._is_held or self._careful is not None) and points:
            consumer.pause(points)
        if self._careful is not None:
            self._careful.assign(offsets)
        _log.info("partitions assigned", partitions=[p.partition for p in points])

    def _note_start(self, points: list[TopicPartition]) -> None:
        """Commit the starting point: a later start must not choose again and skip records."""
        _log.info("starting point", **{str(p.partition): p.offset for p in points})
        try:
            self._consumer.commit(offsets=points, asynchronous=False)
        except KafkaException as error:
            self._fault = ConsumerError(
                f"Kafka did not take the group's starting point: {error.args[0].str()}"
            )

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Commit what is settled, and leave the rest to the next owner."""
        self._give_up(consumer, partitions, "partitions revoked", may_commit=True)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Commit nothing: others own them already (librdkafka#4059)."""
        self._give_up(consumer, partitions, "partitions lost", may_commit=False)

    def _give_up(
        self, consumer: Consumer, partitions: list[TopicPartition], what: str, *, may_commit: bool
    ) -> None:
        numbers = [p.partition for p in partitions]
        self._reader.drop(numbers)
        self._leave(numbers, may_commit)
        self._stalled.delivered(numbers)
        if self._careful is not None:
            self._careful.drop(numbers)
        else:  # a pause outlives the assignment in librdkafka: the partition would come back paused
            consumer.resume(partitions)
        consumer.incremental_unassign(partitions)
        _log.info(what, partitions=numbers)

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Note a commit that failed; the next one makes up for it.

        ILLEGAL_GENERATION or STALE_MEMBER_EPOCH: the group moved on, and so will we.
        """
        failed = [p for p in partitions if error is not None or p.error is not None]
        if failed:
            why = error or failed[0].error
            _log.warning("commit failed", error=why.str() if why else "unknown")
            self._failed([p.partition for p in failed])

    def _on_trouble(self, error: KafkaError) -> None:
        """Log what is wrong with the connection; stop for credentials that never worked.

        Later the password's file is read again, since it may have been changed.
        """
        if error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001 - librdkafka's public code
            if not self._was_assigned:
                self._fault = SetupFaultError(
                    f"Kafka at {self._settings.kafka_bootstrap_servers} refuses the credentials. Check "
                    "AUDITLOG_KAFKA_USERNAME and _PASSWORD, or its file"
                )
            else:
                self._is_refused = True
        self._errors(error)

    def _on_error(self, error: KafkaError, partition: int) -> None:
        if error.code() in _EXPIRED:
            self._on_expired(partition)
        elif error.code() in _TOO_MUCH:
            self._needs_care = True
        elif error.code() in _FORBIDDEN and not self._was_assigned:
            self._fault = SetupFaultError(
                f"Kafka does not let this user read topic {self._topic} as group {self._group} "
                f"({error.str()}). Let it by: auditlog setup --acls, or set AUDITLOG_KAFKA_USERNAME to "
                "another"
            )
        elif error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED):
            self._fault = SetupFaultError(
                f"Topic {self._topic} can't be read: {error.str()}. Run: auditlog doctor"
            )
        elif error.fatal():
            self._fault = ConsumerError(f"Kafka's client gave up: {error.str()}")
        else:
            _log.warning("kafka", error=error.str())

    def _on_expired(self, number: int) -> None:
        partition = TopicPartition(self._topic, number)
        committed = committed_offsets(self._consumer, [partition])[0].offset
        low, high = partition_bounds(self._consumer, partition)
        if not 0 <= committed <= high:
            self._fault = TopicRecreatedError(self._topic, number, self._group, committed, high)
            return
        expired = OffsetsExpiredError(partition.topic, partition.partition, committed, low - 1)
        if not self._skip_expired:
            self._fault = expired
            return
        _log.error(
            "skipped expired offsets", partition=partition.partition, first=committed, last=low - 1
        )
        partition.offset = low
        if self._careful is not None:
            self._careful.assign({number: low})
            return
        self._consumer.incremental_unassign([partition])
        self._consumer.incremental_assign([partition])
