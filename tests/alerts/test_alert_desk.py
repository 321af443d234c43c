"""The desk over stored alerts: what is read, who may see it, and what happens at a step of triage."""

from collections.abc import Iterator
from typing import Any

import pytest
from audit_alerts import (
    Actor,
    AlertConflictError,
    AlertDesk,
    AlertFilter,
    AlertStatus,
    CloseReason,
    NoSuchAlertError,
    Step,
    TriageError,
    TriageStep,
)
from audit_query import ParameterError
from support.alert_runner import at
from support.api_client import Published
from support.servers import Deployment
from support.stored_alerts import alert_settings, made_alert, stored_alerts

pytestmark = pytest.mark.servers

ADA, BEN = Actor("Ada", "192.0.2.1"), Actor("Ben", "192.0.2.2", "acme")


@pytest.fixture
def published() -> Published:
    """Give what the desk publishes."""
    return Published()


@pytest.fixture
def desk(deployment: Deployment, published: Published) -> Iterator[AlertDesk]:
    """Give a desk with four alerts: of an address twice, of another, and of acme's."""
    with stored_alerts(
        deployment,
        made_alert(),
        made_alert(minutes=10, users=("Ben",)),
        made_alert("brute-force", "203.0.113.7", minutes=20),
        made_alert("inhuman-chat-closing", "acme", "Cleo", minutes=30, users=()),
        publish=published,
    ) as found:
        yield found


def times(desk: AlertDesk, **wanted: Any) -> list[int]:
    """Return the minutes of the alerts that fit, in their order."""
    found = desk.alerts(AlertFilter(**wanted)).alerts
    return [round((alert.first - at(0)).total_seconds() / 60) for alert in found]


def test_alerts_are_found_by_each_filter(desk: AlertDesk) -> None:
    """Newest first; of a filter's values any, of several filters all."""
    assert times(desk) == [30, 20, 10, 0]
    assert times(desk, addresses=["203.0.113.66"]) == [10, 0]
    assert times(desk, addresses=["203.0.113.0/26"]) == [20]
    assert times(desk, users=["Ada", "Cleo"]) == [30, 20, 0]
    assert times(desk, users=["Ada"], addresses=["203.0.113.66"]) == [0]
    assert times(desk, rules=["inhuman-chat-closing"]) == [30]
    assert times(desk, start=at(600), end=at(1200)) == [10]
    assert times(desk, organizations=["acme"]) == [30]
    assert times(desk, statuses=["closed"]) == []
    assert times(desk, assignees=["none"]) == [30, 20, 10, 0]


@pytest.mark.parametrize("wrong", [{"levels": ["x"]}, {"statuses": [""]}, {"addresses": ["a b"]}])
def test_filter_that_means_nothing_is_an_error(wrong: Any) -> None:
    """It would find nothing, and look like calm."""
    with pytest.raises(ParameterError):
        AlertFilter(**wrong)


def test_pages_have_every_alert_once(desk: AlertDesk) -> None:
    """In both orders."""
    for order in ("newest", "worst"):
        first = desk.alerts(size=3, order=order)
        assert (len(first.alerts), first.total) == (3, 4)
        rest = desk.alerts(size=3, order=order, after=first.cursor)
        assert rest.cursor is None
        assert len({alert.id for alert in (*first.alerts, *rest.alerts)}) == 4
    with pytest.raises(ParameterError):
        desk.alerts(after="bm9wZQ")


def test_related_alerts_are_those_of_the_same_address_and_user(desk: AlertDesk) -> None:
    """Less the alert itself."""
    newest = desk.alerts().alerts
    related = desk.related(newest[3])
    assert [alert.id for alert in related.of_addresses] == [newest[2].id]
    assert [alert.id for alert in related.of_users] == [newest[1].id]


def test_open_alerts_are_counted_by_level(desk: AlertDesk) -> None:
    """Those that somebody acknowledged are not over yet; closed ones are."""
    before = desk.open_by_level()
    assert sum(before.values()) == 4
    alerts = desk.alerts(AlertFilter(rules=["brute-force"])).alerts
    desk.triage(alerts[0].id, TriageStep(Step.ACKNOWLEDGE), ADA)
    desk.triage(alerts[1].id, TriageStep(Step.CLOSE, reason=CloseReason.BENIGN), ADA)
    assert sum(desk.open_by_level().values()) == 3


def test_there_are_no_alerts_where_no_runner_made_an_index(deployment: Deployment) -> None:
    """Not an error: the runner is optional."""
    with AlertDesk(alert_settings(deployment)) as desk:
        assert desk.alerts().alerts == []
        assert sum(desk.open_by_level().values()) == 0
        assert desk.user_marks(["Ada"]) == {}
        with pytest.raises(NoSuchAlertError):
            desk.alert("x")


