"""The live tail in a real browser."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from audit_producer import new_event
from audit_schemas import AuditEvent
from playwright.sync_api import Page, expect
from server.page.page_server import NOW, Served

pytestmark = pytest.mark.servers

Opener = Callable[..., Page]
Shot = Callable[..., None]


def logins(count: int, *, name: str = "Early", minutes: int = 0) -> list[AuditEvent]:
    """Make logins, the last of them so many minutes before now."""
    return [
        new_event(
            "login",
            user={"name": f"{name} {number}"},
            at=NOW - timedelta(minutes=minutes, seconds=count - number),
        )
        for number in range(count)
    ]


def first_users(page: Page, count: int) -> list[str]:
    """Return the users of the first rows."""
    return page.locator("#rows .user .v").all_text_contents()[:count]


def test_new_and_late_events_come_on_top_and_are_counted(
    own_site: Served, reading: Opener, shot: Shot
) -> None:
    """By the time they arrive: what happened an hour ago and comes now is new as well."""
    own_site.store(*logins(5))
    page = reading(f"{own_site.address}/")
    page.click("text=Live")
    page.wait_for_url("**live=on**")
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#tail")).to_have_attribute("role", "status")
    own_site.store(*logins(1, name="New"))
    expect(page.locator("#tail")).to_contain_text("1 new event.")
    own_site.store(*logins(1, name="Late", minutes=60))
    expect(page.locator("#tail")).to_contain_text("2 new events.")
    assert first_users(page, 3) == ["Late 0", "New 0", "Early 4"]
    shot(page, "tail")
    page.click("#live")
    page.wait_for_url(lambda url: "live" not in url)
    assert first_users(page, 3) == ["New 0", "Early 4", "Early 3"]


def test_only_what_matches_comes(own_site: Served, reading: Opener) -> None:
    """The filters hold for what comes, too; an empty page fills."""
    page = reading(f"{own_site.address}/?user=New+0&live=on")
    expect(page.locator("#empty")).to_be_visible()
    own_site.store(*logins(3))
    own_site.store(*logins(1, name="New"))
    expect(page.locator("#rows tr.event")).to_have_count(1)
    expect(page.locator("#empty")).to_have_count(0)


def test_what_is_read_stays_where_it_is(own_site: Served, reading: Opener) -> None:
    """Rows above push nothing away; a button says how many came, and leads there."""
    own_site.store(*logins(90))
    page = reading(f"{own_site.address}/?live=on")
    row = page.locator("#rows tr.event").nth(40)
    row.evaluate("row => row.scrollIntoView({block: 'center'})")
    before = row.bounding_box()
    anchor = page.locator(f"#{row.get_attribute('id')}")
    own_site.store(*logins(7, name="New"))
    expect(page.locator("button.above")).to_have_text("↑ 7 new events")
    after = anchor.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
    page.click("button.above")
    expect(page.locator("#rows tr.event").first).to_be_in_viewport()
    expect(page.locator("button.above")).to_be_hidden()


def test_tail_rests_while_the_page_is_hidden(own_site: Served, reading: Opener) -> None:
    """It asks nothing then, and looks at once when it is seen again."""
    own_site.store(*logins(3))
    page = reading(f"{own_site.address}/?live=on")
    with page.expect_request("**/live**"):
        pass
    hide = """hidden => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page.clock.install()
    page.evaluate(hide, True)
    expect(page.locator("#tail")).to_have_text("Live: paused while the page is hidden.")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    own_site.store(*logins(1, name="New"))
    page.clock.fast_forward(600_000)
    assert asked == []
    page.evaluate(hide, False)
    expect(page.locator("#tail")).to_contain_text("1 new event.")


def test_tail_says_when_the_server_is_away_and_goes_on(own_site: Served, reading: Opener) -> None:
    """Nothing is missed meanwhile."""
    own_site.store(*logins(3))
    page = reading(f"{own_site.address}/?live=on", expects="Failed to load")
    page.route("**/live**", lambda route: route.abort())
    expect(page.locator("#tail")).to_have_text("The server is unreachable. The page goes on trying.")
    own_site.store(*logins(1, name="New"))
    page.unroute("**/live**")
    expect(page.locator("#tail")).to_contain_text("1 new event.")


def test_tail_is_no_search(own_site: Served, reading: Opener) -> None:
    """Watching the log does not fill it: one event for the first look, none for the others."""
    own_site.store(*logins(3))
    page = reading(f"{own_site.address}/?live=on")
    for _ in range(2):
        with page.expect_request("**/live**"):
            pass
    assert [action for action, _ in own_site.published] == ["audit-log-searched"]
