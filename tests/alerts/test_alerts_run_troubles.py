"""What goes wrong around the runner: it waits, goes on, and no sink's trouble is another alert's."""

import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, cast

import elasticsearch
import pytest
from audit_alerts import AlertError
from audit_alerts.runner import alert_store
from audit_alerts.runner.alert_store import AlertStore, Pending
from audit_alerts.runner.delivery import Delivery
from audit_alerts.runner.lease import Lease, sinks_in_force
from audit_alerts.runner.loop import RunnerLoop
from audit_alerts.runner.metrics import RunnerMetrics
from audit_alerts.runner.runner import Runner
from audit_alerts.runner.sinks import NotDeliveredError
from audit_alerts.runner.state import RuleStates
from audit_alerts.runner.stored_alert import StoredAlert
from audit_alerts.times import millis_now
from audit_query.errors import ExportError
from audit_runtime.monitor import Health
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from structlog.testing import capture_logs
from support.alert_runner import FakeSource, Running, at, failures, running, shipped
from support.conditions import wait_until
from support.servers import Deployment
from support.stored_events import store


@pytest.fixture
def run(deployment: Deployment) -> Iterator[Running]:
    """Give what runs rules."""
    with running(deployment) as found:
        yield found


@pytest.fixture
def said() -> Iterator[list[MutableMapping[str, Any]]]:
    """Give what is logged."""
    with capture_logs() as lines:
        yield lines


class Failing:
    """A runner whose rounds fail before one does not, a alert_store and states at once."""

    def __init__(self, stop: threading.Event, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.stop = stop
        self.refusal: Exception | None = None

    def round(self, _: Callable[[], bool]) -> None:
        """Fail, or be done."""
        if not self.errors:
            self.stop.set()
        elif (error := self.errors.pop(0)) is not None:
            raise error

    def prepare(self) -> None:
        """Fail, if it is to."""
        if self.refusal is not None:
            raise self.refusal


def test_what_may_pass_is_waited_for_and_said_once(said: list[MutableMapping[str, Any]]) -> None:
    """The log can't be searched whole just now; other runners write the same alerts."""
    stop, metrics = threading.Event(), RunnerMetrics()
    half = ExportError("Elasticsearch could not search all of the log")
    failing = Failing(stop, half, half, AlertError("the alerts are changed by others"))
    loop_of(failing, metrics).run(0.01)
    assert [line["event"] for line in said] == ["waiting", "waiting", "resumed"]
    assert "could not search" in said[0]["why"]
    assert "changed by others" in said[1]["why"]
    assert metrics.registry.get_sample_value("auditlog_alerts_round_failures_total") == 3


def test_credentials_that_are_refused_while_it_runs_are_waited_for(
    said: list[MutableMapping[str, Any]],
) -> None:
    """Somebody is rotating them; it says so in a sentence and goes on with the new ones."""
    stop = threading.Event()
    health = Health()
    loop_of(Failing(stop, None, refused(), refused()), RunnerMetrics(), health).run(0.01)
    assert [line["event"] for line in said] == ["waiting", "resumed"]
    assert said[0]["why"].startswith("Elasticsearch refuses the credentials: set AUDITLOG_")
    assert health.problem is None


def test_credentials_that_are_refused_at_the_start_or_once_are_an_error() -> None:
    """They are wrong: nobody rotates those of a runner that never ran."""
    stop = threading.Event()
    failing = Failing(stop)
    failing.refusal = refused()
    with pytest.raises(elasticsearch.AuthenticationException):
        loop_of(failing, RunnerMetrics()).run(0.01)
    with pytest.raises(elasticsearch.AuthenticationException):
        loop_of(failing, RunnerMetrics()).once()
    with pytest.raises(elasticsearch.AuthenticationException):
        loop_of(Failing(stop, refused()), RunnerMetrics()).once()


def refused() -> elasticsearch.AuthenticationException:
    """Return what the client raises for an answer of 401."""
    meta = ApiResponseMeta(401, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "localhost", 9200))
    return elasticsearch.AuthenticationException("security_exception", meta, {})


def loop_of(
    failing: Failing,
    metrics: RunnerMetrics,
    health: Health | None = None,
    deliveries: Sequence[Delivery] = (),
) -> RunnerLoop:
    """Return the loop around it."""
    return RunnerLoop(
        cast("Runner", failing),
        cast("RuleStates", failing),
        cast("AlertStore", failing),
        deliveries,
        metrics,
        health or Health(),
        failing.stop,
    )


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


