"""The consumer's loop: collect results, dispatch batches, read and decode, commit.

A record stays in a batch until it is indexed, found to be a duplicate, or acknowledged in the
dead-letter topic. While bulk requests are in flight the next batch is read and validated, so that
Elasticsearch never waits for Python. While an error blocks us, or memory is full, partitions are
paused and Kafka is still polled, so that the consumer stays in its group for as long as it takes.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog
from audit_runtime import Backoff
from audit_runtime.monitor import Health
from audit_schemas import format_timestamp
from confluent_kafka import Message

from audit_consumer.assignment import Start
from audit_consumer.batch import Batch, portions
from audit_consumer.decode import Decoder
from audit_consumer.errors import (
    ConsumerError,
    NotDrainedError,
    OverloadedError,
    SetupFaultError,
)
from audit_consumer.membership import Membership
from audit_consumer.metrics import Metrics
from audit_consumer.offset_tracker import OffsetTracker
from audit_consumer.pace import Pace
from audit_consumer.places import Places
from audit_consumer.record import Outcome
from audit_consumer.settings import ConsumerSettings
from audit_consumer.settle import Settler
from audit_consumer.workers import BulkResult, Workers

__all__ = ["ConsumerLoop"]

_log = structlog.get_logger()

_READ_SECONDS = 0.05
"""How long to wait for a batch to fill: the most that an event waits when there are few."""
_LINGER_SECONDS = 0.2
_WAIT_SECONDS = 0.25
_HOLD_SECONDS = 1.0
"""How long to go without reading before partitions are paused: a resume fetches again."""
_RECORD_BYTES = 16_384.0
"""What a record takes in memory, until some have been read: more than most do."""
_COMMIT_SECONDS = 1.0
_LEAVE_SECONDS = 2.0
_REPORT_SECONDS = 10.0
_MEASURE_SECONDS = 1.0


class ConsumerLoop:
    """Reads one topic as a member of a group. Call `run` in the main thread and `stop` from any."""

    def __init__(
        self,
        settings: ConsumerSettings,
        decoder: Decoder,
        settler: Settler,
        *,
        start: Start | None = None,
        skip_expired: bool = False,
        metrics: Metrics | None = None,
        health: Health | None = None,
        stop: threading.Event | None = None,
        places: Places | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self._settings = settings
        self._decoder = decoder
        self._now = now
        self._metrics = metrics or Metrics()
        self._health = health or Health()
        self._places = places
        self._pace = Pace(settings.bulk_events, settings.bulks)
        self._workers = Workers(settler.advance)
        self._offsets = OffsetTracker()
        self._open = Batch()
        self._opened = 0.0
        self._record_bytes = _RECORD_BYTES
        self._ready: deque[Batch] = deque()
        self._backoff = Backoff(settings.backoff_seconds)
        self._blocking_error: ConsumerError | None = None
        self._fault: ConsumerError | None = None
        self._has_succeeded = False
        self._stop_requested = stop or threading.Event()
        self._last_read = self._last_commit = time.monotonic()
        self._last_report = self._last_measured = time.monotonic()
        self._reported = 0
        self._membership = Membership(
            settings,
            leave=self._leave,
            failed=self._offsets.not_committed,
            seeks=self._metrics.seeks.inc,
            start=start,
            skip_expired=skip_expired,
        )

    def stop(self) -> None:
        """Ask the loop to end; it settles and commits what was read first."""
        self._stop_requested.set()

    def run(self) -> None:
        """Consume until `stop`. Raises ConsumerError; what it had not settled is not committed."""
        self._membership.join()
        _log.info("consuming", topic=self._settings.topic, group=self._settings.group)
        try:
            while not self._stop_requested.is_set():
                self._step()
            self._drain()
        finally:
            self._membership.close()
            _log.info("stopped", **self._totals())

    def _step(self) -> None:
        self._collect_results()
        self._dispatch()
        if self._may_read():
            self._read()
        else:
            self._wait()
        if self._fault is not None:
            raise self._fault
        self._commit()
        self._report()

    def _may_read(self) -> bool:
        return self._blocking_error is None and not self._ready and self._room() > 0

    def _room(self) -> int:
        return self._settings.memory_bytes - self._offsets.held() - self._open.held

    def _read(self) -> None:
        """Read as many records as the open batch has places for, and as there is memory for, about."""
        count = min(self._pace.events - len(self._open), int(self._room() / self._record_bytes))
        messages = self._membership.read(max(1, count), _READ_SECONDS)
        room = self._room()  # again: a rebalance may have made some
        self._take(messages)
        if messages:
            self._record_bytes = max(1.0, (room - self._room()) / len(messages))
        self._last_read = time.monotonic()

    def _take(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        if not len(self._open):
            self._opened = time.monotonic()
        ingested = format_timestamp(self._now())
        for some in portions(messages):
            self._open.extend(some, self._decoder.read_all(some, ingested))
            if self._open.size >= self._settings.bulk_bytes:
                self._close_batch()
        if len(self._open) >= self._pace.events:
            self._close_batch()

    def _close_batch(self) -> None:
        """Close the open batch and queue it."""
        self._offsets.take(self._open)
        self._ready.append(self._open)
        self._open = Batch()
        self._opened = time.monotonic()

    def _dispatch(self) -> None:
        """Send the batches that may go; while an error blocks us, one at a time, as a probe."""
        if self._blocking_error is not None:
            if not self._ready and not self._workers.in_flight:
                self._unblock()  # a rebalance took away everything that was blocked
            elif self._ready and not self._workers.in_flight and not self._backoff.left():
                self._try_one(self._ready.popleft())
            return
        if len(self._open) and not self._ready and self._is_time_to_send():
            self._close_batch()
        while self._ready and self._workers.in_flight < self._pace.bulks:
            self._workers.submit(self._ready.popleft())

    def _try_one(self, batch: Batch) -> None:
        """Retry a batch; half of it if it keeps being too much, as the whole may never fit."""
        is_too_much = isinstance(self._blocking_error, OverloadedError) and self._backoff.tries > 1
        if is_too_much and len(batch.messages) > 1 and not batch.refusals:
            self._ready.appendleft(self._offsets.split(batch))
        self._workers.submit(batch)

    def _is_time_to_send(self) -> bool:
        """Tell whether the open batch should go unfilled: nothing is in flight, or it lingered."""
        if not self._workers.in_flight:
            return True
        lingered = time.monotonic() - self._opened >= _LINGER_SECONDS
        return lingered and self._workers.in_flight < self._pace.bulks

    def _wait(self) -> None:
        """Wait for a result or for the next retry, and stay in the group meanwhile."""
        seconds = min(_WAIT_SECONDS, self._backoff.left() or _WAIT_SECONDS)
        if time.monotonic() - self._last_read < _HOLD_SECONDS and self._workers.in_flight:
            self._collect_results(seconds)
        elif self._workers.in_flight:
            self._take(self._membership.stay(0.0))
            self._collect_results(seconds)
        else:
            self._take(self._membership.stay(seconds))

    def _collect_results(self, seconds: float = 0.0) -> None:
        for result in self._workers.results(seconds):
            self._metrics.count_result(result)
            self.outcomes.update(result.progress.outcomes)
            is_settled = self._offsets.settle(result.batch)
            if result.progress.blocking_error is None:
                self._succeeded(result)
            else:
                if not is_settled:
                    self._ready.appendleft(result.batch)
                self._pace.throttled()
                self._block(result.progress.blocking_error)

    def _succeeded(self, result: BulkResult) -> None:
        self._has_succeeded = True
        if 2 * result.events >= self._pace.events:
            self._pace.succeeded(result.seconds)
        self._unblock()

    def _block(self, blocking_error: ConsumerError) -> None:
        """Wait and retry; a setup that never worked ends the process instead."""
        self._blocking_error = blocking_error
        if isinstance(blocking_error, SetupFaultError) and not self._has_succeeded:
            self._fault = blocking_error  # raised later: this may run inside a callback of the client
            return
        if not self._backoff.left():
            pause = self._backoff.wait()
            waiting = self._offsets.records()
            _log.warning("waiting", why=str(blocking_error), records=waiting, seconds=round(pause, 1))

    def _unblock(self) -> None:
        self._backoff.reset()
        if self._blocking_error is not None:
            self._blocking_error = None
            _log.info("resumed")

    def _drain(self) -> None:
        """Settle what was read, for a bounded time. The rest is read again at the next start."""
        if len(self._open):
            self._close_batch()
        _log.info("stopping", unsettled_records=self._offsets.records())
        deadline = time.monotonic() + self._settings.drain_seconds
        while len(self._offsets) and self._fault is None and time.monotonic() < deadline:
            self._dispatch()
            self._wait()
            self._report()
            if len(self._open):
                self._close_batch()
        self._commit_now(wait=True)
        if self._fault is not None:
            raise self._fault
        if left := self._offsets.records():
            raise NotDrainedError(
                f"{left} records could not be settled within {self._settings.drain_seconds:g} s; "
                "nothing is lost, they are read again at the next start"
            )

    def _commit(self) -> None:
        """Commit the offsets that moved: at once when everything is settled, else every second."""
        is_due = time.monotonic() - self._last_commit >= _COMMIT_SECONDS
        if is_due or not (len(self._offsets) or len(self._open)):
            self._commit_now(wait=False)

    def _commit_now(self, *, wait: bool) -> None:
        self._last_commit = time.monotonic()
        positions = list(self._offsets.uncommitted())
        self._offsets.committed(positions)
        self._membership.commit(positions, wait=wait)

    def _leave(self, partitions: list[int], may_commit: bool) -> None:  # noqa: FBT001 - a callback
        """Commit what is settled of partitions that are revoked, and forget the rest."""
        if may_commit:
            deadline = time.monotonic() + _LEAVE_SECONDS
            while self._workers.in_flight and (left := deadline - time.monotonic()) > 0:
                self._collect_results(left)
            self._commit_now(wait=True)
        self._offsets.drop(partitions)
        for batch in (self._open, *self._ready):
            batch.leave(partitions)
        for partition in partitions:
            self._open.ends.pop(partition, None)
        self._ready = deque(batch for batch in self._ready if len(batch))

    def _report(self) -> None:
        """Report to the health check always, as metrics every second, in the log every ten."""
        self._health.beat(str(self._blocking_error) if self._blocking_error is not None else None)
        now = time.monotonic()
        if now - self._last_measured >= _MEASURE_SECONDS:
            self._last_measured = now
            self._measure()
        if now - self._last_report >= _REPORT_SECONDS:
            self._last_report = now
            if self.outcomes.total() != self._reported:
                self._reported = self.outcomes.total()
                _log.info("progress", **self._totals())

    def _measure(self) -> None:
        metrics, marks = self._metrics, self._offsets
        metrics.in_flight.set(self._workers.in_flight)
        metrics.bulks.set(self._pace.bulks)
        metrics.bulk_events.set(self._pace.events)
        metrics.buffered_bytes.set(marks.held() + self._open.held)
        metrics.is_careful.set(self._membership.is_careful)
        metrics.is_blocked.set(self._blocking_error is not None)
        oldest = min((at for at in (marks.oldest(), self._open.oldest) if at), default=None)
        metrics.oldest_record_age.set(max(0.0, time.time() - oldest / 1000) if oldest else 0)
        metrics.lag(self._membership.lag(marks.positions()))
        if self._places is not None:
            self._places.refresh()
            metrics.geo_files(self._places.files)

    def _totals(self) -> dict[str, int]:
        return {outcome.replace("-", "_"): self.outcomes[outcome] for outcome in Outcome}
