"""What a step does to alerts: done again after it was done in part, and which it takes in."""

from dataclasses import replace
from typing import Any

from audit_alerts.episodes import FiringSpan
from audit_alerts.evidence import Evidence
from audit_alerts.matches import GroupValues
from audit_alerts.plan import Rule
from audit_alerts.runner.alert import Circumstances, new_alert, updated_alert
from audit_alerts.runner.alert_store import AlertStore
from audit_alerts.runner.changes import AlertChange, AlertTarget, targets_of
from audit_alerts.runner.stored_alert import StoredAlert
from support.alert_runner import at, millis, shipped
from support.shipped_rules import shipped_rules

GROUP: GroupValues = ("203.0.113.66",)
HOUR = 3_600_000
(RULE,) = shipped("brute-force")
GIVEN = Circumstances(RULE, "v", "http://localhost:8484", at(0), ["webhook"])


def span_at(hour: int) -> FiringSpan:
    """Return an episode so many hours after the beginning."""
    first = millis(at(0)) + hour * HOUR
    return FiringSpan(first, first, first + 5000, 6)


def evidence_of(hour: int) -> Evidence:
    """Return its evidence: six events."""
    return Evidence(6, tuple(f"e-{hour}-{number}" for number in range(6)))


def alert_at(hour: int, rule: Rule = RULE) -> StoredAlert:
    """Return an alert of one episode."""
    target = AlertTarget(GROUP, (span_at(hour),), (), None, ())
    alert_id, document = new_alert(AlertChange(target, (evidence_of(hour),)), replace(GIVEN, rule=rule))
    return StoredAlert(alert_id, document, 1, 1)


def joined_by(hour: int, *existing: StoredAlert) -> dict[str, Any] | None:
    """Return what the alert that stays becomes when an episode joins these."""
    spans = {GROUP: [span_at(hour)]}
    (target,) = targets_of({GROUP: existing}, spans, 600_000, RULE.alert_span)
    assert target.existing is existing[0]
    change = AlertChange(target, (evidence_of(hour),))
    return updated_alert(existing[0].document, change, GIVEN)


class Stored:
    """An index of alerts, as a step of some seconds asks for it."""

    def __init__(self, *alerts: StoredAlert) -> None:
        self.alerts = alerts
        self.merged: dict[str, str] = {}
        self.indices = self

    def refresh(self, **_: Any) -> None:
        """Do nothing."""

    def search(self, query: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the alerts of the rules that are asked for, in order of their ids."""
        filters = query["bool"]["filter"]
        rules = [name for each in filters for name in each.get("terms", {}).get("rule.name", ())]
        found = [each for each in self.alerts if each.document["rule"]["name"] in rules]
        hits = [
            {"_id": each.id, "_source": each.document, "_seq_no": 1, "_primary_term": 1}
            for each in sorted(found, key=lambda each: each.id)
        ]
        return {"hits": {"total": {"value": len(hits)}, "hits": hits}}

    def index(self, document: dict[str, Any], **_: Any) -> None:
        """Note which alert is a part of which."""
        if into := document["audit"]["alert"].get("merged_into"):
            self.merged[document["event"]["id"]] = into


def test_an_alert_includes_what_is_near_itself_whatever_else_is_in_the_step() -> None:
    """A step that catches up, or has late events, is about several days."""
    names = ("success-after-failures", "brute-force")
    rules = {rule.name: rule for rule in shipped_rules()}
    including, included = (rules[name] for name in names)
    ours = [alert_at(hour, including) for hour in (0, 240)]
    theirs = [alert_at(hour, included) for hour in (1, 120, 239)]
    client: Any = Stored(*ours, *theirs)
    spans = {GROUP: [span_at(0), span_at(240)]}
    targets = targets_of({GROUP: ours}, spans, 600_000, including.alert_span)
    changes = [AlertChange(target, (Evidence(0, ()),)) for target in targets]
    AlertStore(client, "alerts", "", list).record(including, "v", changes)
    assert client.merged == {theirs[0].id: ours[0].id, theirs[2].id: ours[1].id}


def test_a_merge_that_was_cut_short_counts_nothing_twice() -> None:
    """The alert that stays was stored, and the other one, which an analyst changed, was not merged."""
    first, second = alert_at(0), alert_at(40)
    joined = joined_by(20, first, second)
    assert joined is not None
    assert joined["audit"]["alert"]["count"] == 18
    assert joined_by(20, StoredAlert(first.id, joined, 2, 1), second) is None
    again = joined_by(21, StoredAlert(first.id, joined, 2, 1), second)
    assert again is not None
    assert [part["count"] for part in again["audit"]["alert"]["parts"]] == [6, 6, 6, 6]
    assert again["audit"]["alert"]["count"] == 24
