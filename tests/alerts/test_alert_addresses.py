"""An address is one source, however those who publish spell it."""

from collections.abc import Iterator

import pytest
from audit_alerts.backfill import backfill_rule
from audit_alerts.evaluate import evaluate
from support.alert_cases import event
from support.alert_runner import FakeSource, Running, at, failures, running, shipped
from support.servers import Deployment
from support.shipped_rules import shipped_rules
from support.stored_events import store

SPELLINGS = {
    # Node.js says so of every IPv4 client of a socket that takes both families.
    "::ffff:203.0.113.66": "203.0.113.66",
    "::FFFF:cb00:7143": "203.0.113.67",
    "2001:DB8::66": "2001:db8::66",
    "2001:db8:0:0:0:0:0:67": "2001:db8::67",
    "2001:0db8::0068": "2001:db8::68",
    "::1.2.3.4": "::102:304",
}


@pytest.fixture
def run(deployment: Deployment) -> Iterator[Running]:
    """Give what runs rules."""
    with running(deployment) as found:
        yield found


@pytest.mark.servers
def test_an_attack_from_an_address_in_any_spelling_is_found(
    deployment: Deployment, run: Running
) -> None:
    """Elasticsearch groups by its own spelling, whose events are looked for in the log."""
    rules, source = shipped("brute-force"), FakeSource()
    runner = run.runner(rules, source)
    events = [
        failure
        for written, shown in SPELLINGS.items()
        for failure in (*failures(range(50, 53), written), *failures(range(53, 56), shown))
    ]
    store(deployment, *events, ingested=at(59), first=0)
    run.step(runner, source, at(60))
    expected = [(shown, 6) for shown in sorted(SPELLINGS.values())]
    alerts = run.alerts()
    assert expected == sorted(
        (alert["source"]["ip"], alert["audit"]["alert"]["count"]) for alert in alerts
    )
    episodes = backfill_rule(run.log, rules[0], at(0), at(60))
    assert expected == sorted((*episode.group, episode.count) for episode in episodes)


def test_two_spellings_are_one_address() -> None:
    """Nobody becomes many by writing themselves in many ways, nor slips through between two."""
    rules = {rule.name: rule for rule in shipped_rules()}
    spelt = ["203.0.113.66", "::ffff:203.0.113.66", "::ffff:cb00:7142"]
    events = [event(n, "login-failed", number=n, source__ip=spelt[n % 3]) for n in range(9)]
    (alert,) = evaluate(rules["brute-force"], events)
    assert (("203.0.113.66",), 9) == (alert.group, alert.count)
    several = [f"{before}203.0.113.{last}" for last in range(5) for before in ("", "::ffff:")]
    same = [
        event(n, "login-failed", number=n, source__ip=ip, audit__source__network="203.0.113.0/24")
        for n, ip in enumerate(several)
    ]
    assert not evaluate(rules["credential-stuffing-network"], same)
