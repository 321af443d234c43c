"""How long a step of the runner takes: state, every rule, and alerts, over five more minutes."""

import random
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import elasticsearch
from audit_alerts import plan
from audit_alerts.runner.alert_store import AlertStore
from audit_alerts.runner.metrics import RunnerMetrics
from audit_alerts.runner.runner import Runner
from audit_alerts.runner.state import RuleStates
from audit_generator.intrusions import INTRUSIONS
from audit_generator.story import Cast
from audit_generator.traffic import Agent
from audit_producer.build import new_event
from audit_query import AuditLog, Filter, QuerySettings
from audit_schemas import AuditEvent, Catalogue, Document, IndexNaming, Origin, format_timestamp

from benchmarks.contestants import CONSUMER, Arena
from benchmarks.detection import shipped_rules
from benchmarks.errors import BenchError
from benchmarks.figures import quantile, table
from benchmarks.index import Index
from benchmarks.questions import DAYS

_STEP = timedelta(minutes=5)
_STEPS = 30
_ALERTS = "bench-alerts"
_WARM = 5
_WHOLE = "a whole step"
_STORIES = 2
"""Attacks that begin in a step, besides its normal events: so there is something to find."""
_STAFF = 200
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def measure_alerts(arena: Arena, end: datetime) -> None:
    """Index the topic by the consumer, then add five minutes again and again, and time each step."""

    def ask(index: Index) -> None:
        index.force_merge()
        arena.servers.calm_down()
        address = arena.servers.elasticsearch
        time_steps(arena, QuerySettings(elasticsearch_url=address, index_prefix=index.prefix), end)

    arena.consumers(CONSUMER, 1, "Indexing", then=ask)


def time_steps(arena: Arena, settings: QuerySettings, end: datetime, steps: int = _STEPS) -> None:
    """Show how long steps of the runner take, over events that go on after `end`."""
    client = elasticsearch.Elasticsearch(arena.servers.elasticsearch, request_timeout=60)
    with client, AuditLog(settings) as log:
        _clean_up(client)
        arrivals = _Arrivals(client, log, settings.index_prefix, arena.events, end)
        times = _steps(arena, client, log, arrivals, steps)
        _clean_up(client)
    shown = sorted(times.items(), key=lambda item: -quantile(item[1], 0.5))
    rows = [
        [name, *(f"{quantile(taken, share):.1f}" for share in (0.5, 0.95, 1.0))]
        for name, taken in shown
    ]
    arena.screen.show(
        table(
            f"A step of {len(times) - 1} rules over {arena.events:,} events, in ms",
            ("", "p50", "p95", "longest"),
            rows,
            f"{steps} steps of five minutes with some {arrivals.a_step} new events and two attacks. "
            "A whole step reads and writes the rules' state and stores alerts too; several rules are "
            "evaluated at a time.",
        )
    )


def _steps(
    arena: Arena,
    client: elasticsearch.Elasticsearch,
    log: AuditLog,
    arrivals: "_Arrivals",
    steps: int,
) -> dict[str, list[float]]:
    """Return the milliseconds of every step and, in it, of every rule."""
    rules = [rule for rule in shipped_rules() if rule.log_source is plan.LogSource.EVENTS]
    metrics = RunnerMetrics(rules)
    states = RuleStates(client, f"{_ALERTS}-state")
    alert_store = AlertStore(client, _ALERTS, "http://localhost", lambda: ())
    states.prepare()
    alert_store.prepare()
    runner = Runner(
        lambda: [(rule, "") for rule in rules], log, arrivals, states, alert_store, metrics=metrics
    )
    runner.round()  # they begin where the events so far end
    times: dict[str, list[float]] = {_WHOLE: [], **{rule.name: [] for rule in rules}}
    alerts = 0
    with arena.screen.bar("five minutes, all rules", steps) as show:
        for number in range(_WARM + steps):
            arrivals.next()
            before = {rule.name: _spent(metrics, rule.name) for rule in rules}
            started = time.perf_counter()
            covered = runner.round()
            if number >= _WARM:
                times[_WHOLE].append((time.perf_counter() - started) * 1000)
                for name, spent in before.items():
                    times[name].append(_spent(metrics, name) - spent)
            alerts += covered.new if covered is not None else 0
            show(max(0, number - _WARM))
    if not alerts:
        raise BenchError("no rule fired in any step, so they did not see the attacks")
    return times


