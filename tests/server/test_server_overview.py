"""The overview: figures of a time beside the time before, each with a link to its events."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
from audit_producer import new_event
from audit_query import AuditLog
from audit_server.page.overview_page import change_of
from support.api_client import NOW, ApiClient, api_client
from support.log_index import log_index
from support.servers import Deployment, Servers
from support.stored_events import store

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def desk(servers: Servers) -> Iterator[Deployment]:
    """Give a log of two days: five chats, an attack today, and a service that fell silent."""
    hour = timedelta(hours=1)
    chats = [
        new_event(action, chat=chat, user="Ada", service="chat-api", organization="acme", at=NOW - at)
        for chat, action, at in (
            ("c-1", "chat-opened", 3 * hour),
            ("c-1", "user-joined-to-chat", 2 * hour),
            ("c-1", "chat-closed", hour),
            ("c-2", "chat-opened", 2 * hour),
            ("c-3", "chat-opened", hour),
            ("c-4", "chat-opened", 5 * hour),
            ("c-4", "chat-closed", 4 * hour),
            ("c-4", "chat-opened", hour / 2),
            ("c-5", "chat-opened", 30 * hour),
        )
    ]
    attack = [
        new_event(
            "login-failed",
            user=f"user {n % 5}",
            ip="203.0.113.9",
            service="gate",
            organization="globex",
            at=NOW - timedelta(minutes=n + 1),
        )
        for n in range(12)
    ]
    silent = new_event("login-failed", user="<b>Eve</b>", service="old-gate", at=NOW - 30 * hour)
    with log_index(servers) as deployment:
        store(deployment, *chats, *attack, silent)
        yield deployment


@pytest.fixture(scope="module")
def page(desk: Deployment) -> Iterator[ApiClient]:
    """Give a client without a token."""
    with AuditLog(desk.query, clock=lambda: NOW) as log, api_client(log) as client:
        yield client


def figures(text: str) -> dict[str, tuple[str, str]]:
    """Return the number and the link of each figure, by its label."""
    found = re.findall(
        r'<dt>([^<]+)</dt>\s*<dd><a class="count" href="([^"]+)">([^<]+)</a>', text, re.DOTALL
    )
    return {label: (count, unescape(link)) for label, link, count in found}


def test_figures_are_those_of_the_last_day(page: ApiClient) -> None:
    """Without a time in the address; what was before is not counted."""
    found = {label: count for label, (count, _) in figures(page.get("/overview").text).items()}
    assert found == {
        "Events": "20",
        "Failed logins": "12",
        "Chats opened": "5",
        "Chats waiting": "3",
        "Chats closed": "2",
    }


def test_each_figure_links_to_its_events(page: ApiClient) -> None:
    """Those of the failures are in the log, as many as it says; so are those of the time before."""
    text = page.get("/overview").text
    for label, expected in (("Events", "20"), ("Failed logins", "12"), ("Chats opened", "5")):
        shown = page.get(figures(text)[label][1]).text
        assert f'<span class="total">{expected}</span>' in shown
    before = re.findall(r'\(<a href="([^"]+)">(\d+)</a> before\)', text)
    assert [count for _, count in before] == ["2", "1", "1", "0"]
    assert '<span class="total">1</span>' in page.get(unescape(before[1][0])).text


def test_chats_that_wait_are_those_nobody_took_since_they_were_opened(page: ApiClient) -> None:
    """One that was opened again waits again; the link has the longest waiting first."""
    _, link = figures(page.get("/overview").text)["Chats waiting"]
    assert link == "/?chat=c-2&chat=c-3&chat=c-4"


def test_address_is_shown_with_how_many_users_it_tried(page: ApiClient) -> None:
    """Twelve failures of five users."""
    text = page.get("/overview").text
    row = re.search(r"<tr>(<td><a[^>]*>203\.0\.113\.9</a>.*?)</tr>", text)
    assert row is not None
    assert re.findall(r">(\d+)<", row[1]) == ["12", "5"]


def test_silent_service_is_named_with_its_last_event(page: ApiClient) -> None:
    """It published in the time before, and nothing since."""
    text = page.get("/overview").text
    services = re.findall(r'<tr( class="silent")?><td><a [^>]*>(old-gate|gate|chat-api)</a>', text)
    assert services == [(' class="silent"', "old-gate"), ("", "chat-api"), ("", "gate")]


def test_organization_s_people_see_its_events_alone(
    desk: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither the attack on another, nor the service that only others use."""
    tokens = tmp_path_factory.mktemp("tokens") / "tokens.json"
    with (
        AuditLog(desk.query, clock=lambda: NOW) as log,
        api_client(log, tokens, organization="acme") as client,
    ):
        text = client.get("/overview").text
    assert figures(text)["Events"][0] == "8"
    assert figures(text)["Failed logins"][0] == "0"
    assert "gate" not in text
    assert "Pipeline" not in text


def test_overview_is_on_record_as_any_search(page: ApiClient) -> None:
    """Once, with its time."""
    page.get("/overview?from=-25h")
    events = [e for e in page.published.events if e["labels"].get("from") == "-25h"]
    assert [event["labels"]["results"] for event in events] == ["20"]


def test_empty_log_has_an_overview(servers: Servers) -> None:
    """Right after setup, when there is no index."""
    with (
        log_index(servers) as deployment,
        AuditLog(deployment.query, clock=lambda: NOW) as log,
        api_client(log) as client,
    ):
        text = client.get("/overview").text
    assert figures(text)["Events"][0] == "0"
    assert "No login failed" in text


@pytest.mark.parametrize(
    ("count", "before", "text"),
    [
        (3, 3, "as before"),
        (3, 0, "none before"),
        (112, 100, "+12 %"),
        (88, 100, "−12 %"),  # noqa: RUF001 - a minus
        (10_050, 10_000, "+0.5 %"),
        (5000, 10, "500 times"),
        (0, 7, "−100 %"),  # noqa: RUF001
    ],
)
def test_change_is_told_in_percent(count: int, before: int, text: str) -> None:
    """In words where a percentage would say nothing."""
    assert text == change_of(count, before).text