class Outbox:
    """Alerts that wait for a sink, two of which are read at once."""

    def __init__(self, count: int) -> None:
        self.waiting = [
            StoredAlert(f"{n}", {"source": {"ip": f"203.0.113.{n}"}}, 1, 1) for n in range(count)
        ]

    def pending(self, _: str, after: StoredAlert | None = None) -> Pending:
        """Return the oldest after one."""
        later = [each for each in self.waiting if after is None or int(each.id) > int(after.id)]
        return Pending(len(self.waiting), tuple(later[:2]))

    def delivered(self, alert: StoredAlert, _: str) -> None:
        """Let it wait no more."""
        self.waiting.remove(alert)

    def take(self) -> bool:
        """Be the one who delivers."""
        return True


def test_run_once_delivers_more_than_is_read_at_once() -> None:
    """All but what a sink refuses, which it is not asked for without end."""
    outbox: Any = Outbox(7)
    sink = Picky("one", NotDeliveredError("answers 422", alert_specific=True), {"203.0.113.3"})
    delivery = Delivery(sink, outbox, outbox)
    loop_of(Failing(threading.Event(), None), RunnerMetrics(), deliveries=[delivery]).once()
    assert [alert.id for alert in outbox.waiting] == ["3"]
    assert len(sink.took) == 6
    assert sink.tries < 10


@pytest.mark.servers
def test_alert_that_a_sink_does_not_take_keeps_none_from_it(
    deployment: Deployment,
    run: Running,
    said: list[MutableMapping[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever it answers: more than are read at once, one that looks like the whole sink, a bug."""
    monkeypatch.setattr(alert_store, "_SOME", 3)
    source = FakeSource()
    runner = run.runner(shipped("brute-force"), source)
    sinks = ["one", "two", "three"]
    runner._alert_store = AlertStore(run.client, run.index, "http://localhost", lambda: sinks)  # noqa: SLF001
    ips = [f"203.0.113.{n}" for n in range(6)]
    attacks = [event for ip in ips for event in failures(range(6), ip)]
    store(deployment, *attacks, ingested=at(10), first=0)
    run.step(runner, source, at(20))
    oldest = sorted(run.alerts(), key=lambda a: (a["event"]["created"], a["event"]["id"]))
    order = [alert["source"]["ip"] for alert in oldest]

    def delivery(sink: Picky) -> Delivery:
        lease = Lease(run.client, f"{run.index}-state", sink.name, "me", 60)
        return Delivery(sink, run.alert_store, lease)

    many = Picky("one", NotDeliveredError("answers 422", alert_specific=True), set(order[:4]))
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
    assert [(line["event"], line["sink"], line["why"]) for line in said[:3]] == [
        ("delivery failed", "one", "answers 422"),
        ("delivery failed", "two", "answers 403"),
        ("delivery failed", "three", "I/O operation on closed file. (ValueError)"),
    ]


class LeaseIndex:
    """Holds the lease of a runner on another machine."""

    def __init__(self, until: int) -> None:
        self.until = until

    def get(self, **_: Any) -> dict[str, Any]:
        """Return it."""
        source = {"sink": "webhook", "runner": "another", "until": self.until}
        return {"_source": source, "_seq_no": 1, "_primary_term": 1}

    def index(self, **_: Any) -> None:
        """Replace it."""


@pytest.mark.parametrize(("hours", "taken"), [(-0.01, True), (0.5, False), (24 * 365, True)])
def test_lease_of_a_clock_that_was_far_ahead_keeps_nobody_away(hours: float, *, taken: bool) -> None:
    """Whoever wrote it is gone, and would hold up all delivery until that time."""
    client: Any = LeaseIndex(millis_now() + round(hours * 3_600_000))
    assert Lease(client, "state", "webhook", "us", 60).take() is taken


@pytest.mark.servers
def test_alert_waits_for_a_sink_that_only_another_runner_has(run: Running) -> None:
    """For a week after that one was last seen; a sink of ours is ours anyhow."""
    run.runner([], FakeSource())
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
    """It was overtaken between its claim and its alert, which had updated meanwhile."""
    source, overtaking = FakeSource(), FakeSource()
    rules = shipped("brute-force")
    store(deployment, *failures(range(40, 46)), ingested=at(50), first=0)
    before: list[dict[str, Any]] = []

    def overtake() -> None:
        other = run.runner(rules, overtaking)
        run.step(other, overtaking, at(60))
        store(deployment, *failures(range(70, 90), user="admin"), ingested=at(95), first=100)
        run.step(other, overtaking, at(120))
        before.extend(run.alerts())

    run.step(run.runner(rules, source, after_claim=overtake), source, at(60))
    assert run.alerts() == before
    assert before[0]["audit"]["alert"]["count"] == 26