def _spent(metrics: RunnerMetrics, name: str) -> float:
    """Return how many milliseconds a rule has taken so far."""
    taken = metrics.registry.get_sample_value("auditlog_alerts_rule_seconds_total", {"rule": name})
    return (taken or 0.0) * 1000


def _clean_up(client: elasticsearch.Elasticsearch) -> None:
    """Delete what a runner has written, now or in an earlier run that failed."""
    for index in client.indices.get(index=f"{_ALERTS}*"):
        client.indices.delete(index=index)
    with suppress(elasticsearch.NotFoundError):
        client.indices.delete_index_template(name=_ALERTS)


class _Arrivals:
    """Five minutes after five minutes of events that happen, and are indexed, after all others."""

    def __init__(
        self,
        client: elasticsearch.Elasticsearch,
        log: AuditLog,
        prefix: str,
        events: int,
        end: datetime,
    ) -> None:
        self.written = 0
        self._client = client
        self._naming = IndexNaming(prefix)
        self._catalogue = Catalogue.load()
        self._rng = random.Random(1)  # noqa: S311 - to be repeated
        users = log.top(Filter(activities=("login",)), "user", size=_STAFF)
        self._staff = [
            Agent({"id": f"u-{number:03}", "name": row.value}, f"192.0.2.{number % 250 + 1}", 9)
            for number, row in enumerate(users)
        ]
        self._cast = Cast(self._rng, self._staff)
        self.a_step = max(1, round(events * _STEP / timedelta(days=DAYS)))
        self._at = max(end, datetime.now(UTC)) + timedelta(hours=1)
        self._number = 0

    def ingest_watermark(self) -> int:
        """Return up to when all that was ingested can be found."""
        return (self._at - _EPOCH) // _MILLISECOND

    def dead_letters(self, _: int, __: int) -> Iterable[dict[str, Any]]:
        """Return no dead letters: rules about them are not measured."""
        return ()

    def next(self) -> None:
        """Index the events of one more step."""
        begin, self._at = self._at, self._at + _STEP
        ingested = format_timestamp(self._at)
        lines: list[Any] = []
        for event in [*self._normal(begin), *self._attacks(begin)]:
            settled = self._catalogue.settle(event)
            activity = self._catalogue[settled.event.action]
            origin = Origin("steps", 0, self.written)
            document = Document.of(settled, activity, origin, ingested, ingested)
            index = self._naming.index_of(event.timestamp)
            lines += [{"create": {"_index": index, "_id": document.id}}, document.body]
            self.written += 1
        answer = self._client.bulk(operations=lines, refresh=True)
        if answer["errors"]:
            raise BenchError("a step's events were not all indexed")

    def _normal(self, begin: datetime) -> Iterator[AuditEvent]:
        for _ in range(self.a_step):
            who = self._rng.choice(self._staff)
            action = self._rng.choices(("user-joined-to-chat", "chat-closed", "login", "login-failed"),
                                       (45, 45, 8, 2))[0]  # fmt: skip
            chat = f"chat-{self._rng.getrandbits(40):010x}" if "chat" in action else None
            yield self._event(begin, {"action": action, "user": who.person, "ip": who.ip, "chat": chat})

    def _attacks(self, begin: datetime) -> Iterator[AuditEvent]:
        kinds = [kind for kind in INTRUSIONS if kind not in _ELSEWHERE]
        for turn in range(_STORIES):
            kind = kinds[(self._number * _STORIES + turn) % len(kinds)]
            for at, fields in INTRUSIONS[kind](self._cast).steps:
                if at < _STEP.total_seconds():
                    yield self._event(begin, fields, at)
        self._number += 1

    def _event(self, begin: datetime, fields: Mapping[str, Any], at: float | None = None) -> AuditEvent:
        seconds = self._rng.random() * _STEP.total_seconds() if at is None else at
        house = {"service": "chat-api", "organization": "acme"}
        return new_event(**{**house, **fields}, at=begin + timedelta(seconds=seconds))


_ELSEWHERE = ("log-switched-off", "hidden-in-rubbish", "overwriting")
"""Attacks whose traces are not among the events."""
