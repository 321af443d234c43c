"""OCSF: every document is an event that OCSF itself allows, of the class that the table says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from audit_alerts import CloseReason, Step, TriageStep
from audit_alerts.desk.triage import applied
from audit_forward.forms import form
from audit_forward.forms.ocsf_classes import ACTIVITIES
from audit_schemas import AuditEvent, Catalogue, Place, canonical_ip
from hypothesis import given
from support.event_strategies import events, some
from support.ocsf_facts import complaints
from support.stored_alerts import NOW, made_alert
from support.stored_documents import example, example_names, stored

OCSF = form("ocsf")
PLACE = Place("DE", "Berlin", 52.5, 13.4, 64496, "Example Net")


def ocsf(document: dict[str, Any]) -> dict[str, Any]:
    """Return an event of OCSF, as JSON has it."""
    made: dict[str, Any] = json.loads(json.dumps(OCSF.event(document)))
    return made


def alert(*steps: TriageStep, **more: Any) -> dict[str, Any]:
    """Return an alert, after these steps, as a finding."""
    _, document = made_alert(**more)
    for step in steps:
        document = applied(document, step, "ada", NOW)
    made: dict[str, Any] = json.loads(json.dumps(OCSF.alert(document)))
    return made


def test_table_has_each_shipped_activity() -> None:
    """A new activity gets its class with the change that adds it."""
    assert set(Catalogue.load()) == set(ACTIVITIES)


@pytest.mark.parametrize("name", example_names())
def test_each_example_is_what_ocsf_allows(name: str) -> None:
    """The contract's own examples, of each activity at least one."""
    document = example(name, PLACE)
    made = ocsf(document)
    activity = ACTIVITIES[document["event"]["action"]]
    assert complaints(made) == []
    assert (activity.ocsf_class.uid, activity.id) == (made["class_uid"], made["activity_id"])


@some
@given(events())
def test_every_event_of_the_contract_is_allowed_and_nothing_of_it_is_lost(event: AuditEvent) -> None:
    """Also those without what their activity requires; what OCSF has no attribute for is `unmapped`."""
    made = ocsf(stored(event))
    assert complaints(made) == []
    found = set(_values(made))
    assert [] == [path for path, value in _published(event) if value not in found]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("role-granted", {"privileges": None}),
        ("login", {"service": None}),
        ("login", {"user": {"type_id": 1}}),
        ("login", {"class_name": "Login"}),
        ("login", {"src_endpoint": {"ip": "here"}}),
        ("login", {"status_id": 3}),
        ("login", {"type_uid": 300202}),
        ("chat-opened", {"metadata": {"version": "1.8.0", "product": {"name": "auditlog"}}}),
        ("audit-log-exported", {"http_request": {"user_agent": "curl"}}),
    ],
)
def test_what_ocsf_does_not_allow_is_found(name: str, change: dict[str, Any]) -> None:
    """The facts that the other tests hold events to are facts."""
    made = {key: value for key, value in (ocsf(example(name)) | change).items() if value is not None}
    assert complaints(made) != []


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("login", "user.uid", "u-17"),
        ("login", "src_endpoint.location.country", "DE"),
        ("login", "src_endpoint.autonomous_system.number", 64496),
        ("login-failed", "status_id", 2),
        ("login-failed-empty-name", "user.name", "unknown"),
        ("login-failed-empty-name", "service.name", "unknown"),
        ("user-created", "actor.user.uid", "u-17"),
        ("user-created", "user.uid", "u-23"),
        ("user-changed", "activity_name", "user-changed"),
        ("role-granted", "privileges", ["supervisor"]),
        ("role-revoked", "status_detail", "the last supervisor stays"),
        ("chat-assigned-to-user", "web_resources.0.data.assignee.uid", "u-23"),
        ("every-field", "web_resources", [{"type": "chat", "uid": "c-9001", "name": "Invoice 4711"}]),
        ("every-field", "metadata.event_code", "chat-opened"),
        ("every-field", "metadata.tenant_uid", "acme"),
        ("every-field", "metadata.original_event_uid", "0192f0c1-4a00-7000-8000-000000000017"),
        ("every-field", "time", 1795426200123),
        ("every-field", "unmapped.labels.queue", "billing"),
        ("audit-log-deleted", "log_name", "audit-events-2024.11"),
        ("audit-log-exported", "log_name", "audit-log"),
        ("audit-log-refused", "service.name", "audit-log"),
        ("alert-closed", "web_resources.0.uid", "5a1a91fe9c7b4f1f8d0a3c2e1b6f7b4d"),
        ("audit-view-deleted", "web_resources.0.name", "Failed log-ins today"),
    ],
)
def test_fields_stand_where_ocsf_has_them(name: str, path: str, value: object) -> None:
    """The attributes that a receiver asks for first."""
    assert value == _at(ocsf(example(name, PLACE)), path)


