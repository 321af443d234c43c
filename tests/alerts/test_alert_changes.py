"""What a step does to alerts, done again after it was done in part."""

from typing import Any

from audit_alerts.episodes import FiringSpan
from audit_alerts.evidence import Evidence
from audit_alerts.matches import GroupValues
from audit_alerts.runner.alert import Circumstances, new_alert, updated_alert
from audit_alerts.runner.changes import AlertChange, AlertTarget, targets_of
from audit_alerts.runner.stored_alert import StoredAlert
from support.alert_runner import at, millis, shipped

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


def alert_at(hour: int) -> StoredAlert:
    """Return an alert of one episode."""
    target = AlertTarget(GROUP, (span_at(hour),), (), None, ())
    alert_id, document = new_alert(AlertChange(target, (evidence_of(hour),)), GIVEN)
    return StoredAlert(alert_id, document, 1, 1)


def joined_by(hour: int, *existing: StoredAlert) -> dict[str, Any] | None:
    """Return what the alert that stays becomes when an episode joins these."""
    spans = {GROUP: [span_at(hour)]}
    (target,) = targets_of({GROUP: existing}, spans, 600_000, RULE.alert_span)
    assert target.existing is existing[0]
    change = AlertChange(target, (evidence_of(hour),))
    return updated_alert(existing[0].document, change, GIVEN)


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
