"""The runner and the people at the desk: what they did stays, and new evidence is told."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import yaml
from audit_alerts import (
    EXAMPLE_MAX,
    Actor,
    Alert,
    AlertDesk,
    AlertFilter,
    AlertSettings,
    AlertStatus,
    CloseReason,
    Step,
    TriageError,
    TriageStep,
    evidence_events,
    silent_example,
)
from audit_alerts.attributes import Example
from audit_alerts.episodes import FiringSpan
from audit_alerts.evidence import Evidence
from audit_alerts.examples import check_examples
from audit_alerts.runner.parts import PARTS_MAX, Part, parts_after
from audit_alerts.runner.runner import Runner
from audit_alerts.runner.sinks import body_of
from audit_query import AuditLog
from audit_schemas import Catalogue
from support.alert_runner import FakeSource, Running, at, failures, running, shipped
from support.servers import Deployment
from support.stored_events import store

pytestmark = pytest.mark.servers

HOUR, DAY = 3600, 86_400
ADA = Actor("Ada")


class Case:
    """One rule, an address that attacks, and a desk."""

    def __init__(self, deployment: Deployment, run: Running, desk: AlertDesk) -> None:
        self.deployment = deployment
        self.run = run
        self.desk = desk
        self.source = FakeSource()
        self.runner: Runner = run.runner(shipped("brute-force"), self.source)
        self.offset = 0

    def attack(self, second: float, count: int = 6, ip: str = "203.0.113.66") -> None:
        """Let there be refused logins from then on, each a second after the other, and a step."""
        found = failures([second + n for n in range(count)], ip)
        when = max(second, getattr(self, "now", 0)) + 20
        store(self.deployment, *found, ingested=at(when), first=self.offset)
        self.offset += count
        self.now = when + 10
        self.run.step(self.runner, self.source, at(self.now))

    def alerts(self) -> list[dict[str, Any]]:
        """Return the documents."""
        return self.run.alerts()

    def found(self, **wanted: Any) -> Sequence[Alert]:
        """Return the alerts that a desk shows a second later."""
        self.run.alert_store.refresh()
        return self.desk.alerts(AlertFilter(**wanted)).alerts

    def sent(self) -> list[dict[str, Any]]:
        """Return what the sink has yet to take, and let it take that."""
        found = self.run.alert_store.pending("webhook").some
        for alert in found:
            self.run.alert_store.delivered(alert, "webhook")
        return [json.loads(body_of(alert.document)) for alert in found]

    def suppressed(self) -> float | None:
        """Return how many alerts the runner's metric says were kept back."""
        of_rule = {"rule": "brute-force", "level": "medium"}
        registry = self.runner._metrics.registry  # noqa: SLF001 - no metrics server runs here
        return registry.get_sample_value("auditlog_alerts_suppressed_total", of_rule)

    def triage(self, step: TriageStep) -> None:
        """Take a step on the one alert there is."""
        (alert,) = self.found(statuses=list(AlertStatus))
        self.desk.triage(alert.id, step, ADA)


@pytest.fixture
def case(deployment: Deployment) -> Iterator[Case]:
    """Give a runner and a desk over the same alerts."""
    with running(deployment) as run:
        settings = AlertSettings(
            elasticsearch_url=deployment.servers.elasticsearch, alerts_index=run.index
        )
        with AlertDesk(settings, clock=lambda: at(2 * DAY)) as desk:
            yield Case(deployment, run, desk)


def test_episodes_of_a_day_are_parts_of_one_alert(case: Case) -> None:
    """Each with its own time and count; two days later begins another alert."""
    for hour in (0, 5, 20, 40, 70):
        case.attack(hour * HOUR)
    first, second = case.alerts()
    parts = first["audit"]["alert"]["parts"]
    assert [part["count"] for part in parts] == [6, 6, 6, 6]
    assert first["audit"]["alert"]["count"] == 24
    assert second["audit"]["alert"]["count"] == 6
    assert len(first["audit"]["alert"]["samples"]) == 10


def test_late_episode_between_two_alerts_makes_them_one(case: Case) -> None:
    """In whatever order they arrive: the same as if it had come in time."""
    case.attack(0)
    case.attack(40 * HOUR)
    assert len(case.alerts()) == 2
    case.attack(20 * HOUR)
    kept, merged = case.alerts()
    assert kept["audit"]["alert"]["count"] == 18
    assert [part["count"] for part in kept["audit"]["alert"]["parts"]] == [6, 6, 6]
    assert merged["audit"]["alert"]["merged_into"] == kept["event"]["id"]


