"""A round over long times: what is behind catches up in it, whatever one rule meets."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import elasticsearch
import pytest
from audit_alerts.plan import Rule
from audit_alerts.runner import runner as module
from audit_alerts.runner.loop import RunnerLoop
from audit_alerts.runner.metrics import RunnerMetrics
from audit_alerts.runner.runner import Runner
from audit_alerts.runner.state import RuleState, VisibleCount
from audit_alerts.runner.visible_counts import RECHECKED
from audit_query import ParameterError
from audit_runtime.monitor import Health
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from support.alert_runner import FakeSource, shipped

HOUR = 3_600_000
STEPS = 48
FINE, BROKEN = shipped("brute-force", "password-spraying")


class States:
    """States in memory: one runner's alone."""

    def __init__(self) -> None:
        self.known: dict[str, RuleState] = {}
        self.visible = VisibleCount(0, -1)

    def prepare(self) -> None:
        """Do nothing."""

    def read(self, rule_ids: Sequence[str]) -> dict[str, RuleState]:
        """Return those that there are."""
        return {rule_id: self.known[rule_id] for rule_id in rule_ids if rule_id in self.known}

    def write(self, states: Sequence[RuleState]) -> list[RuleState]:
        """Keep them."""
        self.known |= {state.rule: replace(state, seq_no=1) for state in states}
        return list(states)

    def go_back(self, rule_ids: Sequence[str], covered: int) -> None:
        """Have rules cover a time again."""
        self.write([replace(self.known[rule_id], covered=covered) for rule_id in rule_ids])

    def visible_count(self) -> VisibleCount:
        """Return what was noted."""
        return self.visible

    def write_visible_count(self, visible: VisibleCount) -> None:
        """Note it."""
        self.visible = visible


class Nothing:
    """A log without an index, and no alerts."""

    def prepare(self) -> None:
        """Do nothing."""

    def refresh(self) -> None:
        """Do nothing."""

    def raw_search(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Return what is answered where there is no index."""
        return {"hits": {"total": {"value": 0}, "hits": []}}


@pytest.mark.parametrize(
    ("error", "steps"),
    [
        (elasticsearch.ConnectionTimeout("slow"), STEPS),
        (elasticsearch.ConnectionError("away"), 1),
    ],
    ids=["slow", "away"],
)
def test_rule_that_fails_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, error: Exception, steps: int
) -> None:
    """Two days are caught up with in one round, unless Elasticsearch is away; then it is told."""
    asked: list[Rule] = []

    def rule_step(rule: Rule, *_: int, **__: Any) -> None:
        asked.append(rule)
        if rule is BROKEN:
            raise error

    monkeypatch.setattr(module, "rule_step", rule_step)
    monkeypatch.setattr(module, "changes_of", lambda *_: ())
    states, nothing = States(), Nothing()
    given: list[Any] = [nothing, FakeSource(upto=STEPS * HOUR), states, nothing]
    runner = Runner(lambda: [(FINE, "v"), (BROKEN, "v")], *given, since=0)
    with pytest.raises(type(error)):
        runner.round()
    assert (asked.count(FINE), asked.count(BROKEN)) == (steps, 1)
    assert states.known[FINE.id].covered == steps * HOUR
    assert states.known[BROKEN.id].covered == 0


def test_rules_that_a_clock_has_led_into_the_future_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they would take all that comes for covered, until then."""
    spans: list[tuple[int, int]] = []
    monkeypatch.setattr(module, "rule_step", lambda _, *span, **__: spans.append(span))
    monkeypatch.setattr(module, "changes_of", lambda *_: ())
    states, nothing, source = States(), Nothing(), FakeSource(upto=5 * HOUR)
    given: list[Any] = [nothing, source, states, nothing]
    now = 2 * HOUR
    runner = Runner(lambda: [(FINE, "v")], *given, since=4 * HOUR, clock=lambda: now)
    runner.round()
    assert states.known[FINE.id].covered == states.visible.upto == 5 * HOUR
    source.upto = now
    done = runner.round()
    assert done is not None
    assert done.ahead == 1
    assert spans[1:] == [(now - RECHECKED, now)]
    assert states.visible.upto == now
    source.upto = now - 60_000  # a partition that lags holds it back: that is no clock
    assert runner.round() is None
    assert states.known[FINE.id].covered == now


def refused() -> elasticsearch.BadRequestError:
    """Return what the client raises for a query that Elasticsearch can't take."""
    meta = ApiResponseMeta(400, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "localhost", 9200))
    reason = {"reason": "Fielddata is disabled on [x]"}
    body = {"error": {"type": "search_phase_execution_exception", "root_cause": [reason]}}
    return elasticsearch.BadRequestError("search_phase_execution_exception", meta, body)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (refused(), "Fielddata is disabled on [x]"),
        (ParameterError("text", "give fewer words"), "give fewer words"),
    ],
    ids=["elasticsearch", "query"],
)
def test_rule_whose_query_is_refused_ends_no_runner(
    monkeypatch: pytest.MonkeyPatch, error: Exception, why: str
) -> None:
    """It is tried again in each round, and it is said which rule it is."""
    asked: list[Rule] = []
    stop = threading.Event()

    def rule_step(rule: Rule, *_: int, **__: Any) -> None:
        asked.append(rule)
        if rule is BROKEN:
            if asked.count(BROKEN) == 3:
                stop.set()
            raise error

    monkeypatch.setattr(module, "rule_step", rule_step)
    monkeypatch.setattr(module, "changes_of", lambda *_: ())
    states, nothing, health = States(), Nothing(), Health()
    given: list[Any] = [nothing, FakeSource(upto=HOUR), states, nothing]
    runner: Any = Runner(lambda: [(BROKEN, "v"), (FINE, "v")], *given, since=0)
    kept: Any = states
    alerts: Any = nothing
    RunnerLoop(runner, kept, alerts, [], RunnerMetrics(), health, stop).run(0.01)
    assert states.known[FINE.id].covered == HOUR
    assert health.problem is not None
    assert health.problem.startswith(f"{BROKEN.name} can't be evaluated: ")
    assert why in health.problem
