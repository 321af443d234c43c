"""Sessions: found by every replica, ended by an operator, and bound to what the file of people says."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_server.sign_in import PeopleFile, PeopleFileError, SignInError
from audit_server.sign_in.session import session_id
from server.sign_in.people import Clock, Desk
from support.in_process import auditlog_in_process

pytestmark = pytest.mark.servers


def test_session_is_found_by_every_replica_and_ended_in_each(at_desk: Desk, clock: Clock) -> None:
    """Within seconds, though each of them remembers it for as long."""
    at_desk.sign_in()
    other = at_desk.other_replica()
    other.cookies.update(at_desk.client.cookies)
    assert other.get("/api/v1/events").status_code == 200
    assert at_desk.client.post("/logout").status_code == 200
    clock.now += timedelta(seconds=2)
    assert other.get("/api/v1/events").status_code == 401


def test_signing_in_again_makes_another_session(at_desk: Desk) -> None:
    """So that whoever planted or read the first has nothing."""
    at_desk.sign_in()
    before = at_desk.client.cookies["auditlog_session_80"]
    at_desk.sign_in()
    assert at_desk.client.cookies["auditlog_session_80"] != before
    at_desk.client.cookies.clear()
    at_desk.client.cookies.set("auditlog_session_80", before)
    assert at_desk.client.get("/api/v1/events").status_code == 401


def test_operator_lists_and_revokes_sessions(at_desk: Desk, clock: Clock) -> None:
    """All of somebody's; the list shows no secret."""
    clock.now = datetime.now(UTC)
    at_desk.sign_in(sub="r-1", preferred_username="rosa")
    environment = {
        "AUDITLOG_ELASTICSEARCH_URL": at_desk.settings.elasticsearch_url,
        "AUDITLOG_SESSIONS_INDEX": at_desk.settings.sessions_index,
        "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
    }
    listed = json.loads(auditlog_in_process("sessions", "list", "--json", **environment).stdout)
    (row,) = [row for row in listed if row["subject"] == "r-1"]
    assert (row["name"], row["groups"], "sealed_token" in row) == ("rosa", ["analysts"], False)
    secret = at_desk.client.cookies["auditlog_session_80"]
    assert secret not in json.dumps(listed)
    assert "rosa" in auditlog_in_process("sessions", "list", **environment).stdout
    done = auditlog_in_process("sessions", "revoke", "rosa", **environment)
    assert done.stdout == "1 session is revoked\n"
    clock.now += timedelta(seconds=2)
    assert at_desk.client.get("/api/v1/events").status_code == 401
    again = auditlog_in_process("sessions", "revoke", "rosa", **environment)
    assert (again.returncode, "There is no session of 'rosa'" in again.stderr) == (1, True)


def test_what_is_stored_opens_no_session(at_desk: Desk) -> None:
    """Neither the secret nor the ID token stands in the index."""
    at_desk.sign_in()
    secret = at_desk.client.cookies["auditlog_session_80"]
    store = at_desk.client.app.state.access.sign_in.sessions._store  # type: ignore[attr-defined]  # noqa: SLF001
    found = json.dumps([session.model_dump(mode="json") for session in store.sessions()])
    assert secret not in found
    stored = store.get(session_id(secret))
    assert stored.sealed_token.count(".") == 4  # JWE
    at_desk.client.cookies.clear()
    at_desk.client.cookies.set("auditlog_session_80", stored.id)
    assert at_desk.client.get("/api/v1/events").status_code == 401


def test_roles_follow_the_file_of_people_at_once(at_desk: Desk) -> None:
    """Who loses a role need not be signed out first; a broken file gives nobody anything."""
    at_desk.sign_in(groups=["acme-leads", "acme-readers"])
    assert at_desk.client.get("/api/v1/reports/users").status_code == 200
    names = {event["organization"]["id"] for event in at_desk.client.json("/events")["events"]}
    assert names == {"acme"}
    text = at_desk.people.read_text()
    at_desk.people.write_text(text.replace('["lead"]', '["reader"]'))
    assert at_desk.client.get("/api/v1/reports/users").status_code == 403
    at_desk.people.write_text(text.replace("acme-", "other-"))
    assert "None of your groups" in at_desk.client.problem("/events", 403)["detail"]
    at_desk.people.write_text("nonsense")
    assert at_desk.client.problem("/events", 503)["detail"] == (
        "People's roles can't be read at the moment"
    )


def test_groups_of_two_organizations_are_a_contradiction(at_desk: Desk) -> None:
    """Their roles are not added up, nor is one of them chosen; with all organizations neither."""
    for groups in (["acme-leads", "globex"], ["acme-leads", "analysts"]):
        status, sentence = at_desk.refusal(at_desk.sign_in(groups=groups))
        assert (status, "one person sees one of these" in sentence) == (403, True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[groups]", "groups: "),
        ("[groups.a]\nroles = []", "groups.a.roles: "),
        ('[groups.a]\nroles = ["root"]', "groups.a.roles.0: "),
        ('[groups.a]\nroles = ["reader"]\norganisation = "x"', "groups.a.organisation: "),
        ("groups = ", "not valid TOML"),
    ],
)
def test_file_of_people_that_is_wrong_is_not_used(tmp_path: Path, text: str, why: str) -> None:
    """The message names the entry."""
    path = tmp_path / "people.toml"
    path.write_text(text)
    with pytest.raises(PeopleFileError) as caught:
        PeopleFile(path).grant(["a"])
    assert why in str(caught.value.reason)


def test_file_of_people_that_others_may_change_is_not_used(tmp_path: Path) -> None:
    """They would give themselves roles."""
    path = tmp_path / "people.toml"
    path.write_text('[groups.a]\nroles = ["reader"]')
    path.chmod(0o666)
    with pytest.raises(PeopleFileError):
        PeopleFile(path).grant(["a"])
    path.chmod(0o644)
    with pytest.raises(SignInError, match="None of your groups"):
        PeopleFile(path).grant(["b"])
