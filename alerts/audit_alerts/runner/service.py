"""The runner, put together: settings in, a loop out, until it is told to stop."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime

import elasticsearch
import structlog
from audit_query import AuditLog
from audit_runtime import owner_name, stop_requests
from audit_runtime.elastic import connect
from audit_runtime.monitor import Health, monitored

from audit_alerts.rules import list_folder, rules_of
from audit_alerts.runner.alert_store import AlertStore
from audit_alerts.runner.delivery import Delivery
from audit_alerts.runner.kafka_source import KafkaSource
from audit_alerts.runner.lease import Lease, sinks_in_force
from audit_alerts.runner.loop import RunnerLoop
from audit_alerts.runner.metrics import RunnerMetrics
from audit_alerts.runner.rules_in_force import RulesInForce
from audit_alerts.runner.runner import Runner
from audit_alerts.runner.settings import RunnerSettings
from audit_alerts.runner.sinks import Sink, sinks_of
from audit_alerts.runner.state import RuleStates
from audit_alerts.times import millis_now

__all__ = ["run_alerts"]

_log = structlog.get_logger()


def run_alerts(
    settings: RunnerSettings, *, every: float, once: bool, since: datetime | None = None
) -> None:
    """Run the rules until SIGTERM or Ctrl-C, or once. Call it in the main thread.

    Raises AlertError, MonitorError and the clients' errors that waiting does not resolve; `once`, all.
    Metrics and health are served where the settings say; not `once`.
    """
    rules = rules_of(settings)
    start = None if since is None else round(since.timestamp() * 1000)
    sinks = sinks_of(settings)
    metrics, health = RunnerMetrics(rules, [sink.name for sink in sinks]), Health()
    with ExitStack() as open_now:
        stop = open_now.enter_context(stop_requests())
        if not once:
            open_now.enter_context(monitored(settings, metrics.registry, health))
        client = open_now.enter_context(connect(settings, seconds=settings.query_seconds))
        log = open_now.enter_context(AuditLog(settings, seconds=settings.query_seconds))
        source = open_now.enter_context(closing(KafkaSource(settings)))
        states = RuleStates(client, settings.state_index)
        alert_store = _alert_store(settings, client, sinks)
        deliveries = open_now.enter_context(_deliveries(settings, client, alert_store, sinks, metrics))
        in_force = RulesInForce(rules, list_folder(settings), metrics).current
        runner = Runner(
            in_force,
            log,
            source,
            states,
            alert_store,
            since=start,
            metrics=metrics,
            alive=health.alive,
            clock=millis_now,
        )
        loop = RunnerLoop(runner, states, alert_store, deliveries, metrics, health, stop)
        if settings.webhook_url is not None and settings.secret() is None:
            _log.warning("webhook posts are not signed", fix="set AUDITLOG_WEBHOOK_SECRET_FILE")
        if once:
            loop.once()
            return
        _log.info("running", rules=len(rules), seconds=every)
        loop.run(every)


def _alert_store(
    settings: RunnerSettings, client: elasticsearch.Elasticsearch, sinks: Sequence[Sink]
) -> AlertStore:
    ours = [sink.name for sink in sinks]
    return AlertStore(
        client,
        settings.alerts_index,
        settings.page_url,
        lambda: sinks_in_force(client, settings.state_index, ours),
    )


@contextmanager
def _deliveries(
    settings: RunnerSettings,
    client: elasticsearch.Elasticsearch,
    alert_store: AlertStore,
    sinks: Sequence[Sink],
    metrics: RunnerMetrics,
) -> Iterator[list[Delivery]]:
    """Give a delivery for each sink; end them when the loop has ended."""
    owner = owner_name()
    seconds = settings.alert_attempt_seconds * 1.5 + 8
    deliveries = [
        Delivery(
            sink,
            alert_store,
            Lease(client, settings.state_index, sink.name, owner, seconds),
            metrics=metrics,
        )
        for sink in sinks
    ]
    try:
        yield deliveries
    finally:
        for delivery in deliveries:
            delivery.close(settings.alert_attempt_seconds + 6)
