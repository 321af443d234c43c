"""Steps of the runner over real documents, with a bound that the test sets."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from audit_alerts.errors import AlertError
from audit_alerts.hits import in_millis
from audit_alerts.plan import Rule
from audit_alerts.runner import book
from audit_alerts.runner.look import Finding
from audit_alerts.runner.runner import Runner
from audit_alerts.runner.state import RuleState, RuleStates
from audit_producer.build import new_event
from audit_schemas import AuditEvent, format_timestamp
from elastic_transport import Transport
from support.alert_runner import (
    START,
    FakeBound,
    Running,
    at,
    failures,
    millis,
    running,
    shipped,
    told,
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


RULES = ("brute-force", "success-after-failures", "password-spraying", "user-from-several-networks")


def test_a_backlog_fires_exactly_what_a_live_run_fires(deployment: Deployment, run: Running) -> None:
    """Two hours live, two minutes at a time; and the same two hours, seen at once afterwards."""
    rules, events = shipped(*RULES), morning()
    bound = FakeBound()
    live = run.runner(rules, bound)
    offset = 0
    for minute in range(2, 121, 2):
        due = [e for e in events if offset_of(e, minute)]
        if due:
            store(deployment, *due, ingested=at(60 * minute - 1), first=offset)
            offset += len(due)
        run.step(live, bound, at(60 * minute))
    late = f"{run.index}-late"
    caught = run.runner(rules, bound, index=late)
    run.step(caught, bound, at(7200))
    assert told(run.alerts(late)) == told(run.alerts())
    names = {alert["rule"]["name"] for alert in run.alerts()}
    assert {"brute-force", "success-after-failures", "password-spraying"} <= names


def offset_of(event: AuditEvent, minute: int) -> bool:
    """Tell whether an event happened in the two minutes before."""
    second = in_millis(event.timestamp) - millis(START)
    return 60_000 * (minute - 2) <= second < 60_000 * minute


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_arrival_changes_nothing(deployment: Deployment, run: Running, seed: int) -> None:
    """Events that come hours late, in any order, end in the same alerts."""
    rules, events = shipped(*RULES), morning()
    shuffled = events.copy()
    random.Random(seed).shuffle(shuffled)
    bound = FakeBound()
    runner = run.runner(rules, bound)
    for number in range(6):
        part = shuffled[number::6]
        store(deployment, *part, ingested=at(7200 + 60 * number + 1), first=1000 * number)
        run.step(runner, bound, at(7200 + 60 * (number + 1)))
    at_once = f"{run.index}-once"
    run.step(run.runner(rules, bound, index=at_once), bound, at(9000))
    assert told(run.alerts()) == told(run.alerts(at_once))


def test_attack_that_straddles_a_step_is_one_alert(deployment: Deployment, run: Running) -> None:
    """Three failures before the edge and three after are no less than six."""
    bound = FakeBound()
    runner = run.runner(shipped("brute-force"), bound)
    store(deployment, *failures([50, 52, 54]), ingested=at(59), first=0)
    run.step(runner, bound, at(60))
    assert not run.alerts()
    store(deployment, *failures([62, 64, 66]), ingested=at(70), first=3)
    run.step(runner, bound, at(120))
    (alert,) = run.alerts()
    assert alert["audit"]["alert"]["count"] == 6
    assert alert["event"]["start"] == format_timestamp(at(50))


def test_alert_that_lasts_for_hours_is_one(deployment: Deployment, run: Running) -> None:
    """It grows; receivers hear of it again only when it has doubled."""
    bound = FakeBound()
    runner = run.runner(shipped("brute-force"), bound)
    for number in range(15):
        seconds = [300 * number + 30 * n for n in range(10)]
        store(deployment, *failures(seconds), ingested=at(300 * (number + 1) - 1), first=10 * number)
        run.step(runner, bound, at(300 * (number + 1)))
    (alert,) = run.alerts()
    shown = alert["audit"]["alert"]
    assert shown["count"] == 150
    assert len(shown["samples"]) == 10
    assert shown["revision"] >= 15
    assert alert["source"]["ip"] == "203.0.113.66"
    assert alert["related"]["user"] == ["root"]
    assert "ip=203.0.113.66" in shown["link"]
    assert "activity=login-failed" in shown["link"]


def test_late_events_that_bridge_two_alerts_make_them_one(deployment: Deployment, run: Running) -> None:
    """The earlier stays; the other says what it became a part of."""
    bound = FakeBound()
    runner = run.runner(shipped("brute-force"), bound)
    store(deployment, *failures(range(0, 60, 10)), ingested=at(60), first=0)
    store(deployment, *failures(range(1500, 1560, 10)), ingested=at(1560), first=6)
    run.step(runner, bound, at(1600))
    first, second = run.alerts()
    store(deployment, *failures(range(300, 1400, 60)), ingested=at(1650), first=12)
    run.step(runner, bound, at(1700))
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
    bound = FakeBound()
    store(deployment, *failures(range(0, 60, 10), "198.51.100.1"), ingested=at(60), first=0)
    store(deployment, *failures(range(3600, 9000, 60)), ingested=at(9000), first=10)
    runner = run.runner(shipped("brute-force"), bound, since=None)
    run.step(runner, bound, at(9100))
    assert not run.alerts()
    store(deployment, *failures([9110]), ingested=at(9111), first=500)
    run.step(runner, bound, at(9200))
    (alert,) = run.alerts()
    assert alert["event"]["start"] == format_timestamp(at(3600))
    assert alert["audit"]["alert"]["count"] == 91


def test_nothing_is_seen_past_the_bound(deployment: Deployment, run: Running) -> None:
    """What came after it is left to the next step, though it can be found."""
    bound = FakeBound()
    runner = run.runner(shipped("brute-force"), bound)
    store(deployment, *failures([1, 2, 3]), ingested=at(10), first=0)
    store(deployment, *failures([4, 5, 6]), ingested=at(50), first=3)
    run.step(runner, bound, at(30))
    assert not run.alerts()
    run.step(runner, bound, at(60))
    assert len(run.alerts()) == 1


def test_silence_is_found_and_lasts_until_the_next_event(deployment: Deployment, run: Running) -> None:
    """Half an hour without an event, of a service that is busy on this weekday."""
    week = 7 * 86_400
    events = [
        new_event("login", user="u", service="chat-api", at=at(week * d + 60 * minute))
        for d in range(3)
        for minute in range(180 if d < 2 else 20)
    ]
    bound = FakeBound()
    store(deployment, *events, ingested=at(2 * week + 1200), first=0)
    runner = run.runner(shipped("log-fell-silent"), bound, since=at(2 * week))
    run.step(runner, bound, at(2 * week + 2700))
    assert not run.alerts()
    for minute in range(50, 70):
        run.step(runner, bound, at(2 * week + 60 * minute))
    (alert,) = run.alerts()
    assert alert["event"]["start"] == format_timestamp(at(2 * week + 19 * 60))
    assert alert["audit"]["alert"]["last"] == format_timestamp(at(2 * week + 69 * 60))
    back = new_event("login", user="u", service="chat-api", at=at(2 * week + 69.5 * 60))
    store(deployment, back, ingested=at(2 * week + 70 * 60 - 20), first=5000)
    run.step(runner, bound, at(2 * week + 70 * 60))
    run.step(runner, bound, at(2 * week + 71 * 60))
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
    bound = FakeBound()
    bound.records = [(taken, letter(n, n, "invalid")) for n in range(60)]
    bound.records += [(taken, letter(n * 800, 100 + n, "malformed")) for n in range(100)]
    runner = run.runner(shipped("dead-letter-flood"), bound)
    run.step(runner, bound, at(90_060))
    (alert,) = run.alerts()
    assert alert["audit"]["alert"]["group"] == "audit.errors.reason=invalid"
    assert alert["audit"]["alert"]["count"] == 60


def test_a_rule_that_fails_holds_up_itself_alone(
    deployment: Deployment, run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others fire, the error is raised, and the rule catches up once it can."""
    bound = FakeBound()
    runner = run.runner(shipped("brute-force", "password-spraying"), bound)
    events = [e for n in range(12) for e in failures([n], "203.0.113.80", f"user-{n}")]
    store(deployment, *events, ingested=at(20), first=0)
    look = Runner._found  # noqa: SLF001 - what a broken rule would break

    def broken(self: Runner, rule: Rule, covered: int, upto: int) -> Finding:
        if rule.name == "brute-force":
            raise AlertError("broken")
        return look(self, rule, covered, upto)

    monkeypatch.setattr(Runner, "_found", broken)
    for _ in range(2):
        with pytest.raises(AlertError, match="broken"):
            run.step(runner, bound, at(30))
        assert names_of(run) == ["password-spraying"]
    monkeypatch.undo()
    run.step(runner, bound, at(30))
    assert names_of(run) == ["brute-force", "password-spraying"]