def test_own_activity_of_a_deployment_is_another_one_on_a_web_resource() -> None:
    """It is never refused, and keeps its name and what its catalogue says of it."""
    document = example("login") | {"service": {"name": "billing"}}
    document["event"] |= {"action": "invoice.refunded", "category": ["web"], "type": ["change"]}
    made = ocsf(document)
    assert complaints(made) == []
    assert (6001, 99, "invoice.refunded") == tuple(
        made[name] for name in ("class_uid", "activity_id", "activity_name")
    )
    assert [{"type": "service", "name": "billing"}] == made["web_resources"]
    assert ["web"] == made["unmapped"]["event.category"]


def test_system_itself_is_an_actor_of_its_kind() -> None:
    """A person who calls themselves so is not."""
    document = example("user-deleted")
    document["audit"]["actor"] = {"kind": "system"}
    document["user"] = {"target": {"id": "u-23"}}
    assert {"type_id": 3, "name": "system"} == ocsf(document)["actor"]["user"]
    document["audit"]["actor"] = {"kind": "user"}
    document["user"] = {"name": "system", "target": {"id": "u-23"}}
    assert {"type_id": 1, "name": "system"} == ocsf(document)["actor"]["user"]


@pytest.mark.parametrize(
    ("name", "actor", "user"),
    [("login", "u-17", "u-99"), ("password-changed", "u-17", "u-17"), ("user-created", "u-17", "u-23")],
)
def test_who_acts_as_another_stays_the_actor(name: str, actor: str, user: str) -> None:
    """The account acted as is the user, unless it was done to a third."""
    document = example(name)
    document["user"]["effective"] = {"id": "u-99", "name": "grace"}
    made = ocsf(document)
    assert complaints(made) == []
    assert (actor, user) == (made["actor"]["user"]["uid"], made["user"]["uid"])
    assert "grace" in set(_values(made))


def test_document_in_an_unexpected_shape_still_has_an_answer() -> None:
    """A form never holds up a stream."""
    odd: list[dict[str, Any]] = [
        {},
        {"event": None, "user": "ada", "audit": [], "labels": None},
        {"@timestamp": "yesterday", "event": {"action": "login", "id": 7}, "source": {"ip": "here"}},
        {"event": {"action": "chat-opened"}, "source": {"ip": "192.0.2.1", "as": {}, "geo": {}}},
    ]
    for document in odd:
        assert complaints(ocsf(document)) == []


@pytest.mark.parametrize(
    ("steps", "activity", "state"),
    [
        ((), 1, 1),
        ((TriageStep(Step.ACKNOWLEDGE),), 2, 2),
        ((TriageStep(Step.NOTE, note="looked at it"),), 2, 1),
        ((TriageStep(Step.CLOSE, reason=CloseReason.FALSE_POSITIVE),), 3, 4),
    ],
)
def test_alert_is_a_finding_that_is_created_updated_and_closed(
    steps: tuple[TriageStep, ...], activity: int, state: int
) -> None:
    """Each state is an event of its own, of one finding."""
    made = alert(*steps, organizations=("acme",))
    assert complaints(made) == []
    assert (2004, activity, state) == (made["class_uid"], made["activity_id"], made["status_id"])
    assert alert()["finding_info"]["uid"] == made["finding_info"]["uid"]
    assert "looked at it" not in json.dumps(made)


def test_states_of_one_alert_can_be_told_apart() -> None:
    """A receiver drops what it has seen by `metadata.uid`, and nothing else."""
    steps = [TriageStep(Step.ACKNOWLEDGE), TriageStep(Step.CLOSE, reason=CloseReason.BENIGN)]
    uids = [alert(*steps[:number])["metadata"]["uid"] for number in range(3)]
    assert 3 == len(set(uids))


def test_finding_says_what_is_known_of_it() -> None:
    """Severity, technique, evidence, verdict."""
    close = TriageStep(Step.CLOSE, reason=CloseReason.TRUE_POSITIVE)
    made = alert(close)
    assert 3 <= made["severity_id"] <= 4
    assert {"technique": {"uid": "T1110"}, "sub_technique": {"uid": "T1110.001"}} in made[
        "finding_info"
    ]["attacks"]
    assert {"src_endpoint": {"ip": "203.0.113.66"}} in made["evidences"]
    assert 2 == made["verdict_id"]
    assert "brute-force" == made["finding_info"]["analytic"]["name"]


def test_merged_alert_is_a_closed_finding() -> None:
    """It goes on as another, which it names."""
    _, document = made_alert()
    document["audit"]["alert"] |= {"status": "merged", "merged_into": "a" * 32}
    made = OCSF.alert(document)
    assert isinstance(made, dict)
    assert complaints(made) == []
    assert (3, "a" * 32) == (made["activity_id"], made["unmapped"]["audit.alert.merged_into"])


def _published(event: AuditEvent) -> Iterator[tuple[str, object]]:
    """Yield each value that was published, as OCSF writes it."""
    written = event.model_dump(mode="json", by_alias=True, exclude_none=True)
    written["event"].pop("outcome", None)
    written["audit"].pop("actor")
    if ip := written.get("source", {}).get("ip"):
        written["source"]["ip"] = canonical_ip(ip)
    yield from _paths(written)


def _paths(value: Any, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, path)
    elif value != "":
        yield path, value


def _values(value: Any) -> Iterator[object]:
    return (found for _, found in _paths(value))


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value[int(name) if name.isdigit() else name]
    return value
