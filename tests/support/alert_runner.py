"""A runner of rules for tests: events with chosen times of arrival, a watermark that the test sets."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import elasticsearch
from audit_alerts.plan import Rule
from audit_alerts.runner.alert_store import AlertStore
from audit_alerts.runner.rules_in_force import version_of
from audit_alerts.runner.runner import RoundSummary, Runner
from audit_alerts.runner.service import run_alerts
from audit_alerts.runner.settings import RunnerSettings
from audit_alerts.runner.state import RuleStates
from audit_producer.build import new_event
from audit_query import AuditLog
from audit_schemas import AuditEvent, Catalogue
from structlog.testing import capture_logs
from support.servers import Deployment
from support.shipped_rules import shipped_rules

__all__ = [
    "START",
    "FakeSource",
    "Running",
    "at",
    "failures",
    "millis",
    "running",
    "shipped",
    "summaries",
]

START = datetime(2026, 11, 20, 8, tzinfo=UTC)
_CATALOGUE = Catalogue.load()


def at(seconds: float) -> datetime:
    """Return the moment so many seconds after the tests' beginning."""
    return START + timedelta(seconds=seconds)


def millis(moment: datetime) -> int:
    """Return a moment in milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def failures(
    seconds: Iterable[float], ip: str = "203.0.113.66", user: str = "root", action: str = "login-failed"
) -> list[AuditEvent]:
    """Return refused logins at these seconds after the beginning."""
    return [new_event(action, user=user, ip=ip, at=at(second)) for second in seconds]


def shipped(*names: str) -> list[Rule]:
    """Return rules that come with the product."""
    return [rule for rule in shipped_rules() if rule.name in names]


@dataclass
class FakeSource:
    """A watermark that the test sets, and dead letters that it makes."""

    upto: int = 0
    records: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def ingest_watermark(self) -> int:
        """Return it."""
        return self.upto

    def dead_letters(self, start: int, end: int) -> Iterator[dict[str, Any]]:
        """Return what was taken then."""
        return iter([headers for taken, headers in self.records if start <= taken < end])


@dataclass
class Running:
    """Runners of one deployment."""

    deployment: Deployment
    client: elasticsearch.Elasticsearch
    log: AuditLog
    index: str

    def runner(
        self,
        rules: Sequence[Rule],
        source: FakeSource,
        *,
        since: datetime | None = START,
        index: str | None = None,
        after_claim: Callable[[], None] = lambda: None,
        longest: int = 3_600_000,
    ) -> Runner:
        """Return a runner; with an index of alerts of its own if one is named."""
        name = index or self.index
        states = RuleStates(self.client, f"{name}-state")
        alert_store = AlertStore(self.client, name, "http://localhost:8484", lambda: ["webhook"])
        states.prepare()
        alert_store.prepare()
        return Runner(
            lambda: [(rule, version_of(rule)) for rule in rules],
            self.log,
            source,
            states,
            alert_store,
            since=None if since is None else millis(since),
            after_claim=after_claim,
            longest=longest,
        )

    def settings(self) -> RunnerSettings:
        """Return the settings of a runner that stays behind by nothing."""
        names = {name: name.removeprefix("AUDITLOG_").lower() for name in self.deployment.environment}
        given = {names[name]: value for name, value in self.deployment.environment.items()}
        given |= {"alert_margin_seconds": "0", "alerts_index": self.index}
        return RunnerSettings(**given)  # type: ignore[arg-type]  # texts are read

    def once(self, since: datetime | None = None) -> None:
        """Do what `auditlog alerts run --once` does, within this process."""
        with capture_logs():  # standard output is for alerts, and nobody has configured the log here
            run_alerts(self.settings(), every=60, once=True, since=since)

    @property
    def alert_store(self) -> AlertStore:
        """The alerts."""
        return AlertStore(self.client, self.index, "http://localhost:8484", lambda: ["webhook"])

    def step(self, runner: Runner, source: FakeSource, upto: datetime) -> RoundSummary | None:
        """Let it go on up to then."""
        source.upto = millis(upto)
        return runner.round()

    def alerts(self, index: str | None = None) -> list[dict[str, Any]]:
        """Return all alerts, also those that were merged, in order of time."""
        name = index or self.index
        self.client.indices.refresh(index=name)
        found = self.client.search(index=name, size=1000, sort=["@timestamp", "event.id"])
        return [hit["_source"] for hit in found["hits"]["hits"]]


def summaries(alerts: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return what alerts say, less when they were made and revised."""
    return [
        (
            alert["rule"]["name"],
            alert["audit"]["alert"]["group"],
            alert["event"]["start"],
            alert["audit"]["alert"]["first"],
            alert["audit"]["alert"]["last"],
            alert["audit"]["alert"]["count"],
            alert["audit"]["alert"]["size"],
            tuple(alert["audit"]["alert"]["samples"]),
            tuple((part["first"], part["count"]) for part in alert["audit"]["alert"]["parts"]),
        )
        for alert in alerts
        if alert["audit"]["alert"]["status"] == "open"
    ]


@contextmanager
def running(deployment: Deployment) -> Iterator[Running]:
    """Give what runs rules over a deployment; what they wrote is deleted afterwards."""
    index = f"alerts-{deployment.name}"
    with deployment.client() as client, AuditLog(deployment.query) as log:
        try:
            yield Running(deployment, client, log, index)
        finally:
            for name in client.indices.get(index=f"{index}*"):  # states and exceptions too
                client.indices.delete(index=name)
            found = client.indices.get_index_template(name=f"{index}*")["index_templates"]
            for template in found:
                with suppress(elasticsearch.NotFoundError):
                    client.indices.delete_index_template(name=template["name"])