def test_rule_says_how_far_apart_the_episodes_of_an_alert_may_be(case: Case) -> None:
    """Where a day is too long or too short for it."""
    (rule,) = shipped("brute-force")
    case.runner = case.run.runner([replace(rule, alert_span=HOUR * 1000)], case.source)
    for hour in (0, 0.5, 5):
        case.attack(hour * HOUR)
    assert [len(alert["audit"]["alert"]["parts"]) for alert in case.alerts()] == [2, 1]


def test_what_analysts_did_stays_when_the_alert_goes_on(case: Case) -> None:
    """And an acknowledged alert does not open again by it."""
    case.attack(0)
    case.triage(TriageStep(Step.ACKNOWLEDGE))
    case.triage(TriageStep(Step.NOTE, note="I look"))
    case.attack(100)
    case.attack(5 * HOUR)
    (alert,) = case.found()
    assert (alert.status, alert.assignee, alert.count) == (AlertStatus.ACKNOWLEDGED, "Ada", 18)
    assert [entry.action for entry in alert.history] == ["acknowledged", "noted"]


def test_acknowledging_notifies_nobody_twice(case: Case) -> None:
    """A sink that takes an alert while somebody acknowledges it has taken it."""
    case.attack(0)
    (pending,) = case.run.alert_store.pending("webhook").some
    case.triage(TriageStep(Step.ACKNOWLEDGE))
    case.run.alert_store.delivered(pending, "webhook")
    assert not case.run.alert_store.pending("webhook").some


@pytest.mark.parametrize("reason", [CloseReason.TRUE_POSITIVE, CloseReason.FALSE_POSITIVE])
def test_new_evidence_reopens_a_closed_alert_and_says_so(case: Case, reason: CloseReason) -> None:
    """To people in the history, to receivers in the message."""
    case.attack(0)
    assert [sent["message"] for sent in case.sent()] == [case.alerts()[0]["message"]]
    case.triage(TriageStep(Step.CLOSE, reason=reason))
    case.attack(200, count=1)
    (alert,) = case.found()
    assert (alert.status, alert.reason) == (AlertStatus.OPEN, None)
    assert (alert.history[-1].by, alert.history[-1].action) == ("runner", "reopened")
    (sent,) = case.sent()
    assert sent["message"].startswith(f"Reopened, new evidence after Ada closed it as {reason}")
    assert "history" not in sent["audit"]["alert"]


def test_closed_alert_without_new_evidence_stays_closed(case: Case) -> None:
    """Though its step is done once more, by another runner."""
    case.attack(0)
    case.triage(TriageStep(Step.CLOSE, reason=CloseReason.BENIGN))
    again = case.run.runner(shipped("brute-force"), case.source, since=at(-HOUR))
    case.run.client.delete(
        index=f"{case.run.index}-state", id=f"rule-{shipped('brute-force')[0].id}", refresh=True
    )
    case.run.step(again, case.source, at(case.now + 1))
    (alert,) = case.found()
    assert alert.status is AlertStatus.CLOSED


def test_duplicate_stays_closed_until_the_next_episode(case: Case) -> None:
    """Its episode is worked on elsewhere; another one is news."""
    case.attack(0)
    case.triage(TriageStep(Step.CLOSE, reason=CloseReason.DUPLICATE))
    case.attack(100)
    (alert,) = case.found()
    assert (alert.status, alert.count) == (AlertStatus.CLOSED, 12)
    case.attack(10 * HOUR)
    (alert,) = case.found()
    assert alert.status is AlertStatus.OPEN


def excepted(case: Case, hours: float = 49, address_range: str | None = None) -> str:
    """Make an exception for the one alert's address, as if at the second day; return its id."""
    (alert,) = case.found()
    draft = case.desk.exceptions.draft(
        alert,
        ["source.ip"],
        until=at(hours * HOUR),
        because="ours",
        address_range=address_range,
    )
    return case.desk.exceptions.create(draft, ADA, alert).exception.id


def test_exception_keeps_alerts_from_receivers_and_counts_them(case: Case) -> None:
    """Of its address alone; they are stored as suppressed, with the exception that did it."""
    case.attack(-10 * DAY)
    exception = excepted(case)
    case.sent()
    case.attack(0)
    case.attack(10, ip="203.0.113.7")
    assert ["203.0.113.7" in sent["message"] for sent in case.sent()] == [True]
    (suppressed,) = case.found(statuses=["suppressed"])
    assert (suppressed.count, suppressed.exceptions) == (6, (exception,))
    (listed,) = case.desk.exceptions.listed()
    assert (listed.alerts, listed.events, listed.is_in_force) == (1, 6, True)
    assert (listed.exception.by, listed.exception.draft.because) == ("Ada", "ours")


