"""The runner's loop: round after round until it is told to stop, waiting for servers that are away."""

import threading
import time
from collections.abc import Sequence

import elasticsearch
import structlog
from audit_query import ExportError
from audit_runtime.monitor import Health
from audit_schemas import format_timestamp, printable
from confluent_kafka import KafkaException

from audit_alerts.errors import AlertError
from audit_alerts.runner.alert_store import AlertStore
from audit_alerts.runner.delivery import Delivery
from audit_alerts.runner.metrics import RunnerMetrics
from audit_alerts.runner.runner import RoundSummary, Runner
from audit_alerts.runner.state import RuleStates
from audit_alerts.times import as_time

__all__ = ["RunnerLoop"]

_log = structlog.get_logger()

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0
_BEAT = 30.0
_UNAUTHORIZED = 401
_RETRIED = (408, 429)
_SERVER_ERROR = 500


class RunnerLoop:
    """Runs rounds, and wakes the deliveries after each."""

    def __init__(
        self,
        runner: Runner,
        states: RuleStates,
        alert_store: AlertStore,
        deliveries: Sequence[Delivery],
        metrics: RunnerMetrics,
        health: Health,
        stop: threading.Event,
    ) -> None:
        self._runner = runner
        self._states = states
        self._alert_store = alert_store
        self._deliveries = deliveries
        self._metrics = metrics
        self._health = health
        self._stop = stop
        self._problem: str | None = None
        self._is_prepared = False
        self._warned: set[str] = set()

    def once(self) -> None:
        """Cover what is there, and deliver it; what a sink does not take now waits in the index.

        Raises AlertError, ExportError and the clients' errors.
        """
        self._prepare()
        self._report(self._runner.round(self._stop.is_set), 0)
        stopped = self._stop.is_set
        threads = [threading.Thread(target=each.drain, args=(stopped,)) for each in self._deliveries]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def run(self, every: float) -> None:
        """Go on until told to stop. Raises the clients' errors that waiting does not resolve.

        Credentials that are refused are among these at the start alone: later they are being rotated.
        """
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            try:
                self._round(every)
            except (
                AlertError,
                ExportError,
                KafkaException,
                elasticsearch.ApiError,
                elasticsearch.TransportError,
            ) as error:
                if not self._may_pass(error):
                    raise
                self._wait_for(error)
                self._sleep(min(pause, every))
                pause = min(_LONGEST_PAUSE, pause * 2)
                continue
            pause = _FIRST_PAUSE
            self._resume()
            for delivery in self._deliveries:
                delivery.wake()
            self._sleep(every)

    def _round(self, every: float) -> None:
        if not self._is_prepared:
            self._prepare()
            for delivery in self._deliveries:
                delivery.start()
            self._is_prepared = True
        self._report(self._runner.round(self._stop.is_set), every)

    def _prepare(self) -> None:
        self._states.prepare()
        self._alert_store.prepare()
        for delivery in self._deliveries:
            delivery.register()

    def _report(self, done: RoundSummary | None, every: float) -> None:
        if done is None:
            return
        was_behind = done.end - done.start > 2000 * every
        if was_behind or done.new or done.updated:
            start, end = (format_timestamp(as_time(at)) for at in (done.start, done.end))
            _log.info(
                "covered", start=start, end=end, steps=done.steps, new=done.new, updated=done.updated
            )
        self._warn_once(
            "rules were ahead of the clock",
            done.ahead,
            why="a runner's clock was wrong; what came meanwhile may not have been evaluated",
            fix="correct the clocks, and ask: auditlog alerts backfill",
        )
        self._warn_once(
            "late events",
            done.late,
            why="they became searchable after rules had covered their time; evaluated again",
            fix="if this goes on, correct clocks or raise AUDITLOG_ALERT_MARGIN_SECONDS",
        )

    def _warn_once(self, what: str, count: int, *, why: str, fix: str) -> None:
        """Log what happened to some, if any, unless that was logged before."""
        if count and what not in self._warned:
            self._warned.add(what)
            _log.warning(what, count=count, why=why, fix=fix)

    def _wait_for(self, error: Exception) -> None:
        """Note what is waited for; log it once, however many ways it has of not answering."""
        sentence = _sentence(error)
        self._metrics.failed()
        self._health.beat(sentence)
        problem = sentence.partition(":")[0]
        if problem != self._problem:
            _log.warning("waiting", why=sentence)
        self._problem = problem

    def _resume(self) -> None:
        self._metrics.succeeded()
        self._health.beat(None)
        if self._problem is not None:
            _log.info("resumed")
        self._problem = None

    def _sleep(self, seconds: float) -> None:
        """Wait, and be seen to be alive meanwhile."""
        until = time.monotonic() + seconds
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            self._health.alive()
            self._stop.wait(min(left, _BEAT))

    def _may_pass(self, error: Exception) -> bool:
        if isinstance(error, elasticsearch.ApiError):
            status = error.meta.status
            is_rotation = status == _UNAUTHORIZED and self._is_prepared
            return is_rotation or status >= _SERVER_ERROR or status in _RETRIED
        return True


def _sentence(error: Exception) -> str:
    if isinstance(error, AlertError | ExportError):
        return printable(str(error))
    if isinstance(error, KafkaException):
        return f"Kafka: {error.args[0].str()}"
    if isinstance(error, elasticsearch.AuthenticationException):
        return (
            "Elasticsearch refuses the credentials: set AUDITLOG_ELASTICSEARCH_PASSWORD_FILE or "
            "AUDITLOG_ELASTICSEARCH_API_KEY_FILE to a file that holds the new ones"
        )
    return printable(f"Elasticsearch: {type(error).__name__} {error}")[:300]
