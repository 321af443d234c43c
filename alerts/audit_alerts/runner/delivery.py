"""Alerts on their way from the outbox to a sink, each sink in a thread of its own."""

import threading
from collections.abc import Callable

import elasticsearch
import structlog
from audit_schemas import printable

from audit_alerts.runner.alert_store import AlertStore
from audit_alerts.runner.lease import Lease
from audit_alerts.runner.metrics import RunnerMetrics
from audit_alerts.runner.sinks import NotDeliveredError, Sink
from audit_alerts.runner.stored_alert import StoredAlert

__all__ = ["Delivery"]

_log = structlog.get_logger()

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0


class Delivery:
    """Delivers what is pending for one sink, at least once each, until it is closed.

    A sink that fails holds up itself alone, and loses nothing: what it has not taken stays pending in
    the index, over restarts.
    """

    def __init__(
        self,
        sink: Sink,
        alert_store: AlertStore,
        lease: Lease,
        *,
        metrics: RunnerMetrics | None = None,
        poll_seconds: float = 5.0,
    ) -> None:
        self._sink = sink
        self._alert_store = alert_store
        self._lease = lease
        self._metrics = metrics or RunnerMetrics(sinks=[sink.name])
        self._poll_seconds = poll_seconds
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._problem: str | None = None
        self._last: StoredAlert | None = None
        self._took = 0
        self._thread = threading.Thread(target=self._run, name=f"sink-{sink.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def register(self) -> None:
        """Let it be known that there is this sink: alerts wait for it from now on."""
        self._lease.take()

    def wake(self) -> None:
        """Deliver now: there are new alerts."""
        self._wake.set()

    def drain(self, stopped: Callable[[], bool]) -> None:
        """Do rounds until none is left, the sink takes none, or it is stopped."""
        while not self.attempt() and self._took and not stopped():
            pass

    def attempt(self) -> bool:
        """Do a round, whatever happens; tell whether none is left, or only another may deliver."""
        try:
            return self.round()
        except Exception as error:  # noqa: BLE001 - a thread that ended would deliver nothing any more
            away = isinstance(error, elasticsearch.ApiError | elasticsearch.TransportError)
            words = "Elasticsearch did not answer" if away else str(error)[:200]
            self._failed(f"{words} ({type(error).__name__})")
            return False

    def round(self) -> bool:
        """Try some of the pending alerts, each once; tell whether none is left.

        A round continues after the last alert that was tried and wraps around to the oldest, so one
        failing alert cannot block the rest.
        """
        pending_alerts = self._metrics.deliveries_pending.labels(self._sink.name)
        self._took = 0
        if not self._lease.take():
            pending_alerts.set(0)  # the one who delivers shows them
            return True
        pending = self._alert_store.pending(self._sink.name, self._last)
        if not pending.some and self._last is not None:
            pending = self._alert_store.pending(self._sink.name)
        pending_alerts.set(pending.total)
        for alert in pending.some:
            if self._closed.is_set() or not self._lease.take():
                return False
            self._last = alert
            if not self._deliver(alert):
                break
        pending_alerts.set(pending.total - self._took)
        if self._took == pending.total and self._problem is not None:
            _log.info("delivery resumed", sink=self._sink.name)
            self._problem = None
        return self._took == pending.total

    def _deliver(self, alert: StoredAlert) -> bool:
        """Try one; tell whether others may fare better."""
        try:
            self._sink.send(alert.document)
        except NotDeliveredError as error:
            self._failed(str(error))
            return error.alert_specific
        self._alert_store.delivered(alert, self._sink.name)
        self._metrics.deliveries.labels(self._sink.name).inc()
        self._took += 1
        return True

    def close(self, seconds: float) -> None:
        """End, after the try that is under way."""
        self._closed.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        if not self._thread.is_alive():
            self.give_back()
            self._sink.close()

    def give_back(self) -> None:
        """Let another runner deliver at once."""
        try:
            self._lease.give_back()
        except (elasticsearch.ApiError, elasticsearch.TransportError):
            return  # it runs out by itself

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closed.is_set():
            self._wake.clear()
            fine = self.attempt()
            if fine or self._took:
                pause = _FIRST_PAUSE
            if fine:
                self._wake.wait(self._poll_seconds)
            else:
                self._closed.wait(pause)
                pause = min(_LONGEST_PAUSE, pause * 2)

    def _failed(self, text: str) -> None:
        reason = printable(text)
        self._metrics.delivery_failures.labels(self._sink.name).inc()
        if reason != self._problem:
            _log.warning("delivery failed", sink=self._sink.name, why=reason)
        self._problem = reason