def names_of(run: Running) -> list[str]:
    """Return the rules that have fired."""
    return sorted(alert["rule"]["name"] for alert in run.alerts())


def test_state_of_all_rules_takes_few_requests(
    deployment: Deployment, run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rules there are: read together, claimed together, done together."""
    bound = FakeBound()
    runner = run.runner(shipped(*RULES), bound)
    run.step(runner, bound, at(1))
    events = [e for n in range(12) for e in failures([n], "203.0.113.80", f"user-{n}")]
    store(deployment, *events, ingested=at(20), first=0)
    asked: list[str] = []
    perform = Transport.perform_request

    def noted(self: Transport, method: str, target: str, **given: Any) -> Any:
        asked.append(target.partition("?")[0])
        return perform(self, method, target, **given)

    monkeypatch.setattr(Transport, "perform_request", noted)
    run.step(runner, bound, at(30))
    monkeypatch.undo()
    assert len(names_of(run)) == 2
    about_state = [target for target in asked if "-state/" in target]
    assert about_state == [
        f"/{run.index}-state/{what}"
        for what in ("_doc/seen", "_doc/seen", "_mget", "_bulk", "_bulk", "_mget")
    ]


def test_state_that_another_has_written_since_is_not_overwritten(run: Running) -> None:
    """Of many that are written together, just these are refused; a beginning likewise."""
    run.runner([], FakeBound())
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
    monkeypatch.setattr(book, "_PAGE", 4)
    bound = FakeBound()
    runner = run.runner(shipped("brute-force"), bound)
    hours = range(9)
    attacks = [e for n in hours for e in failures([3600 * n + k for k in range(6)])]
    store(deployment, *attacks, ingested=at(40_000), first=0)
    run.step(runner, bound, at(40_001))
    more = [e for n in hours for e in failures([3600 * n + 7])]
    store(deployment, *more, ingested=at(40_010), first=100)
    covered = run.step(runner, bound, at(40_020))
    assert covered is not None
    assert (covered.new, covered.grown) == (0, 9)
    assert [alert["audit"]["alert"]["count"] for alert in run.alerts()] == [7] * 9


def test_events_that_became_visible_too_late_are_looked_at(
    deployment: Deployment, run: Running
) -> None:
    """A consumer's clock was behind: their time had been covered before they could be found."""
    bound = FakeBound()
    rules = shipped(*RULES)
    store(deployment, *failures([-100], "203.0.113.1"), ingested=at(30), first=0)
    run.step(run.runner(rules, bound), bound, at(60))
    store(deployment, *failures([40, 41, 42, 43, 44]), ingested=at(55), first=10)
    fresh = run.runner(rules, bound)  # what was seen is kept, also for a run --once
    late = run.step(fresh, bound, at(120))
    assert late is not None
    assert (late.late, late.new) == (5, 1)
    again = run.step(fresh, bound, at(180))
    assert again is not None
    assert (again.late, again.new, again.grown) == (0, 0, 0)
    (alert,) = run.alerts()
    assert alert["audit"]["alert"]["count"] == 5


def test_log_that_is_gone_is_not_an_empty_one(deployment: Deployment, run: Running) -> None:
    """Rules wait for it, and cover nothing meanwhile."""
    bound = FakeBound()
    runner = run.runner(shipped("brute-force"), bound)
    run.step(runner, bound, at(1))  # no event yet: that is no reason to wait
    store(deployment, *failures([2, 3]), ingested=at(10), first=0)
    run.step(runner, bound, at(20))
    run.client.indices.delete(index=f"{deployment.name}-2026.11")
    with pytest.raises(AlertError, match="there is no index of events any more"):
        run.step(runner, bound, at(1000))
    store(deployment, *failures(range(30, 36)), ingested=at(900), first=10)
    run.step(runner, bound, at(1010))
    assert len(run.alerts()) == 1
