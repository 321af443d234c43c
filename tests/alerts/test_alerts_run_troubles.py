"""What goes wrong around the runner: it waits, goes on, and no sink's trouble is another alert's."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import pytest
from audit_alerts import AlertError
from audit_alerts.runner import book
from audit_alerts.runner.book import AlertBook
from audit_alerts.runner.delivery import Delivery
from audit_alerts.runner.lease import Lease, sinks_in_force
from audit_alerts.runner.metrics import RunnerMetrics
from audit_alerts.runner.runner import Runner
from audit_alerts.runner.service import _Loop
from audit_alerts.runner.sinks import NotDeliveredError
from audit_alerts.runner.state import RuleStates
from audit_query.errors import ExportError
from audit_runtime.monitor import Health
from support.alert_runner import FakeBound, Running, at, failures, running, shipped
from support.conditions import wait_until
from support.servers import Deployment
from support.stored_events import store


@pytest.fixture
def run(deployment: Deployment) -> Iterator[Running]:
    """Give what runs rules."""
    with running(deployment) as found:
        yield found


class Failing:
    """A runner whose rounds fail before one does not, a book and states at once."""

    def __init__(self, stop: threading.Event, *errors: Exception) -> None:
        self.errors = list(errors)
        self.stop = stop

    def round(self, _: Callable[[], bool]) -> None:
        """Fail, or be done."""
        if self.errors:
            raise self.errors.pop(0)
        self.stop.set()

    def prepare(self) -> None:
        """Do nothing."""


def test_what_may_pass_is_waited_for_and_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The log can't be searched whole just now; other runners write the same alerts."""
    stop, metrics = threading.Event(), RunnerMetrics()
    half = ExportError("Elasticsearch could not search all of the log")
    failing = Failing(stop, half, half, AlertError("the alerts are changed by others"))
    loop = _Loop(
        cast("Runner", failing),
        cast("RuleStates", failing),
        cast("AlertBook", failing),
        [],
        metrics,
        Health(),
        stop,
    )
    loop.run(0.01)
    said = capsys.readouterr().err
    assert [said.count(words) for words in ("waiting: ", "could not search", "goes on")] == [2, 1, 1]
    assert metrics.registry.get_sample_value("auditlog_alerts_round_failures_total") == 3


class Picky:
    """A sink that does not take what some are about."""

    def __init__(self, name: str, error: Exception, bad: set[str]) -> None:
        self.name = name
        self.error: Exception | None = error
        self.bad = bad
        self.took: list[str] = []
        self.tries = 0

    def send(self, alert: Mapping[str, Any]) -> None:
        """Take it, or not."""
        self.tries += 1
        if self.error is not None and alert["source"]["ip"] in self.bad:
            raise self.error
        self.took.append(alert["source"]["ip"])

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.servers
def test_alert_that_a_sink_does_not_take_keeps_none_from_it(
    deployment: Deployment, run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it answers: more than are read at once, one that looks like the whole sink, a bug."""
    monkeypatch.setattr(book, "_SOME", 3)
    bound, said = FakeBound(), list[str]()
    runner = run.runner(shipped("brute-force"), bound)
    sinks = ["one", "two", "three"]
    runner._book = AlertBook(run.client, run.index, "http://localhost", lambda: sinks)  # noqa: SLF001
    ips = [f"203.0.113.{n}" for n in range(6)]
    attacks = [event for ip in ips for event in failures(range(6), ip)]
    store(deployment, *attacks, ingested=at(10), first=0)
    run.step(runner, bound, at(20))
    oldest = sorted(run.alerts(), key=lambda a: (a["event"]["created"], a["event"]["id"]))
    order = [alert["source"]["ip"] for alert in oldest]

    def delivery(sink: Picky) -> Delivery:
        lease = Lease(run.client, f"{run.index}-state", sink.name, "me", 60)
        return Delivery(sink, run.book, lease, said.append)

    many = Picky("one", NotDeliveredError("answers 422", alone=True), set(order[:4]))
    one = delivery(many)
    assert [one.attempt() for _ in range(3)] == [False] * 3
    assert many.took == order[4:]
    assert many.tries == 9  # at most as many in a round as are read at once
    whole = Picky("two", NotDeliveredError("answers 403"), {order[0]})
    two = delivery(whole)
    assert [two.attempt() for _ in range(4)] == [False] * 4
    assert whole.took == order[1:]
    assert whole.tries == 7
    broken = Picky("three", ValueError("I/O operation on closed file."), set(order))
    three = delivery(broken)
    three.start()
    wait_until(lambda: broken.tries > 1, what="it tries again after a bug of the sink")
    broken.error = None
    wait_until(lambda: len(broken.took) == 6, what="all were told in the end")
    three.close(10)
    assert said[:2] == ["one: answers 422; its alerts wait", "two: answers 403; its alerts wait"]
    assert said[2] == "three: I/O operation on closed file. (ValueError); its alerts wait"


@pytest.mark.servers
def test_alert_waits_for_a_sink_that_only_another_runner_has(run: Running) -> None:
    """For a week after that one was last seen; a sink of ours is ours anyhow."""
    run.runner([], FakeBound())
    state = f"{run.index}-state"
    assert sinks_in_force(run.client, state, ["output", "topic"]) == ["output", "topic"]
    lease = Lease(run.client, state, "webhook", "another", 60)
    assert lease.take()
    assert sinks_in_force(run.client, state, ["output", "topic"]) == ["output", "topic", "webhook"]
    lease.give_back()
    assert Lease(run.client, state, "webhook", "us", 60).take()
    assert sinks_in_force(run.client, state, ["output", "topic"]) == ["output", "topic", "webhook"]
    assert Lease(run.client, state, "webhook", "us", -8 * 86_400).take()
    assert sinks_in_force(run.client, state, ["output", "topic"]) == ["output", "topic"]


@pytest.mark.servers
def test_runner_that_stalled_takes_nothing_back(deployment: Deployment, run: Running) -> None:
    """It was overtaken between its claim and its alert, which had grown meanwhile."""
    bound, overtaking = FakeBound(), FakeBound()
    rules = shipped("brute-force")
    store(deployment, *failures(range(40, 46)), ingested=at(50), first=0)
    before: list[dict[str, Any]] = []

    def overtake() -> None:
        other = run.runner(rules, overtaking)
        run.step(other, overtaking, at(60))
        store(deployment, *failures(range(70, 90), user="admin"), ingested=at(95), first=100)
        run.step(other, overtaking, at(120))
        before.extend(run.alerts())

    run.step(run.runner(rules, bound, after_claim=overtake), bound, at(60))
    assert run.alerts() == before
    assert before[0]["audit"]["alert"]["count"] == 26
