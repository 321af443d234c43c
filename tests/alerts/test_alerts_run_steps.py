"""Steps of the runner over real documents, with a watermark that the test sets."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from audit_alerts.errors import AlertError
from audit_alerts.plan import Rule
from audit_alerts.runner import alert_store, pool
from audit_alerts.runner.changes import AlertChange
from audit_alerts.runner.runner import Runner
from audit_alerts.runner.state import RuleState, RuleStates
from audit_alerts.times import in_millis
from audit_producer.build import new_event
from audit_schemas import AuditEvent, format_timestamp
from elastic_transport import Transport
from support.alert_runner import (
    START,
    FakeSource,
    Running,
    at,
    failures,
    millis,
    running,
    shipped,
    summaries,
)
from support.servers import Deployment
from support.stored_events import store

pytestmark = pytest.mark.servers


@pytest.fixture
def run(deployment: Deployment) -> Iterator[Running]:
    """Give what runs rules."""
    with running(deployment) as found:
        yield found


def morning() -> list[AuditEvent]:
    """Two hours in which several rules fire, among people who log in."""
    rng = random.Random(7)
    calm = [
        new_event("login", user=f"u-{n % 9}", ip=f"192.0.2.{n % 9}", at=at(rng.uniform(0, 7200)))
        for n in range(60)
    ]
    slips = [
        event
        for n in range(20)
        for event in failures([rng.uniform(0, 7200)], f"192.0.2.{n % 9}", f"u-{n % 9}")
    ]
    attacks = [
        *failures(range(600, 700, 7), "203.0.113.66"),
        *failures(range(3590, 3622, 3), "203.0.113.67"),
        *failures(range(5000, 5900, 50), "2001:db8::9"),
        *failures([5950], "2001:db8::9", "admin", "login"),
        *(e for n in range(12) for e in failures([6000 + n], "203.0.113.80", f"user-{n}")),
    ]
    found = [*calm, *slips, *attacks]
    return sorted(found, key=lambda event: event.timestamp)


_STEP_MINUTES = 6
RULES = ("brute-force", "success-after-failures", "password-spraying", "user-from-several-networks")


def test_a_backlog_fires_exactly_what_a_live_run_fires(deployment: Deployment, run: Running) -> None:
    """Two hours live, six minutes at a time; and the same two hours, found at once afterwards."""
    rules, events = shipped(*RULES), morning()
    source = FakeSource()
    live = run.runner(rules, source)
    offset = 0
    for minute in range(_STEP_MINUTES, 121, _STEP_MINUTES):
        due = [e for e in events if offset_of(e, minute)]
        if due:
            store(deployment, *due, ingested=at(60 * minute - 1), first=offset)
            offset += len(due)
        run.step(live, source, at(60 * minute))
    late = f"{run.index}-late"
    caught = run.runner(rules, source, index=late)
    run.step(caught, source, at(7200))
    assert summaries(run.alerts(late)) == summaries(run.alerts())
    names = {alert["rule"]["name"] for alert in run.alerts()}
    assert {"brute-force", "success-after-failures", "password-spraying"} <= names


def offset_of(event: AuditEvent, minute: int) -> bool:
    """Tell whether an event happened in the step before."""
    second = in_millis(event.timestamp) - millis(START)
    return 60_000 * (minute - _STEP_MINUTES) <= second < 60_000 * minute


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_arrival_changes_nothing(deployment: Deployment, run: Running, seed: int) -> None:
    """Events that come hours late, in any order, end in the same alerts."""
    rules, events = shipped(*RULES), morning()
    shuffled = events.copy()
    random.Random(seed).shuffle(shuffled)
    source = FakeSource()
    runner = run.runner(rules, source)
    for number in range(6):
        part = shuffled[number::6]
        store(deployment, *part, ingested=at(7200 + 60 * number + 1), first=1000 * number)
        run.step(runner, source, at(7200 + 60 * (number + 1)))
    at_once = f"{run.index}-once"
    run.step(run.runner(rules, source, index=at_once), source, at(9000))
    assert summaries(run.alerts()) == summaries(run.alerts(at_once))


def test_attack_that_straddles_a_step_is_one_alert(deployment: Deployment, run: Running) -> None:
    """Three failures before the edge and three after are no less than six."""
    source = FakeSource()
    runner = run.runner(shipped("brute-force"), source)
    store(deployment, *failures([50, 52, 54]), ingested=at(59), first=0)
    run.step(runner, source, at(60))
    assert not run.alerts()
    store(deployment, *failures([62, 64, 66]), ingested=at(70), first=3)
    run.step(runner, source, at(120))
    (alert,) = run.alerts()
    assert alert["audit"]["alert"]["count"] == 6
    assert alert["event"]["start"] == format_timestamp(at(50))


def test_alert_that_lasts_for_hours_is_one(deployment: Deployment, run: Running) -> None:
    """It grows; receivers hear of it again only when it has doubled."""
    source = FakeSource()
    runner = run.runner(shipped("brute-force"), source)
    for number in range(5):
        seconds = [300 * number + 30 * n for n in range(10)]
        store(deployment, *failures(seconds), ingested=at(300 * (number + 1) - 1), first=10 * number)
        run.step(runner, source, at(300 * (number + 1)))
    (alert,) = run.alerts()
    shown = alert["audit"]["alert"]
    assert shown["count"] == 50
    assert len(shown["samples"]) == 10
    assert shown["revision"] >= 5
    assert alert["source"]["ip"] == "203.0.113.66"
    assert alert["related"]["user"] == ["root"]
    assert "ip=203.0.113.66" in shown["link"]
    assert "activity=login-failed" in shown["link"]


def test_late_events_that_bridge_two_alerts_make_them_one(deployment: Deployment, run: Running) -> None:
    """The earlier stays; the other says what it became a part of."""
    source = FakeSource()
    (rule,) = shipped("brute-force")
    runner = run.runner([replace(rule, alert_span=1)], source)
    store(deployment, *failures(range(0, 60, 10)), ingested=at(60), first=0)
    store(deployment, *failures(range(1500, 1560, 10)), ingested=at(1560), first=6)
    run.step(runner, source, at(1600))
    first, second = run.alerts()
    store(deployment, *failures(range(300, 1400, 60)), ingested=at(1650), first=12)
    run.step(runner, source, at(1700))
    kept, merged = run.alerts()
    assert kept["event"]["id"] == first["event"]["id"]
    assert kept["audit"]["alert"]["count"] == 6 + 6 + 19
    assert merged["event"]["id"] == second["event"]["id"]
    assert merged["audit"]["alert"]["status"] == "merged"
    assert merged["audit"]["alert"]["merged_into"] == first["event"]["id"]
    assert merged["audit"]["alert"]["pending"] == ["webhook"]


def test_new_rule_begins_now_and_sees_what_an_attack_that_lasts_began_with(
    deployment: Deployment, run: Running
) -> None:
    """Nothing of the past fires; what is under way is shown from its beginning."""
    source = FakeSource()
    store(deployment, *failures(range(0, 60, 10), "198.51.100.1"), ingested=at(60), first=0)
    store(deployment, *failures(range(3600, 9000, 60)), ingested=at(9000), first=10)
    runner = run.runner(shipped("brute-force"), source, since=None)
    run.step(runner, source, at(9100))
    assert not run.alerts()
    store(deployment, *failures([9110]), ingested=at(9111), first=500)
    run.step(runner, source, at(9200))
    (alert,) = run.alerts()
    assert alert["event"]["start"] == format_timestamp(at(3600))
    assert alert["audit"]["alert"]["count"] == 91


def test_nothing_is_found_past_the_watermark(deployment: Deployment, run: Running) -> None:
    """What came after it is left to the next step, though it can be found."""
    source = FakeSource()
    runner = run.runner(shipped("brute-force"), source)
    store(deployment, *failures([1, 2, 3]), ingested=at(10), first=0)
    store(deployment, *failures([4, 5, 6]), ingested=at(50), first=3)
    run.step(runner, source, at(30))
    assert not run.alerts()
    run.step(runner, source, at(60))
    assert len(run.alerts()) == 1


def test_silence_is_found_and_lasts_until_the_next_event(deployment: Deployment, run: Running) -> None:
    """Half an hour without an event, of a service that is busy on this weekday."""
    week = 7 * 86_400
    events = [
        new_event("login", user="u", service="chat-api", at=at(week * d + 60 * minute))
        for d in range(3)
        for minute in range(180 if d < 2 else 20)
    ]
    source = FakeSource()
    store(deployment, *events, ingested=at(2 * week + 1200), first=0)
    runner = run.runner(shipped("log-fell-silent"), source, since=at(2 * week))
    run.step(runner, source, at(2 * week + 2700))
    assert not run.alerts()
    for minute in (50, 51, 60, 69):
        run.step(runner, source, at(2 * week + 60 * minute))
    (alert,) = run.alerts()
    assert alert["event"]["start"] == format_timestamp(at(2 * week + 19 * 60))
    assert alert["audit"]["alert"]["last"] == format_timestamp(at(2 * week + 69 * 60))
    back = new_event("login", user="u", service="chat-api", at=at(2 * week + 69.5 * 60))
    store(deployment, back, ingested=at(2 * week + 70 * 60 - 20), first=5000)
    run.step(runner, source, at(2 * week + 70 * 60))
    run.step(runner, source, at(2 * week + 71 * 60))
    (alert,) = run.alerts()
    assert alert["audit"]["alert"]["last"] == format_timestamp(
        at(2 * week + 69.5 * 60) - timedelta(milliseconds=1)
    )


def test_dead_letters_make_an_alert_by_when_they_were_received(run: Running) -> None:
    """A flood is one, whenever it was noticed; what was spread over a day is none."""

    def letter(second: float, offset: int, reason: str) -> dict[str, str]:
        return {
            "audit.errors.reason": reason,
            "audit.errors.received": format_timestamp(at(second)),
            "__connect.errors.topic": "t",
            "__connect.errors.partition": "0",
            "__connect.errors.offset": str(offset),
        }

    taken = millis(at(90_000))
    source = FakeSource()
    source.records = [(taken, letter(n, n, "invalid")) for n in range(60)]
    source.records += [(taken, letter(n * 800, 100 + n, "malformed")) for n in range(100)]
    runner = run.runner(shipped("dead-letter-flood"), source)
    run.step(runner, source, at(90_060))
    (alert,) = run.alerts()
    assert alert["audit"]["alert"]["group"] == "audit.errors.reason=invalid"
    assert alert["audit"]["alert"]["count"] == 60


def test_a_rule_that_fails_holds_up_itself_alone(
    deployment: Deployment, run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others fire, the error is raised, and the rule catches up once it can."""
    source, runner = names_guessed(deployment, run)
    evaluate = Runner._evaluate_rule  # noqa: SLF001 - what a broken rule would break

    def broken(self: Runner, rule: Rule, covered: int, upto: int) -> tuple[AlertChange, ...]:
        if rule.name == "brute-force":
            raise AlertError("broken")
        return evaluate(self, rule, covered, upto)

    monkeypatch.setattr(Runner, "_evaluate_rule", broken)
    for _ in range(2):
        with pytest.raises(AlertError, match="broken"):
            run.step(runner, source, at(30))
        assert names_of(run) == ["password-spraying"]
    monkeypatch.undo()
    run.step(runner, source, at(30))
    assert names_of(run) == ["brute-force", "password-spraying"]


