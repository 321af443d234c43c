"""Signing in at a real provider: what a fake one would forgive."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audit_local.keycloak import CLIENT_ID, CLIENT_SECRET, PEOPLE, settings_for
from audit_query import AuditLog
from server.sign_in.people import Desk, desk
from support.fake_provider import FakeProvider
from support.keycloak import sign_in_at
from support.servers import Deployment

pytestmark = pytest.mark.servers


def now() -> datetime:
    """Return the time, by which Keycloak goes too."""
    return datetime.now(UTC)


@pytest.fixture
def real_desk(
    two: Deployment, sessions_index: str, audit_log: AuditLog, tmp_path: Path, keycloak: int
) -> Iterator[Desk]:
    """Give an application whose people sign in with Keycloak."""
    provider = FakeProvider(settings_for(keycloak)["AUDITLOG_OIDC_ISSUER"], now)
    given: dict[str, Any] = {
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_client_secret_file": None,
        "people_file": PEOPLE,
    }
    with desk(two.query, sessions_index, audit_log, provider, tmp_path, now, **given) as found:
        yield found


def come_back(at: Desk, name: str) -> dict[str, str]:
    """Sign in at Keycloak; return what the callback is given."""
    return sign_in_at(at.client.get("/sign-in").headers["location"], name, password=name)


def test_analyst_of_all_is_let_in_and_the_code_is_good_once(real_desk: Desk) -> None:
    """By the groups in Keycloak's own token; the code is spent there."""
    answer = come_back(real_desk, "ada")
    kept = dict(real_desk.client.cookies)
    assert real_desk.callback(answer).status_code == 303
    events = real_desk.client.json("/events")["events"]
    assert {event.get("organization", {}).get("id") for event in events} == {"acme", "globex", None}
    assert real_desk.client.get("/api/v1/reports/users").status_code == 200
    real_desk.client.cookies.update(kept)
    replayed = "This sign-in was completed before, or took too long; sign in again"
    assert real_desk.refusal(real_desk.callback(answer)) == (400, replayed)
    out = real_desk.client.post("/logout")
    assert "/protocol/openid-connect/logout?" in out.text
    assert "id_token_hint=" in out.text
    assert real_desk.client.get("/api/v1/events").status_code == 401


def test_analyst_of_one_organization_sees_it_alone(real_desk: Desk) -> None:
    """Events of others don't exist for them."""
    assert real_desk.callback(come_back(real_desk, "ben")).status_code == 303
    events = real_desk.client.json("/events")["events"]
    assert {event["organization"]["id"] for event in events} == {"acme"}


def test_person_without_a_group_is_told_what_to_ask_for(real_desk: Desk) -> None:
    """And is on record by the name that the provider vouches for."""
    status, sentence = real_desk.refusal(real_desk.callback(come_back(real_desk, "eve")))
    assert (status, sentence.startswith("None of your groups has a role here")) == (403, True)
    (event,) = real_desk.client.published.wait_for(1)
    assert (event["action"], event["user"]) == ("audit-log-refused", {"name": "eve"})
    assert real_desk.client.get("/api/v1/events").status_code == 401
