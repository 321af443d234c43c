"""The consumer's loop: read and decode, send, land, commit.

What was read stays in a pack until it is indexed, a duplicate, or acknowledged in the dead-letter
topic. While bulks are in flight the next pack is read and validated, so that Elasticsearch never
waits for Python. While anything hinders, or memory is full, partitions are paused and Kafka is
still polled, so the group stays whole for as long as it takes.
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
from audit_consumer.batch import Pack
from audit_consumer.decode import Decoder
from audit_consumer.errors import (
    ConsumerError,
    NotDrainedError,
    OverloadedError,
    SetupFaultError,
)
from audit_consumer.membership import Membership
from audit_consumer.metrics import Metrics
from audit_consumer.offset_tracker import Watermarks
from audit_consumer.pace import Pace
from audit_consumer.record import Outcome
from audit_consumer.settings import ConsumerSettings
from audit_consumer.settle import Settler
from audit_consumer.workers import Landing, Workers

__all__ = ["ConsumerLoop"]

_log = structlog.get_logger()

_READ_SECONDS = 0.05
"""How long to wait for a pack to fill: what an event waits, at most, when there are few."""
_LINGER_SECONDS = 0.2
_WAIT_SECONDS = 0.25
_HOLD_SECONDS = 1.0
"""How long to go without reading before the partitions are paused: resuming fetches anew."""
_COMMIT_SECONDS = 1.0
_LEAVE_SECONDS = 2.0
_REPORT_SECONDS = 10.0
_MEASURE_SECONDS = 1.0


class ConsumerLoop:
    """Reads one topic as a member of a group. Run it in the main thread; `stop` from anywhere."""

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
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self._settings = settings
        self._decoder = decoder
        self._now = now
        self._metrics = metrics or Metrics()
        self._health = health or Health()
        self._pace = Pace(settings.bulk_events, settings.bulks)
        self._workers = Workers(settler.advance)
        self._watermarks = Watermarks()
        self._open = Pack()
        self._opened = 0.0
        self._ready: deque[Pack] = deque()
        self._backoff = Backoff(settings.backoff_seconds)
        self._hindrance: ConsumerError | None = None
        self._fault: ConsumerError | None = None
        self._has_succeeded = False
        self._stop_requested = stop or threading.Event()
        self._last_read = self._last_commit = time.monotonic()
        self._last_report = self._last_measured = time.monotonic()
        self._reported = 0
        self._membership = Membership(
            settings,
            leave=self._leave,
            failed=self._watermarks.not_committed,
            sought=self._metrics.sought.inc,
            start=start,
            skip_expired=skip_expired,
        )

    def stop(self) -> None:
        """Ask the loop to end: what was read is settled and committed first."""
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
        self._land()
        self._launch()
        if self._may_read():
            self._read()
        else:
            self._wait()
        if self._fault is not None:
            raise self._fault
        self._commit()
        self._report()

    def _may_read(self) -> bool:
        room = self._settings.memory_bytes - self._watermarks.held() - self._open.held
        return self._hindrance is None and not self._ready and room > 0

    def _read(self) -> None:
        count = self._pace.events - len(self._open)
        self._take(self._membership.read(max(1, count), _READ_SECONDS))
        self._last_read = time.monotonic()

    def _take(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        if not len(self._open):
            self._opened = time.monotonic()
        ingested = format_timestamp(self._now())
        read = self._decoder.read
        for message in messages:
            self._open.add(message, read(message, ingested))
            if self._open.size >= self._settings.bulk_bytes:
                self._seal()
        if len(self._open) >= self._pace.events:
            self._seal()

    def _seal(self) -> None:
        """Close the open pack; it waits for its turn to be sent."""
        self._watermarks.take(self._open)
        self._ready.append(self._open)
        self._open = Pack()
        self._opened = time.monotonic()

    def _launch(self) -> None:
        """Send what may be sent: while something hinders, one pack, to try."""
        if self._hindrance is not None:
            if not self._ready and not self._workers.in_flight:
                self._go_on()  # a rebalance took away all that we waited for
            elif self._ready and not self._workers.in_flight and not self._backoff.left():
                self._try_one(self._ready.popleft())
            return
        if len(self._open) and not self._ready and self._is_time_to_send():
            self._seal()
        while self._ready and self._workers.in_flight < self._pace.bulks:
            self._workers.submit(self._ready.popleft())

    def _try_one(self, pack: Pack) -> None:
        """Send a pack to try; one that is too much again and again by half, as it may never fit."""
        is_too_much = isinstance(self._hindrance, OverloadedError) and self._backoff.tries > 1
        if is_too_much and len(pack.messages) > 1 and not pack.refusals:
            self._ready.appendleft(self._watermarks.split(pack))
        self._workers.submit(pack)

    def _is_time_to_send(self) -> bool:
        """Tell whether the open pack should go as it is: Elasticsearch idles, or it lingered enough."""
        if not self._workers.in_flight:
            return True
        lingered = time.monotonic() - self._opened >= _LINGER_SECONDS
        return lingered and self._workers.in_flight < self._pace.bulks

    def _wait(self) -> None:
        """Wait for a bulk to land or a try to be due, without the group noticing."""
        seconds = min(_WAIT_SECONDS, self._backoff.left() or _WAIT_SECONDS)
        if time.monotonic() - self._last_read < _HOLD_SECONDS and self._workers.in_flight:
            self._land(seconds)
        elif self._workers.in_flight:
            self._take(self._membership.stay(0.0))
            self._land(seconds)
        else:
            self._take(self._membership.stay(seconds))

    def _land(self, seconds: float = 0.0) -> None:
        for landing in self._workers.landings(seconds):
            self._metrics.landed(landing)
            self.outcomes.update(landing.progress.outcomes)
            is_settled = self._watermarks.settle(landing.pack)
            if landing.progress.hindrance is None:
                self._went_well(landing)
            else:
                if not is_settled:
                    self._ready.appendleft(landing.pack)
                self._pace.was_refused()
                self._hold(landing.progress.hindrance)

    def _went_well(self, landing: Landing) -> None:
        self._has_succeeded = True
        if 2 * landing.events >= self._pace.events:
            self._pace.went_well(landing.seconds)
        self._go_on()

    def _hold(self, hindrance: ConsumerError) -> None:
        """Wait and try again; a set-up that never worked stops us instead, so that someone looks."""
        self._hindrance = hindrance
        if isinstance(hindrance, SetupFaultError) and not self._has_succeeded:
            self._fault = hindrance  # not raised here: a callback of the client may be around us
            return
        if not self._backoff.left():
            pause = self._backoff.wait()
            waiting = self._watermarks.records()
            _log.warning("waiting", why=str(hindrance), records=waiting, seconds=round(pause, 1))

    def _go_on(self) -> None:
        self._backoff.reset()
        if self._hindrance is not None:
            self._hindrance = None
            _log.info("going on")

    def _drain(self) -> None:
        """Settle what was read, for a bounded time. What is not settled is read again next time."""
        if len(self._open):
            self._seal()
        _log.info("stopping", unsettled_records=self._watermarks.records())
        deadline = time.monotonic() + self._settings.drain_seconds
        while len(self._watermarks) and time.monotonic() < deadline:
            self._launch()
            self._wait()
            self._report()
            if len(self._open):
                self._seal()
        self._commit_now(wait=True)
        if left := self._watermarks.records():
            raise NotDrainedError(
                f"{left} records could not be settled within {self._settings.drain_seconds:g} s; "
                "nothing is lost, they are read again at the next start"
            )

    def _commit(self) -> None:
        """Commit the watermarks that moved: at once when all is settled, else every second."""
        is_due = time.monotonic() - self._last_commit >= _COMMIT_SECONDS
        if is_due or not (len(self._watermarks) or len(self._open)):
            self._commit_now(wait=False)

    def _commit_now(self, *, wait: bool) -> None:
        self._last_commit = time.monotonic()
        positions = list(self._watermarks.uncommitted())
        self._watermarks.committed(positions)
        self._membership.commit(positions, wait=wait)

    def _leave(self, partitions: list[int], may_commit: bool) -> None:  # noqa: FBT001 - a callback
        """Commit what is settled of partitions that go, and forget the rest."""
        if may_commit:
            deadline = time.monotonic() + _LEAVE_SECONDS
            while self._workers.in_flight and (left := deadline - time.monotonic()) > 0:
                self._land(left)
            self._commit_now(wait=True)
        self._watermarks.drop(partitions)
        for pack in (self._open, *self._ready):
            pack.leave(partitions)
        for partition in partitions:
            self._open.ends.pop(partition, None)
        self._ready = deque(pack for pack in self._ready if len(pack))

    def _report(self) -> None:
        """Say how far we are: to the health check always, in numbers every second, in the log."""
        self._health.beat(str(self._hindrance) if self._hindrance is not None else None)
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
        metrics, marks = self._metrics, self._watermarks
        metrics.in_flight.set(self._workers.in_flight)
        metrics.bulks.set(self._pace.bulks)
        metrics.bulk_events.set(self._pace.events)
        metrics.held_bytes.set(marks.held() + self._open.held)
        metrics.is_held.set(self._hindrance is not None)
        oldest = min((at for at in (marks.oldest(), self._open.oldest) if at), default=None)
        metrics.watermark_age.set(max(0.0, time.time() - oldest / 1000) if oldest else 0)
        metrics.lag(self._membership.lag(marks.positions()))

    def _totals(self) -> dict[str, int]:
        return {outcome.replace("-", "_"): self.outcomes[outcome] for outcome in Outcome}
