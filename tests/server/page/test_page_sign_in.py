"""A person signs in and out, in a real browser at a real Keycloak."""

from pathlib import Path
from typing import Any

import pytest
from audit_local.keycloak import CLIENT_ID, CLIENT_SECRET, PEOPLE, settings_for
from audit_producer import new_event
from playwright.sync_api import Browser, expect
from pydantic import SecretStr
from server.page.page_server import NOW, serving
from support.log_index import log_index
from support.servers import Servers

pytestmark = pytest.mark.servers


def test_person_signs_in_and_out(servers: Servers, keycloak: int, browser: Browser) -> None:
    """At the provider, back to what they wanted to see; afterwards a password is needed again."""
    identity: dict[str, Any] = {
        "oidc_issuer": settings_for(keycloak)["AUDITLOG_OIDC_ISSUER"],
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": SecretStr(CLIENT_SECRET),
        "oidc_display_name": "Keycloak",
        "people_file": Path(PEOPLE),
    }
    with log_index(servers) as deployment:
        index = f"sessions-{deployment.name}"
        with serving(deployment, sessions_index=index, **identity) as served:
            served.store(new_event("login", user="Grace", at=NOW))
            page = browser.new_context(timezone_id="UTC").new_page()
            page.set_default_timeout(90_000)
            page.goto(f"{served.address}/users/Grace")
            expect(page.locator("h1")).to_have_text("Sign in")
            page.get_by_role("link", name="Sign in with Keycloak").click()
            page.get_by_label("Username or email").fill("ada")
            page.get_by_label("Password", exact=True).fill("ada")
            page.get_by_role("button", name="Sign In").click()
            page.wait_for_url(f"{served.address}/users/Grace*")
            expect(page.locator(".who")).to_have_text("ada")
            page.get_by_role("button", name="Sign out").click()
            page.wait_for_url(f"{served.address}/login")
            page.get_by_role("link", name="Sign in with Keycloak").click()
            expect(page.get_by_label("Username or email")).to_be_visible()
            page.context.close()
        with deployment.client() as client:
            client.indices.delete(index=index, ignore_unavailable=True)
    recorded = [action for action, _ in served.published]
    assert recorded[0] == "audit-log-signed-in"
    assert recorded[-1] == "audit-log-signed-out"