def test_a_rule_that_takes_long_holds_up_no_alert_of_the_others(
    deployment: Deployment, run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Theirs are stored, and their states are written, while it is still being evaluated."""
    source, runner = names_guessed(deployment, run)
    monkeypatch.setattr(pool, "_TOGETHER_SECONDS", 0.0)
    evaluate = Runner._evaluate_rule  # noqa: SLF001 - what a slow rule would slow down
    others = threading.Event()

    def slow(self: Runner, rule: Rule, covered: int, upto: int) -> tuple[AlertChange, ...]:
        if rule.name == "brute-force":
            assert others.wait(60), "the other rule's step ended"
        return evaluate(self, rule, covered, upto)

    note = Runner._note_done  # noqa: SLF001 - the last thing that a step does

    def noted(self: Runner, done: Any) -> None:
        note(self, done)
        if [step.rule.name for step in done] == ["password-spraying"]:
            others.set()

    monkeypatch.setattr(Runner, "_evaluate_rule", slow)
    monkeypatch.setattr(Runner, "_note_done", noted)
    run.step(runner, source, at(30))
    assert names_of(run) == ["brute-force", "password-spraying"]


def names_guessed(deployment: Deployment, run: Running) -> tuple[FakeSource, Runner]:
    """Return a runner of two rules, over guesses that both fire on."""
    source = FakeSource()
    events = [e for n in range(12) for e in failures([n], "203.0.113.80", f"user-{n}")]
    store(deployment, *events, ingested=at(20), first=0)
    return source, run.runner(shipped("brute-force", "password-spraying"), source)


def names_of(run: Running) -> list[str]:
    """Return the rules that have fired."""
    return sorted(alert["rule"]["name"] for alert in run.alerts())


@contextmanager
def requests_noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Give the paths of the requests to Elasticsearch that are sent meanwhile."""
    asked: list[str] = []
    perform = Transport.perform_request

    def noted(self: Transport, method: str, target: str, **given: Any) -> Any:
        asked.append(target.partition("?")[0])
        return perform(self, method, target, **given)

    with monkeypatch.context() as patch:
        patch.setattr(Transport, "perform_request", noted)
        yield asked


def test_many_groups_take_no_more_searches_than_one(
    deployment: Deployment, run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events, existing alerts and evidence are read for all groups together."""
    source = FakeSource()
    runner = run.runner(shipped("brute-force"), source)
    searches = []
    for number, attackers in enumerate((1, 30)):
        ips = [f"203.0.113.{100 * number + n}" for n in range(attackers)]
        begin = 1200 * number
        attacks = [event for ip in ips for event in failures(range(begin, begin + 6), ip)]
        store(deployment, *attacks, ingested=at(begin + 10), first=1000 * number)
        with requests_noted(monkeypatch) as asked:
            run.step(runner, source, at(begin + 20))
        searches.append(sum(path.endswith("/_search") for path in asked))
        assert len(run.alerts()) == 1 + 30 * number
    assert searches[0] == searches[1]


def test_state_of_all_rules_takes_few_requests(
    deployment: Deployment, run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rules there are: read together, claimed together, done together."""
    monkeypatch.setattr(pool, "_TOGETHER_SECONDS", 60.0)  # whatever else the machine does
    source = FakeSource()
    runner = run.runner(shipped(*RULES), source)
    run.step(runner, source, at(1))
    events = [e for n in range(12) for e in failures([n], "203.0.113.80", f"user-{n}")]
    store(deployment, *events, ingested=at(20), first=0)
    with requests_noted(monkeypatch) as asked:
        run.step(runner, source, at(30))
    assert len(names_of(run)) == 2
    claim = asked.index(f"/{run.index}-state/_bulk")
    assert f"/{deployment.name}/_search" in asked[:claim]
    assert f"/{deployment.name}/_search" not in asked[claim:]  # evidence was read before the claim
    about_state = [target for target in asked if "-state/" in target]
    assert about_state == [
        f"/{run.index}-state/{what}"
        for what in (*["_doc/visible-count"] * 2, "_mget", "_bulk", "_bulk", "_mget")
    ]


def test_time_of_a_rule_s_steps_follows_the_last_ones() -> None:
    """The first is taken as it is; one that lasts long moves the mean by an eighth."""
    state = RuleState("a", "v", 10, 20).done(80)
    assert (state.covered, state.step_millis) == (20, 80)
    assert state.claimed(30, "v").done(880).step_millis == 180


def test_state_that_another_has_written_since_is_not_overwritten(run: Running) -> None:
    """Of many that are written together, just these are refused; a beginning likewise."""
    run.runner([], FakeSource())
    states = RuleStates(run.client, f"{run.index}-state")
    first = [RuleState(name, "v", 10, None) for name in ("a", "b")]
    known = states.write(first)
    assert states.write(first) == [None, None]
    a, b = states.read(["a", "b", "c"]).values()
    assert [a, b] == known
    assert states.write([a.claimed(20, "v")]) != [None]
    written = states.write([a.claimed(30, "v"), b.claimed(30, "v")])
    assert [state is None for state in written] == [True, False]
    assert [state.upto for state in states.read(["a", "b"]).values()] == [20, 30]


def test_alerts_of_more_than_one_answer_are_all_known(
    deployment: Deployment, run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is made anew because it did not fit: its group would never be done with."""
    monkeypatch.setattr(alert_store, "_PAGE", 4)
    source = FakeSource()
    (rule,) = shipped("brute-force")
    runner = run.runner([replace(rule, alert_span=1)], source)
    hours = range(9)
    attacks = [e for n in hours for e in failures([3600 * n + k for k in range(6)])]
    store(deployment, *attacks, ingested=at(40_000), first=0)
    run.step(runner, source, at(40_001))
    more = [e for n in hours for e in failures([3600 * n + 7])]
    store(deployment, *more, ingested=at(40_010), first=100)
    covered = run.step(runner, source, at(40_020))
    assert covered is not None
    assert (covered.new, covered.updated) == (0, 9)
    assert [alert["audit"]["alert"]["count"] for alert in run.alerts()] == [7] * 9


def test_events_that_became_visible_too_late_are_looked_at(
    deployment: Deployment, run: Running
) -> None:
    """A consumer's clock was behind: their time had been covered before they could be found."""
    source = FakeSource()
    rules = shipped(*RULES)
    store(deployment, *failures([-100], "203.0.113.1"), ingested=at(30), first=0)
    run.step(run.runner(rules, source), source, at(60))
    store(deployment, *failures([40, 41, 42, 43, 44]), ingested=at(55), first=10)
    fresh = run.runner(rules, source)  # what was seen is kept, also for a run --once
    late = run.step(fresh, source, at(120))
    assert late is not None
    assert (late.late, late.new) == (5, 1)
    again = run.step(fresh, source, at(180))
    assert again is not None
    assert (again.late, again.new, again.updated) == (0, 0, 0)
    (alert,) = run.alerts()
    assert alert["audit"]["alert"]["count"] == 5


def test_log_that_is_gone_is_not_an_empty_one(deployment: Deployment, run: Running) -> None:
    """Rules wait for it, and cover nothing meanwhile."""
    source = FakeSource()
    runner = run.runner(shipped("brute-force"), source)
    run.step(runner, source, at(1))  # no event yet: that is no reason to wait
    store(deployment, *failures([2, 3]), ingested=at(10), first=0)
    run.step(runner, source, at(20))
    run.client.indices.delete(index=f"{deployment.name}-2026.11")
    with pytest.raises(AlertError, match="there is no index of events any more"):
        run.step(runner, source, at(1000))
    store(deployment, *failures(range(30, 36)), ingested=at(900), first=10)
    run.step(runner, source, at(1010))
    assert len(run.alerts()) == 1
