"""A forgery under an event's id, with an earlier time: every way to the event shows the true one."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from audit_producer import new_event
from audit_query import AuditLog
from support.api_client import NOW, ApiClient, api_client
from support.in_process import call
from support.log_index import log_index
from support.servers import Deployment, Servers
from support.stored_events import store

ID = "0123456789abcdef-forged"


@pytest.fixture(scope="module")
def forged(servers: Servers) -> Iterator[Deployment]:
    """Give a log with an event of Ada's and, received later, two under its id."""
    with log_index(servers) as deployment:
        for later, days in ((1, 40), (0, 0), (2, 100)):
            name = "Ada" if later == 0 else "Eve"
            at, chat = NOW - timedelta(days=days), f"c-{name}"
            event = new_event("login", user={"name": name}, event_id=ID, at=at, chat=chat)
            store(deployment, event, first=later, ingested=NOW + timedelta(seconds=later))
        yield deployment


@pytest.fixture(scope="module")
def api(forged: Deployment) -> Iterator[ApiClient]:
    """Give a client of the API and the page."""
    with AuditLog(forged.query, clock=lambda: NOW) as log, api_client(log) as client:
        yield client


def test_api_returns_the_true_event_and_how_many_claim_its_id(api: ApiClient) -> None:
    """Also where the client has it already."""
    answer = api.get(f"/api/v1/events/{ID}")
    assert answer.json()["user"]["name"] == "Ada"
    assert answer.headers["audit-id-conflicts"] == "2"
    again = api.get(f"/api/v1/events/{ID}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.headers["audit-id-conflicts"]) == (304, "2")


@pytest.mark.parametrize(
    "path", [f"/events/{ID}", f"/events/{ID}/details", f"/?open={ID}", f"/?open={ID}&to=-30d&from=-60d"]
)
def test_page_shows_the_true_event_with_a_warning(api: ApiClient, path: str) -> None:
    """In a row of the forgery, beside the rows, and on a page of its own."""
    shown = api.get(path)
    assert shown.status_code == 200
    _, _, whole = shown.text.partition('aria-label="Whole event"')
    whole, _, _ = whole.partition("</section>")
    assert "c-Ada" in whole
    assert "c-Eve" not in whole
    assert "Another event was published under this id later: login by Eve at " in shown.text


def test_timeline_is_of_the_true_event(api: ApiClient) -> None:
    """What happened around the forgery is not asked."""
    found = api.json("/timeline", around=ID)
    assert ["Ada"] == [entry["event"]["user"]["name"] for entry in found["events"]]
    assert found["warning"].startswith("Another event was published under this id later")


def test_commands_show_the_true_event_and_warn(forged: Deployment) -> None:
    """On standard error, so that JSON stays JSON."""
    for command in (("show", ID), ("show", ID, "--json"), ("timeline", "--around", ID)):
        done = call(forged, *command)
        assert "Ada" in done.stdout
        assert "Eve" not in done.stdout
        assert "Warning: Another event was published under this id later: login by Eve" in done.stderr
