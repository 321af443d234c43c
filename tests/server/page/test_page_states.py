"""Empty, refused, broken, locked: each state says what to do."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_producer import new_event
from audit_server.tokens import TokenFile
from playwright.sync_api import Page, expect
from server.page.page_server import Served, serving
from support.log_index import log_index
from support.servers import Servers, new_deployment

pytestmark = pytest.mark.servers

Opener = Callable[..., Page]
Shot = Callable[..., None]

REFUSED = "Failed to load resource"


def test_empty_log_says_who_fills_it(own_site: Served, reading: Opener, shot: Shot) -> None:
    """Right after setup."""
    page = reading(f"{own_site.address}/")
    expect(page.locator("#empty")).to_contain_text("The log is empty")
    expect(page.locator("#empty")).to_contain_text("auditlog doctor")
    shot(page, "empty-log")


def test_no_match_says_which_filter_to_drop(site: Served, reading: Opener, shot: Shot) -> None:
    """With how many events there would be; the one that hides most comes first."""
    page = reading(f"{site.address}/?user=Ada+Lovelace&activity=settings-changed&from=-1m")
    drops = page.locator(".drops li")
    expect(drops).to_have_count(1)
    expect(drops).to_contain_text("without the time from -1m")
    expect(drops).to_contain_text("1 event")
    page.goto(f"{site.address}/?user=Ada+Lovelace&activity=login-failed")
    expect(page.locator(".drops li")).to_have_count(2)
    expect(page.locator(".drops li").first).to_contain_text("without User Ada Lovelace")
    shot(page, "empty")
    page.locator(".drops a").nth(1).click()
    page.wait_for_url("**/?user=Ada+Lovelace")
    expect(page.locator("#rows tr.event")).to_have_count(4)


def test_nothing_helps_but_beginning_anew(site: Served, reading: Opener) -> None:
    """Two filters that no event meets."""
    page = reading(f"{site.address}/?user=nobody&activity=no-such-activity")
    expect(page.locator("#empty")).to_contain_text("remove several")


@pytest.mark.parametrize(
    ("query", "says", "way"),
    [
        ("ip=12345&user=Ada", "ip: '12345' is not a valid IP address or range", "/?user=Ada"),
        ("from=soon", "from: 'soon' is not a valid time", "/"),
        ("tz=Mars/Olympus", "tz: 'Mars/Olympus' is not a time zone", "/"),
        ("interval=fortnight", "interval: 'fortnight' is not a valid interval", "/"),
        ("usr=Ada", "usr: there is no such parameter; did you mean user?", "/"),
        ("after=nonsense", "cursor: is not the cursor of a page", "/"),
    ],
)
def test_bad_parameter_is_named_and_can_be_left_out(
    site: Served, reading: Opener, shot: Shot, query: str, says: str, way: str
) -> None:
    """Which one, why, and a way out that keeps the rest."""
    page = reading(f"{site.address}/?{query}", expects=REFUSED)
    expect(page.locator(".sentence")).to_contain_text(says)
    expect(page.locator(".ways a").first).to_have_attribute("href", way)
    if query.startswith("ip"):
        shot(page, "error")


def test_bars_that_would_be_too_many_are_drawn_wider(site: Served, reading: Opener) -> None:
    """A range that is widened while bars of a second are in force is no error."""
    page = reading(f"{site.address}/?from=-90d&interval=1s")
    expect(page.locator(".over-time .notice")).to_contain_text("Bars of 1s would be too many")
    assert 40 < page.locator(".plot .bar").count() <= 100


@pytest.mark.parametrize(
    "path", ["/events/no-such-event-at-all", "/no/such/page", "/static/nothing.js"]
)
def test_what_is_not_there_is_said_so(site: Served, reading: Opener, path: str) -> None:
    """With a way to the log."""
    page = reading(f"{site.address}{path}", expects=REFUSED)
    expect(page.locator("h1")).to_have_text("Not found")
    expect(page.locator(".ways a")).to_have_text("Go to the log")


def test_elasticsearch_away_is_said_and_can_be_tried_again(
    servers: Servers, reading: Opener, shot: Shot
) -> None:
    """No traceback, no hang: what is wrong, that nothing is lost, and the same question again."""
    away = new_deployment(replace(servers, elasticsearch="http://127.0.0.1:9"))
    with serving(away) as served:
        page = reading(f"{served.address}/?user=Ada", expects=REFUSED)
        expect(page.locator("h1")).to_have_text("The log is unavailable")
        expect(page.locator(".ways a").first).to_have_text("Try again")
        expect(page.locator(".ways a").first).to_have_attribute("href", "/?user=Ada")
        shot(page, "elasticsearch-away")


@pytest.fixture
def locked(servers: Servers, tmp_path: Path) -> Iterator[tuple[Served, dict[str, str]]]:
    """Give a page that takes tokens: one for all, one for an organization, and one that runs out."""
    clock = [datetime.now(UTC)]
    tokens = TokenFile(tmp_path / "tokens.toml", clock=lambda: clock[0])
    secrets = {
        "all": tokens.create("analyst"),
        "acme": tokens.create("of-acme", organization="acme"),
        "brief": tokens.create("guest", expires=clock[0] + timedelta(hours=1)),
    }
    clock[0] += timedelta(hours=2)
    with log_index(servers) as deployment, serving(deployment, tokens=tokens) as served:
        served.store(
            new_event("login", user={"name": "Ada"}, organization="acme"),
            new_event("login", user={"name": "Ben"}, organization="other"),
        )
        yield served, secrets


def test_sign_in_leads_to_what_was_asked_for(
    locked: tuple[Served, dict[str, str]], reading: Opener, shot: Shot
) -> None:
    """And signing out locks the page again."""
    served, secrets = locked
    page = reading(f"{served.address}/?user=Ada&activity=login", expects=REFUSED)
    expect(page.locator("h1")).to_have_text("Sign in")
    shot(page, "login")
    page.fill("#token", "wrong")
    page.keyboard.press("Enter")
    expect(page.locator(".sentence")).to_contain_text("unknown or has expired")
    page.fill("#token", secrets["brief"])
    page.keyboard.press("Enter")
    expect(page.locator(".sentence")).to_contain_text("unknown or has expired")
    shot(page, "login-refused")
    page.fill("#token", secrets["all"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/?user=Ada&activity=login")
    expect(page.locator("#rows tr.event")).to_have_count(1)
    expect(page.locator(".who")).to_have_text("analyst")
    page.click("text=Sign out")
    page.wait_for_url("**/login")
    page.goto(f"{served.address}/")
    expect(page.locator("h1")).to_have_text("Sign in")


def test_token_of_an_organization_sees_it_alone(
    locked: tuple[Served, dict[str, str]], reading: Opener
) -> None:
    """In rows, suggestions, a user's page, an event's page and the tail."""
    served, secrets = locked
    page = reading(f"{served.address}/login", expects=REFUSED)
    page.fill("#token", secrets["acme"])
    page.keyboard.press("Enter")
    expect(page.locator("#rows .user .v")).to_have_text(["Ada"])
    page.locator("#f-user").press_sequentially("B")
    page.wait_for_load_state("networkidle")
    expect(page.locator("#f-user-options [role=option]")).to_have_count(0)
    page.goto(f"{served.address}/users/Ben")
    expect(page.locator("main")).to_contain_text("No event is by Ben")
    other = next(d for d in served.deployment.documents() if d["organization"]["id"] == "other")
    page.goto(f"{served.address}/events/{other['_id']}")
    expect(page.locator(".sentence")).to_contain_text("you may not see it")
    page.goto(f"{served.address}/?open={other['_id']}&live=on")
    expect(page.locator(".notice")).to_contain_text("you may not see it")
    assert "Ben" not in page.content()
    fragment = page.goto(f"{served.address}/live")
    assert fragment is not None
    assert "Ben" not in fragment.text()
