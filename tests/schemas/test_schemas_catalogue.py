"""The activity catalogue: what ships, what a deployment adds, and what an activity must come with."""

import json
from pathlib import Path
from typing import Any

import pytest
from audit_schemas import (
    Activity,
    AuditEvent,
    Catalogue,
    CatalogueError,
    EventRefusedError,
    Reason,
    decode,
)
from support.event_strategies import CATALOGUE, MINIMAL

SEED = ("chat-opened", "chat-assigned-to-user", "user-joined-to-chat", "chat-closed")


def event_of(action: str, **more: Any) -> AuditEvent:
    """Return the least event, of this activity, with some fields replaced or added."""
    outcome = more.pop("outcome", None)
    event = {**MINIMAL["event"], "action": action, "outcome": outcome}
    return decode(json.dumps({**MINIMAL, "event": event, **more}).encode())


def refusal_of(event: AuditEvent, catalogue: Catalogue = CATALOGUE) -> EventRefusedError:
    """Return why an event is refused."""
    with pytest.raises(EventRefusedError) as caught:
        catalogue.settle(event)
    return caught.value


def own(folder: Path, text: str) -> Path:
    """Write a deployment's catalogue."""
    path = folder / "own.toml"
    path.write_text(text, "utf-8")
    return path


def error_of(path: Path) -> str:
    """Return why a deployment's catalogue can't be used."""
    with pytest.raises(CatalogueError) as caught:
        Catalogue.load(path)
    return str(caught.value)


def test_shipped_catalogue_starts_with_the_seeds_activities() -> None:
    """Chats first, logins among the rest."""
    assert SEED == tuple(CATALOGUE)[:4]
    assert {"login", "logout", "login-failed"} <= set(CATALOGUE)
    assert len(CATALOGUE) == len(list(CATALOGUE))


@pytest.mark.parametrize(
    ("action", "category", "kind", "outcome"),
    [
        *((action, [], [], "success") for action in SEED),
        ("login", ["authentication"], ["start"], "success"),
        ("login-failed", ["authentication"], ["start"], "failure"),
        ("logout", ["authentication"], ["end"], "success"),
        ("settings-changed", ["configuration"], ["change"], "success"),
        ("password-changed", ["iam"], ["change", "user"], "success"),
        ("password-reset-requested", ["iam"], ["info", "user"], "success"),
        ("user-created", ["iam"], ["creation", "user"], "success"),
        ("user-changed", ["iam"], ["change", "user"], "success"),
        ("user-deleted", ["iam"], ["deletion", "user"], "success"),
        ("role-granted", ["iam"], ["change", "user"], "success"),
        ("role-revoked", ["iam"], ["change", "user"], "success"),
        ("audit-log-searched", ["database"], ["access"], "success"),
        ("audit-log-exported", ["database"], ["access"], "success"),
        ("audit-log-deleted", ["database"], ["deletion"], "success"),
        ("audit-log-signed-in", ["authentication"], ["start"], "success"),
        ("audit-log-signed-out", ["authentication"], ["end"], "success"),
        ("audit-log-refused", ["authentication"], ["denied"], "failure"),
        ("alert-acknowledged", ["intrusion_detection"], ["info"], "success"),
        ("alert-assigned", ["intrusion_detection"], ["info"], "success"),
        ("alert-closed", ["intrusion_detection"], ["info"], "success"),
        ("alert-reopened", ["intrusion_detection"], ["info"], "success"),
        ("alert-noted", ["intrusion_detection"], ["info"], "success"),
        ("alert-exception-created", ["configuration"], ["creation"], "success"),
        ("alert-exception-ended", ["configuration"], ["deletion"], "success"),
        ("audit-view-created", ["configuration"], ["creation"], "success"),
        ("audit-view-changed", ["configuration"], ["change"], "success"),
        ("audit-view-deleted", ["configuration"], ["deletion"], "success"),
    ],
)
def test_activity_has_its_ecs_category_and_type(
    action: str, category: list[str], kind: list[str], outcome: str
) -> None:
    """ECS fixes the words; where none fits they stay empty."""
    found = CATALOGUE[action]
    assert (category, kind, outcome) == (found.category, found.type, found.outcome)
    assert found.description.endswith(".")


def test_deployments_file_adds_activities(tmp_path: Path) -> None:
    """With no code, and nothing of the shipped ones lost."""
    text = (
        '[activities.coffee-made]\ndescription = "Coffee."\nrequires = ["labels"]\noutcome = "unknown"'
    )
    catalogue = Catalogue.load(own(tmp_path, text))
    assert {*CATALOGUE, "coffee-made"} == set(catalogue)
    expected = Activity(description="Coffee.", requires=["labels"], outcome="unknown")
    assert expected == catalogue["coffee-made"]
    assert "labels: is missing; coffee-made requires it" == str(
        refusal_of(event_of("coffee-made"), catalogue)
    )
    settled = catalogue.settle(event_of("coffee-made", labels={"beans": "arabica"}))
    assert "unknown" == settled.event.outcome
    assert "coffee-made" not in Catalogue.load()


