"""Rules that count by cells, compare with other days or leave out slips, in the runner."""

from datetime import timedelta
from typing import Any

import pytest
from audit_alerts.attributes import milliseconds
from audit_alerts.backfill import backfill_rule
from audit_alerts.evaluate import evaluate
from audit_alerts.examples import BEGIN, example_events
from audit_alerts.plan import Rule
from audit_alerts.times import as_time
from audit_schemas import Catalogue, IndexNaming
from support.alert_runner import FakeSource, running, shipped
from support.servers import Deployment

pytestmark = pytest.mark.servers

CATALOGUE = Catalogue.load()
WHOLE = milliseconds("60d")


def index_example(deployment: Deployment, rule: Rule, kind: str, number: int) -> list[Any]:
    """Index the events of one of a rule's examples, and return them."""
    events = list(example_events(rule, rule.examples[kind][number], CATALOGUE))
    naming = IndexNaming(deployment.name)
    lines: list[Any] = []
    for event in events:
        index = naming.index_of(event["@timestamp"])
        lines += [{"create": {"_index": index, "_id": event["event"]["id"]}}, event]
    with deployment.client() as client:
        assert not client.bulk(operations=lines, refresh=True)["errors"]
    return events


@pytest.mark.parametrize(
    ("name", "kind", "number"),
    [
        ("slow-guessing", "fires", 0),
        ("refused-logins-surge", "fires", 0),
        ("refused-logins-surge", "silent", 0),
        ("brute-force-known-address", "fires", 0),
        ("brute-force", "silent", 4),
        ("unknown-names-shared-address", "silent", 2),
    ],
)
def test_runner_fires_as_the_examples_say(
    deployment: Deployment, name: str, kind: str, number: int
) -> None:
    """The same groups, times and counts as in memory and as a backfill."""
    (rule,) = shipped(name)
    events = index_example(deployment, rule, kind, number)
    expected = evaluate(rule, events)
    assert (kind == "fires") == bool(expected)
    source, end = FakeSource(), as_time(BEGIN + WHOLE)
    with running(deployment) as alerts:
        runner = alerts.runner([rule], source, since=as_time(BEGIN), longest=WHOLE)
        alerts.step(runner, source, end)
        found = [alert["audit"]["alert"] for alert in alerts.alerts()]
        assert expected == backfill_rule(alerts.log, rule, as_time(BEGIN), end + timedelta(days=1))
    assert [(one.key, one.count, one.size) for one in expected] == [
        (alert["group"], alert["count"], alert["size"]) for alert in found
    ]