def test_an_organizations_people_see_their_own_alerts_alone(deployment: Deployment) -> None:
    """Theirs are those of their group, and those whose whole evidence is theirs."""
    alerts = (
        made_alert("inhuman-chat-closing", "acme", "Cleo"),
        made_alert(minutes=1, organizations=("acme",), sole_organization="acme"),
        made_alert(minutes=2, organizations=("acme",)),  # and events of nobody
        made_alert(minutes=3, organizations=("acme", "globex")),
        made_alert(minutes=4, organizations=("globex",), sole_organization="globex"),
    )
    with stored_alerts(deployment, *alerts) as desk:
        acme = desk.for_organization("acme")
        assert {alert.id for alert in acme.alerts().alerts} == {alerts[0][0], alerts[1][0]}
        assert sum(acme.open_by_level().values()) == 2
        assert acme.related(acme.alert(alerts[1][0])).of_addresses == []
        for alert_id, _ in alerts[2:]:
            with pytest.raises(NoSuchAlertError):
                acme.alert(alert_id)
            with pytest.raises(NoSuchAlertError):
                acme.triage(alert_id, TriageStep(Step.ACKNOWLEDGE), BEN)


def test_each_step_is_in_the_history_and_published(desk: AlertDesk, published: Published) -> None:
    """Who, when and what; the event says so too, with the alert and its rule."""
    alert_id = desk.alerts().alerts[0].id
    steps = [
        TriageStep(Step.ACKNOWLEDGE),
        TriageStep(Step.ASSIGN, assignee="Cleo", note="yours?"),
        TriageStep(Step.CLOSE, reason=CloseReason.FALSE_POSITIVE),
        TriageStep(Step.NOTE, note="see the ticket"),
        TriageStep(Step.REOPEN),
    ]
    for step in steps:
        assert desk.triage(alert_id, step, BEN).is_recorded
    alert = desk.alert(alert_id)
    assert (alert.status, alert.assignee, alert.reason) == (AlertStatus.OPEN, "Cleo", None)
    actions = ["acknowledged", "assigned", "closed", "noted", "reopened"]
    assert [entry.action for entry in alert.history] == actions
    assert {entry.by for entry in alert.history} == {"Ben"}
    assert [event["action"] for event in published.events] == [f"alert-{name}" for name in actions]
    closed = published.events[2]
    assert (closed["user"], closed["ip"], closed["organization"]) == (
        {"name": "Ben"},
        "192.0.2.2",
        "acme",
    )
    assert closed["labels"]["alert"] == alert_id
    assert closed["labels"]["close-reason"] == "false-positive"


def test_the_later_of_two_is_told_who_did_what(desk: AlertDesk) -> None:
    """And nothing of the first one's step is overwritten."""
    alert = desk.alerts().alerts[0]
    seen = alert.version
    desk.triage(alert.id, TriageStep(Step.CLOSE, reason=CloseReason.TEST, version=seen), ADA)
    late = TriageStep(Step.CLOSE, reason=CloseReason.TRUE_POSITIVE, version=seen)
    with pytest.raises(
        AlertConflictError, match="Meanwhile Ada closed it as test at 2026-11-20"
    ) as told:
        desk.triage(alert.id, late, BEN)
    assert told.value.alert == alert.id
    with pytest.raises(AlertConflictError, match="Ada closed it as test"):
        desk.triage(alert.id, TriageStep(Step.ACKNOWLEDGE), BEN)
    assert desk.alert(alert.id).reason is CloseReason.TEST
    assert len(desk.alert(alert.id).history) == 1


def test_many_are_triaged_each_by_itself(desk: AlertDesk) -> None:
    """One that fails does not hold up the rest."""
    first, second, *_ = desk.alerts().alerts
    desk.triage(first.id, TriageStep(Step.CLOSE, reason=CloseReason.TEST), ADA)
    steps = dict.fromkeys((first.id, second.id, "none"), TriageStep(Step.ACKNOWLEDGE))
    done = desk.triage_all(steps, BEN)
    assert [type(each.error) for each in done] == [AlertConflictError, type(None), NoSuchAlertError]
    assert desk.alert(second.id).assignee == "Ben"
    with pytest.raises(TriageError):
        desk.triage_all(dict.fromkeys(map(str, range(201)), TriageStep(Step.ACKNOWLEDGE)), BEN)


def test_a_step_whose_event_was_not_published_says_so(deployment: Deployment) -> None:
    """It is stored all the same."""

    def away(*_: object, **__: object) -> None:
        raise OSError

    with stored_alerts(deployment, made_alert(), publish=away) as desk:
        done = desk.triage(made_alert()[0], TriageStep(Step.ACKNOWLEDGE), ADA)
        assert not done.is_recorded
        assert desk.alert(done.id).status is AlertStatus.ACKNOWLEDGED


def test_marks_are_of_the_events_and_users_that_alerts_concern(desk: AlertDesk) -> None:
    """Events of the group within the alert's time, and users of open alerts."""

    def event(name: str, minute: float, ip: str) -> dict[str, Any]:
        stamp = at(60 * minute).isoformat().replace("+00:00", "Z")
        return {"@timestamp": stamp, "event": {"id": name}, "source": {"ip": ip}}

    events = [
        event("within", 0.05, "203.0.113.66"),
        event("later", 5, "203.0.113.66"),
        event("other", 0.05, "203.0.113.7"),
        event("e-20-1", 20, "192.0.2.1"),
    ]
    marks = desk.event_marks(events)
    assert set(marks) == {"within", "e-20-1"}
    assert marks["within"][0].rule == "brute-force"
    assert len(desk.user_marks(["Ada", "Nobody"])["Ada"]) == 2
