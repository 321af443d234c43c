"""Rules whose alerts include those of others: one attacker is one case."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from audit_alerts.errors import RuleRefusedError
from audit_alerts.inclusion import linked
from audit_alerts.plan import Rule
from support.alert_cases import correlation, rule_of
from support.alert_runner import FakeSource, Running, at, failures, running, shipped
from support.servers import Deployment
from support.stored_events import store


def rule(name: str, *includes: str, level: str = "medium", group: str = "source.ip") -> Rule:
    """Return a rule that includes others."""
    made = rule_of(correlation(group_by=(group,)))
    return replace(made, name=name, includes=includes, level=level)


def by_name(*rules: Rule) -> dict[str, Rule]:
    """Return them as they are loaded."""
    return {each.name: each for each in rules}


def test_a_rule_includes_what_its_rules_include() -> None:
    """And each knows by which it is included."""
    found = linked(by_name(rule("large", "small"), rule("small", "tiny"), rule("tiny"), rule("other")))
    assert ("small", "tiny") == found["large"].includes
    assert ("large", "small") == found["tiny"].included_by
    assert () == found["other"].includes == found["other"].included_by


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ((rule("a", "b"),), "there is no rule b"),
        ((rule("a", "b"), rule("b", "a")), "would include itself"),
        ((rule("a", "b"), rule("b", group="user.id")), "b groups by other fields"),
        ((rule("a", "b"), rule("b", level="high")), "b has a higher level"),
    ],
)
def test_what_would_hide_alerts_is_refused(rules: tuple[Rule, ...], why: str) -> None:
    """With a reason."""
    with pytest.raises(RuleRefusedError, match=why):
        linked(by_name(*rules))


@pytest.fixture
def run(deployment: Deployment) -> Iterator[Running]:
    """Give what runs rules."""
    with running(deployment) as found:
        yield found


@pytest.mark.servers
def test_an_alert_is_part_of_the_one_that_includes_it(deployment: Deployment, run: Running) -> None:
    """While that is open; afterwards new evidence is news."""
    source = FakeSource()
    runner = run.runner(shipped("brute-force", "success-after-failures"), source)

    def step(
        number: int, *seconds: float, user: str = "root", action: str = "login-failed"
    ) -> dict[str, tuple[str, int]]:
        events = failures(seconds, user=user, action=action)
        store(deployment, *events, ingested=at(number), first=1000 * number)
        run.step(runner, source, at(number + 1))
        found = {alert["rule"]["name"]: alert["audit"]["alert"] for alert in run.alerts()}
        assert len(found) == len(run.alerts())
        return {name: (alert["status"], alert["count"]) for name, alert in found.items()}

    assert {"brute-force": ("open", 12)} == step(100, *range(12))
    assert {"brute-force": ("merged", 12), "success-after-failures": ("open", 13)} == step(
        200, 60, action="login"
    )
    included, including = run.alerts()
    assert "brute-force" == included["rule"]["name"]
    assert including["event"]["id"] == included["audit"]["alert"]["merged_into"]
    assert "merged" == included["audit"]["alert"]["history"][-1]["action"]
    # Another name: the one that was let in does not count any more.
    notices = included["audit"]["alert"]["notices"]
    grown = step(300, *(100.0 + n for n in range(30)), user="admin")
    assert ("merged", 42) == grown["brute-force"]
    assert notices == run.alerts()[0]["audit"]["alert"]["notices"]
    closed = {"audit": {"alert": {"status": "closed"}}}
    run.client.update(index=run.index, id=including["event"]["id"], doc=closed)
    later = step(6000, *(5000.0 + n for n in range(5)), user="admin")
    assert {"brute-force": ("open", 47), "success-after-failures": ("closed", 43)} == later