def test_exception_for_a_range_suppresses_its_addresses(case: Case) -> None:
    """Each is an alert of its own, which counts for the exception; those outside of it fire."""
    case.attack(-10 * DAY)
    excepted(case, address_range="203.0.113.0/24")
    case.sent()
    case.attack(0)
    case.attack(10, ip="203.0.113.7")
    case.attack(20, ip="198.51.100.7")
    assert ["198.51.100.7" in sent["message"] for sent in case.sent()] == [True]
    (listed,) = case.desk.exceptions.listed()
    assert (listed.alerts, listed.events) == (2, 12)
    assert case.suppressed() == 2


def test_open_alert_goes_on_in_silence_under_an_exception(case: Case) -> None:
    """It stays open for whoever has it, and nobody is notified of more of it."""
    case.attack(0)
    excepted(case)
    case.sent()
    case.attack(100, count=20)
    (alert,) = case.found()
    assert (alert.status, alert.count) == (AlertStatus.OPEN, 26)
    assert not case.sent()
    (listed,) = case.desk.exceptions.listed()
    assert listed.events == 20


def test_exception_that_expired_or_was_ended_fires_again(case: Case) -> None:
    """The alert that it had suppressed opens, with all its evidence."""
    case.attack(-10 * DAY)
    exception = excepted(case)
    case.attack(47 * HOUR)
    case.sent()
    case.attack(50 * HOUR)  # it has expired
    (sent,) = case.sent()
    assert sent["message"].startswith("Reopened, no exception holds any more")
    assert sent["audit"]["alert"]["count"] == 12
    case.desk.exceptions.end(exception, ADA)
    case.attack(48.5 * HOUR, count=7)  # before its end, but it was ended
    assert case.alerts()[-1]["audit"]["alert"]["suppressed_count"] == 6


def test_preview_names_what_an_exception_would_have_suppressed(case: Case) -> None:
    """Alerts of its rule and its group, of the last 30 days."""
    for days, ip in ((-40, "203.0.113.66"), (-5, "203.0.113.66"), (-5, "203.0.113.7")):
        case.attack(days * DAY, ip=ip)
    alert = case.found(addresses=["203.0.113.66"])[0]
    draft = case.desk.exceptions.draft(alert, until=at(3 * DAY), because="ours")
    preview = case.desk.exceptions.preview(draft)
    assert ([alert.id], True) == ([found.id for found in preview.alerts], preview.is_complete)


def test_many_parts_are_bounded_and_none_is_lost() -> None:
    """The oldest become one, which says of how many it is made."""
    parts: list[Part] = []
    for n in range(PARTS_MAX + 10):
        parts = parts_after(parts, [FiringSpan(n * 10, n * 10, n * 10 + 1, 2)], [Evidence(3, ("e",))])
    assert len(parts) == PARTS_MAX
    assert sum(part.episodes for part in parts) == PARTS_MAX + 10
    assert sum(part.count for part in parts) == 3 * (PARTS_MAX + 10)
    assert parts[0].span.last == 101


def test_evidence_that_a_stalled_runner_saw_does_not_shrink_a_part() -> None:
    """It saw less than is stored."""
    span = FiringSpan(0, 0, 10, 5)
    (part,) = parts_after([Part(span, 9, ("a",))], [span], [Evidence(7, ("b",))])
    assert (part.count, part.samples) == (9, ("a",))


def test_closed_false_positive_becomes_an_example_of_its_rule(case: Case) -> None:
    """Its events, at the same hours: the rule as it is fires on them, so the example is to be met."""
    case.attack(100, count=7)
    case.triage(TriageStep(Step.CLOSE, reason=CloseReason.FALSE_POSITIVE, note="ours: a\nprobe"))
    (alert,) = case.found()
    (rule,) = shipped("brute-force")
    with AuditLog(case.deployment.query) as log:
        events = evidence_events(log, rule, alert, limit=EXAMPLE_MAX)
    (example,) = yaml.safe_load(silent_example(rule, alert, events))
    assert example["says"] == "ours: a probe"
    assert [line["times"] for line in example["events"]] == [7]
    assert example["events"][0]["at"] == "4d8h1m40s"  # a Friday
    kinds = {"fires": [], "silent": [Example.model_validate(example).model_dump()]}
    (failed,) = check_examples(replace(rule, examples={**rule.examples, **kinds}), Catalogue.load())
    assert failed.found == "source.ip=203.0.113.66"
    with pytest.raises(TriageError, match="has none of its events in the log"):
        silent_example(rule, alert, [])