def test_shipped_catalogue_cannot_be_changed() -> None:
    """Every component sees the same one."""
    with pytest.raises(TypeError):
        CATALOGUE.activities["login"] = CATALOGUE["logout"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("not = = toml", "is not TOML: Invalid value (at line 1, column 7)"),
        ("", "activities: Field required"),
        ("colour = 1\n[activities]", "colour: is not a key of a catalogue or an activity"),
        ("[activities.x]", "activities.x.description: Field required"),
        (
            '[activities.x]\ndescription = "X."\ncolour = "red"',
            "activities.x.colour: is not a key of a catalogue or an activity",
        ),
        (
            '[activities.x]\ndescription = "X."\nrequires = ["chat.id"]',
            "activities.x.requires: chat.id is not a field of an event",
        ),
        (
            '[activities.login]\ndescription = "Mine."',
            "login is already in the shipped catalogue, whose meaning is fixed: choose another name",
        ),
    ],
)
def test_faulty_catalogue_is_refused_in_one_sentence(tmp_path: Path, text: str, problem: str) -> None:
    """It names the file, the place and the fault."""
    path = own(tmp_path, text)
    assert f"{path}: {problem}" == error_of(path)


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ('category = ["chat"]', "category.0: Input should be 'api', 'authentication'"),
        ('type = ["begin"]', "type.0: Input should be 'access', 'admin'"),
        ('outcome = "ok"', "outcome: Input should be 'success', 'failure' or 'unknown'"),
    ],
)
def test_word_that_ecs_lacks_is_refused(tmp_path: Path, line: str, where: str) -> None:
    """The sentence lists the words that there are."""
    path = own(tmp_path, f'[activities.x]\ndescription = "X."\n{line}')
    message = error_of(path)
    assert message.startswith(f"{path}: activities.x.{where}")
    assert "\n" not in message


@pytest.mark.parametrize("name", ["has been opened", "x" * 129, "-x"])
def test_name_that_no_event_can_have_is_refused(tmp_path: Path, name: str) -> None:
    """An activity's name follows the pattern of event.action."""
    path = own(tmp_path, f'[activities."{name}"]\ndescription = "X."')
    assert error_of(path).startswith(f"{path}: activities.{name}: String should match pattern")


def test_missing_file_is_named(tmp_path: Path) -> None:
    """An operator's typing error says what is missing."""
    path = tmp_path / "none.toml"
    assert f"{path}: can't be read: No such file or directory" == error_of(path)


def test_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    """Binary rubbish is no traceback."""
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xff\xfe")
    assert f"{path}: is not UTF-8 text" == error_of(path)


@pytest.mark.parametrize(("action", "outcome"), [("login", "success"), ("login-failed", "failure")])
def test_default_outcome_is_filled_in(action: str, outcome: str) -> None:
    """What the publisher leaves out is the activity's own."""
    event = event_of(action)
    settled = CATALOGUE.settle(event)
    assert outcome == settled.event.outcome
    assert event.event.outcome is None
    assert event.event == settled.event.model_copy(update={"outcome": None})


def test_given_outcome_is_kept() -> None:
    """The publisher knows better than the catalogue."""
    event = event_of("login", outcome="failure")
    assert event == CATALOGUE.settle(event)


def test_unknown_activity_is_refused_with_the_way_to_mend_it() -> None:
    """It waits in the dead letters until the catalogue has learned it."""
    refusal = refusal_of(event_of("coffee-made"))
    assert (Reason.UNKNOWN_ACTIVITY, "event.action") == (refusal.reason, refusal.path)
    assert str(refusal).endswith("add it to the file that AUDITLOG_CATALOGUE names")


@pytest.mark.parametrize(
    ("action", "more", "path"),
    [
        ("chat-opened", {}, "audit.chat.id"),
        ("chat-opened", {"audit": {"chat": {}}}, "audit.chat.id"),
        ("chat-assigned-to-user", {"audit": {"chat": {"id": "c"}}}, "user.target"),
        ("settings-changed", {"audit": {"chat": {"id": "c"}}}, "audit.changes"),
        ("role-granted", {"user": {"id": "u", "target": {"id": "v"}}}, "user.target.roles"),
    ],
)
def test_missing_context_is_named(action: str, more: dict[str, Any], path: str) -> None:
    """Without it nobody could tell what the event was about."""
    refusal = refusal_of(event_of(action, **more))
    assert (Reason.MISSING_CONTEXT, path) == (refusal.reason, refusal.path)
    assert f"{path}: is missing; {action} requires it" == str(refusal)


@pytest.mark.parametrize("user", [None, {}, {"email": "a@example.org"}, {"target": {"id": "u-2"}}])
def test_person_has_to_be_named(user: dict[str, Any] | None) -> None:
    """By id or by name."""
    refusal = refusal_of(event_of("login", user=user))
    assert (Reason.MISSING_CONTEXT, "user") == (refusal.reason, refusal.path)


@pytest.mark.parametrize("user", [{"id": "u-1"}, {"name": "Ada"}, {"name": ""}])
def test_empty_name_is_a_name_that_someone_typed(user: dict[str, str]) -> None:
    """A failed login with an empty name is a login all the same."""
    assert "failure" == CATALOGUE.settle(event_of("login-failed", user=user)).event.outcome


def test_system_needs_no_user() -> None:
    """It acts in its own name."""
    event = event_of("logout", user=None, audit={"actor": {"kind": "system"}})
    assert "success" == CATALOGUE.settle(event).event.outcome


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("user-created", {"user": {"id": "u-1", "target": {}}}),
        ("settings-changed", {"audit": {"changes": []}}),
        ("chat-opened", {"audit": {"chat": {}}}),
    ],
)
def test_context_that_says_nothing_is_missing(action: str, more: dict[str, Any]) -> None:
    """An account that is nobody's, a change of nothing: the object is there, and empty."""
    assert Reason.MISSING_CONTEXT == refusal_of(event_of(action, **more)).reason


def test_path_inside_a_list_can_not_be_required(tmp_path: Path) -> None:
    """There may be none of it or several: such an activity would refuse all its events."""
    own = tmp_path / "own.toml"
    own.write_text('[activities.a]\ndescription = "x"\nrequires = ["audit.changes.field"]\n')
    with pytest.raises(CatalogueError, match=r"audit\.changes\.field is not a field of an event"):
        Catalogue.load(own)
