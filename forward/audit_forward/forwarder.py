"""One stream: read, deliver, note the position, again and again.

A position is stored once everything before it was acknowledged by the receiver, kept as a dead letter,
or is not wanted by the stream. So whatever ends this process costs repeats, and no event.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import elasticsearch
import structlog
from audit_query import QueryError
from audit_runtime import Backoff, ConfigurationError
from audit_schemas import format_timestamp, printable
from confluent_kafka import KafkaException

from audit_forward.delivery import FIRST_SUSPECTS, MOST_SUSPECTS, RefusesAllError, deliver, window
from audit_forward.errors import ForwardError, NotDeliveredError, PositionLostError
from audit_forward.item import Batch, Item, first_part
from audit_forward.metrics import StreamMetrics
from audit_forward.prefetch import Prefetch
from audit_forward.receivers import Receiver
from audit_forward.source import Source
from audit_forward.state import StreamState, StreamStates

__all__ = ["Forwarder"]

_log = structlog.get_logger()

_IDLE_SECONDS = 0.25
_STANDBY_SECONDS = 2.0
_STORE_SECONDS = 1.0
_RENEW_SECONDS = 5.0
_LONGEST_PAUSE = 60.0
_FIRST = (0, 0)
"""Where a partition begins that was added to the topic."""
_PASSING = (
    ForwardError,
    ConfigurationError,
    QueryError,
    KafkaException,
    elasticsearch.ApiError,
    elasticsearch.TransportError,
)


class _StoppedError(Exception):
    """The process is to end; what is not delivered is read again at the next start."""


class Forwarder:
    """Forwards one stream, or a run of its history, until `stop` or to its end. For one thread."""

    def __init__(
        self,
        blank: StreamState,
        source: Source,
        receiver: Receiver,
        states: StreamStates,
        metrics: StreamMetrics,
        stop: threading.Event,
    ) -> None:
        self._blank = blank
        self._source = source
        self._receiver = receiver
        self._states = states
        self._metrics = metrics
        self._stop = stop
        self._state = blank
        self._backoff = Backoff(_LONGEST_PAUSE)
        self._stored = 0.0
        self._received_ms: int | None = None
        self.read_problem: str | None = None
        """Why nothing can be read, or no position stored, at the moment."""

    def run(self) -> None:
        """Forward, whatever happens, until it is told to stop or there is nothing more to come."""
        while not self._stop.is_set():
            try:
                if self._session():
                    return
                self._backoff.reset()
                self._stop.wait(_STANDBY_SECONDS)
                continue
            except PositionLostError as lost:
                _log.warning("stood down", stream=self._blank.stream, why=str(lost))
            except _PASSING as error:
                self.read_problem = _sentence(error)
                self._metrics.blocked.set(1)
                self._metrics.failures.inc()
                _log.warning("waiting", stream=self._blank.stream, why=self.read_problem)
            finally:
                self._metrics.owned.set(0)
                self._metrics.lag(0, None)
            self._stop.wait(self._backoff.wait())

    def _session(self) -> bool:
        """Forward while the stream is ours; tell whether that is all."""
        self._states.prepare()
        state = self._states.claim(self._blank)
        self.read_problem = None
        if state is None or state.is_done:
            self._metrics.blocked.set(0)
            return state is not None  # None: another process has the stream
        self._state = self._states.write(self._source.begin(state))
        self._stored = time.monotonic()
        self._metrics.owned.set(1)
        _log.info("forwarding", stream=self._blank.stream, delivered=self._state.delivered)
        try:
            with Prefetch(self._source) as coming:
                self._forward(coming)
        except _StoppedError:
            pass
        finally:
            with suppress(PositionLostError, elasticsearch.ApiError, elasticsearch.TransportError):
                self._states.release(self._state)
        return True

    def _forward(self, coming: Prefetch) -> None:
        while not self._stop.is_set():
            batch = self._fill(coming)
            if batch is None:
                self._state = replace(self._state, is_done=True)
                return
            if batch.is_empty:
                self._metrics.blocked.set(0)
                self._stop.wait(_IDLE_SECONDS)
            else:
                self._deliver(batch, coming)
            self._store(_STORE_SECONDS)
            self._backoff.reset()

    def _fill(self, coming: Prefetch) -> Batch | None:
        """Gather what makes up one run for the receiver, waiting for more as long as that pays.

        Returns an empty batch if nothing is there, None at the end.
        """
        limits = self._receiver.limits
        batch = Batch()
        size = 0
        deadline = time.monotonic() + limits.seconds
        while (found := coming.take()) is not None:
            batch.extend(found)
            size += sum(len(item.body) + 1 for item in found.items)
            is_full = len(batch.items) >= limits.events or size >= limits.bytes
            is_time = self._stop.is_set() or time.monotonic() >= deadline
            if is_full or is_time or not batch.items:
                return batch
            if found.is_empty:
                self._stop.wait(min(_IDLE_SECONDS, max(0.0, deadline - time.monotonic())))
            self._renew()
        return None if batch.is_empty else batch

    def _deliver(self, batch: Batch, coming: Prefetch) -> None:
        """Deliver a batch, for as long as it takes. Raises _StoppedError."""
        backoff = Backoff(_LONGEST_PAUSE)
        suspects = FIRST_SUSPECTS
        done = 0
        while done < len(batch.items):
            limits = window(self._receiver.limits, suspects)
            part = first_part(batch.items, done, limits)
            try:
                refused = deliver(self._receiver, part, suspects, self._renew)
            except (NotDeliveredError, ConfigurationError) as error:
                if isinstance(error, RefusesAllError):
                    suspects = min(2 * suspects, MOST_SUSPECTS)
                    # Whether it refuses one event, or all, others must show. More is read only if it
                    # would be sent beside these, lest the batch grow with each attempt.
                    is_last = done + len(part) == len(batch.items)
                    if is_last and len(part) < limits.events and (more := coming.take_if_ready()):
                        batch.extend(more)
                self._wait(str(error), backoff)
                continue
            if refused:
                self._states.dead_letter(self._blank.stream, refused)
                said = refused[0][1][:200]
                _log.warning(
                    "refused for good", stream=self._blank.stream, items=len(refused), answer=said
                )
            done += len(part)
            self._advance(part, len(refused))
            backoff.reset()
            suspects = FIRST_SUSPECTS
            self._store(_STORE_SECONDS)
        self._go_on(batch)

    def _advance(self, items: Sequence[Item], refused: int) -> None:
        """Note that items are done: the places right behind them are where to go on."""
        positions = dict(self._state.positions)
        for number, last in {item.partition: item.offset for item in items}.items():
            if number in positions:
                positions[number] = (positions[number][0], last + 1)
        self._metrics.delivered.inc(len(items) - refused)
        self._metrics.dead_letters.inc(refused)
        self._metrics.blocked.set(0)
        self._state = replace(
            self._state,
            positions=positions,
            cursor=items[-1].cursor,
            delivered=self._state.delivered + len(items) - refused,
            dead_letters=self._state.dead_letters + refused,
            problem=None,
            problem_since=None,
        )

    def _go_on(self, batch: Batch) -> None:
        """Note that a batch is done, and with it all records that the stream does not want."""
        positions = dict(self._state.positions)
        for number, end in batch.ends.items():
            began = positions.get(number, _FIRST)[0]
            positions[number] = (min(began, end), end)  # a topic that was created again begins anew
        self._state = replace(self._state, positions=positions)
        self._received_ms = batch.received_ms or self._received_ms
        self._metrics.lag(self._source.lag(self._state), self._received_ms)

    def _wait(self, why: str, backoff: Backoff) -> None:
        """Note what is wrong, and wait for the next attempt. Raises _StoppedError."""
        why = printable(why)[:500]
        self._metrics.failures.inc()
        self._metrics.blocked.set(1)
        if why != self._state.problem:
            _log.warning("not delivered", stream=self._blank.stream, why=why)
            since = self._state.problem_since or format_timestamp(datetime.now(UTC))
            self._state = replace(self._state, problem=why, problem_since=since)
            self._store(0.0)
        due = time.monotonic() + backoff.wait()
        while (left := due - time.monotonic()) > 0 and not self._stop.is_set():
            self._stop.wait(min(left, _RENEW_SECONDS))
            self._renew()
            self._metrics.lag(self._source.lag(self._state), self._received_ms)
        if self._stop.is_set():
            raise _StoppedError

    def _renew(self) -> None:
        """Renew the lease if it is time: whatever lasts, no other process may have the stream."""
        self._store(_RENEW_SECONDS)

    def _store(self, seconds: float) -> None:
        """Store the state, and renew the lease, unless that was done so lately."""
        if time.monotonic() - self._stored >= seconds:
            self._state = self._states.write(self._state)
            self._stored = time.monotonic()


def _sentence(error: Exception) -> str:
    if isinstance(error, KafkaException):
        return f"Kafka: {error.args[0].str()}"
    if isinstance(error, elasticsearch.ApiError | elasticsearch.TransportError):
        return printable(f"Elasticsearch: {type(error).__name__} {error}")[:300]
    return printable(str(error))[:300]
