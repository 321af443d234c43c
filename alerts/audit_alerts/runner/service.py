"""The runner, put together: settings in, a loop out, until it is told to stop."""

import signal
import sys
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from types import FrameType

import elasticsearch
from audit_query import AuditLog, ExportError
from audit_runtime.elastic import connect
from audit_runtime.monitor import Health, monitored
from audit_schemas import format_timestamp, printable
from confluent_kafka import KafkaException

from audit_alerts.errors import AlertError
from audit_alerts.matches import as_time
from audit_alerts.rules import load_rules
from audit_alerts.runner.alert_store import AlertStore
from audit_alerts.runner.delivery import Delivery
from audit_alerts.runner.kafka_source import KafkaSource
from audit_alerts.runner.lease import Lease, sinks_in_force
from audit_alerts.runner.metrics import RunnerMetrics
from audit_alerts.runner.owner import owner_name
from audit_alerts.runner.runner import RoundSummary, Runner, version_of
from audit_alerts.runner.settings import RunnerSettings
from audit_alerts.runner.sinks import sinks_of
from audit_alerts.runner.state import RuleStates

__all__ = ["run_alerts"]

_LONGEST_PAUSE = 60.0
_BEAT = 30.0
_RETRIED = (408, 429)
_SERVER_ERROR = 500


def run_alerts(
    settings: RunnerSettings, *, every: float, once: bool, since: datetime | None = None
) -> None:
    """Run the rules until SIGTERM or Ctrl-C, or once. Call it in the main thread.

    Raises AlertError, MonitorError and the clients' errors for what waiting does not mend; `once`, for
    all. What it counts, and whether it gets on, is served where the settings say; not `once`.
    """
    stop = _stop_on_signals()
    rules = [(rule, version_of(rule, settings.denied_ranges)) for rule in load_rules(settings)]
    start = None if since is None else round(since.timestamp() * 1000)
    sinks = sinks_of(settings)
    client = connect(settings, seconds=settings.query_seconds)
    states = RuleStates(client, settings.state_index)
    ours = [sink.name for sink in sinks]
    alert_store = AlertStore(
        client,
        settings.alerts_index,
        settings.page_url,
        lambda: sinks_in_force(client, settings.state_index, ours),
    )
    metrics = RunnerMetrics((rule for rule, _ in rules), ours)
    health = Health()
    name = owner_name()
    seconds = settings.alert_attempt_seconds * 1.5 + 8
    deliveries = [
        Delivery(
            sink,
            alert_store,
            Lease(client, settings.state_index, sink.name, name, seconds),
            _say,
            metrics=metrics,
        )
        for sink in sinks
    ]
    kafka = KafkaSource(settings)
    log = AuditLog(settings, seconds=settings.query_seconds)
    monitor = ExitStack()
    try:
        if not once:
            monitor.enter_context(monitored(settings, metrics.registry, health))
        runner = Runner(
            rules, log, kafka, states, alert_store, since=start, metrics=metrics, alive=health.alive
        )
        loop = _Loop(runner, states, alert_store, deliveries, metrics, health, stop)
        if settings.webhook_url is not None and settings.secret() is None:
            _say("posts to the webhook are not signed; set AUDITLOG_WEBHOOK_SECRET_FILE")
        if once:
            loop.once()
        else:
            idle = [rule.name for rule, _ in rules if rule.idle]
            note = f"; idle: {', '.join(idle)}" if idle else ""
            _say(f"{len(rules) - len(idle)} rules, every {every:g} s{note}")
            loop.run(every)
    finally:
        for delivery in deliveries:
            delivery.close(settings.alert_attempt_seconds + 6)
        kafka.close()
        log.close()
        client.close()
        monitor.close()


class _Loop:
    def __init__(
        self,
        runner: Runner,
        states: RuleStates,
        alert_store: AlertStore,
        deliveries: list[Delivery],
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
        self._away: str | None = None
        self._told_late = False

    def once(self) -> None:
        """Cover what can be seen, and try each sink once; what is left waits in the index."""
        self._prepare()
        self._tell(self._runner.round(self._stop.is_set), 0)
        threads = [threading.Thread(target=each.attempt) for each in self._deliveries]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def run(self, every: float) -> None:
        """Go on until told to stop; wait for servers that are away."""
        pause, prepared = 0.5, False
        while not self._stop.is_set():
            try:
                if not prepared:
                    self._prepare()
                    prepared = True
                    for delivery in self._deliveries:
                        delivery.start()
                self._tell(self._runner.round(self._stop.is_set), every)
            except (
                AlertError,
                ExportError,
                KafkaException,
                elasticsearch.ApiError,
                elasticsearch.TransportError,
            ) as error:
                if not _may_pass(error):
                    raise
                self._waiting(error)
                self._pause(min(pause, every))
                pause = min(_LONGEST_PAUSE, pause * 2)
                continue
            pause = 0.5
            self._going_on()
            for delivery in self._deliveries:
                delivery.wake()
            self._pause(every)

    def _tell(self, covered: RoundSummary | None, every: float) -> None:
        if covered is None:
            return
        long = covered.end - covered.start > 2000 * every
        if long or covered.new or covered.updated:
            start, end = (format_timestamp(as_time(at)) for at in (covered.start, covered.end))
            steps = f"{covered.steps} step{'s' if covered.steps > 1 else ''}"
            _say(
                f"covered what was ingested from {start} to {end} in {steps}: "
                f"{covered.new} new alerts, {covered.updated} that went on"
            )
        if covered.late and not self._told_late:
            _say(
                f"{covered.late} events could not be seen yet when rules covered their time; looked at "
                "again. If this goes on, set clocks right, or AUDITLOG_ALERT_MARGIN_SECONDS higher"
            )
            self._told_late = True

    def _waiting(self, error: Exception) -> None:
        """Note what is waited for; say it once, however many ways it has of not answering."""
        sentence = _sentence(error)
        self._metrics.failed()
        self._health.beat(sentence)
        away = sentence.partition(":")[0]
        if away != self._away:
            _say(f"waiting: {sentence}")
        self._away = away

    def _going_on(self) -> None:
        self._metrics.succeeded()
        self._health.beat(None)
        if self._away is not None:
            _say("goes on")
        self._away = None

    def _pause(self, seconds: float) -> None:
        """Wait, and be seen to be alive meanwhile."""
        until = time.monotonic() + seconds
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            self._health.alive()
            self._stop.wait(min(left, _BEAT))

    def _prepare(self) -> None:
        self._states.prepare()
        self._alert_store.prepare()
        for delivery in self._deliveries:
            delivery.register()


def _may_pass(error: Exception) -> bool:
    if isinstance(error, elasticsearch.ApiError):
        return error.meta.status >= _SERVER_ERROR or error.meta.status in _RETRIED
    return True


def _sentence(error: Exception) -> str:
    if isinstance(error, AlertError | ExportError):
        return str(error)
    if isinstance(error, KafkaException):
        return f"Kafka: {error.args[0].str()}"
    return f"Elasticsearch: {type(error).__name__} {error}"[:300]


def _say(text: str) -> None:
    now = format_timestamp(datetime.now(UTC))
    sys.stderr.write(f"{now} {printable(text)}\n")
    sys.stderr.flush()


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def on_signal(_: int, __: FrameType | None) -> None:
        stop.set()
        for again in (signal.SIGTERM, signal.SIGINT):
            signal.signal(again, signal.SIG_DFL)  # a second one ends the process as usual

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stop
