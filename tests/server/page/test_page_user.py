"""A user's page in a real browser."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import pytest
from audit_producer import new_event
from playwright.sync_api import Page, expect
from server.page.page_server import Served
from server.page.people import busiest

pytestmark = pytest.mark.servers

Opener = Callable[..., Page]
Shot = Callable[..., None]


def test_user_s_page_tells_when_from_where_and_what(site: Served, reading: Opener, shot: Shot) -> None:
    """From a row to the page, and from the page back into the log."""
    name = busiest()
    page = reading(f"{site.address}/?{urlencode({'user': name, 'from': '-7d'})}")
    page.locator("#rows .user").first.hover()
    page.locator(f"#rows [aria-label='Page of {name}']").first.click()
    page.wait_for_url(f"**/users/{quote(name)}")
    expect(page.locator("h1")).to_have_text(name)
    assert site.published[-1][0] == "audit-log-searched"
    facts = page.locator(".facts")
    expect(facts).to_contain_text("Also known as")
    hours = page.locator(".heat rect title").all_text_contents()
    assert len(hours) == 7 * 24
    assert sum(int(text.split(", ")[1].split()[0].replace(",", "")) for text in hours) > 100
    expect(page.locator(".known tbody tr")).to_have_count(1)
    expect(page.locator(".known tbody time")).to_have_count(2)
    expect(page.locator("#rows tr.event")).to_have_count(20)
    shot(page, "user", full=True)
    page.locator(".known .v").click()
    page.wait_for_url(f"**/?{urlencode({'user': name})}&ip=192.0.2.*")
    expect(page.locator("#rows tr.event").first).to_be_visible()


def test_weekday_and_hour_are_the_reader_s(own_site: Served, reading: Opener) -> None:
    """Sunday evening in UTC is Monday morning in Tokyo; an id finds the user as a name does."""
    sunday = datetime(2026, 11, 15, 22, 30, tzinfo=UTC)
    user = {"id": "u-1", "name": "Ada"}
    own_site.store(new_event("login", user=user, at=sunday))  # type: ignore[arg-type]
    page = reading(f"{own_site.address}/users/u-1?tz=Asia/Tokyo")
    page.click("text=As a table")
    row = page.locator(".counts tbody tr", has_text="Monday")
    assert row.locator("td").all_text_contents().index("1") == 7
    page.goto(f"{own_site.address}/users/Ada?tz=UTC")
    page.click("text=As a table")
    row = page.locator(".counts tbody tr", has_text="Sunday")
    assert row.locator("td").all_text_contents().index("1") == 22


@pytest.mark.parametrize(
    "name", ["..", ".", "a/../../login", "a?b#c", "per%cent", "back\\slash", "ğü 😀"]
)
def test_every_name_has_a_page(own_site: Served, reading: Opener, name: str) -> None:
    """Whatever a browser makes of dots and slashes in an address."""
    own_site.store(new_event("login", user={"name": name}))
    page = reading(f"{own_site.address}/")
    page.locator("#rows .user").hover()
    page.locator("#rows .to-page").click()
    expect(page.locator("h1")).to_have_text(name)
    expect(page.locator("#rows tr.event")).to_have_count(1)


def test_user_who_did_nothing(site: Served, reading: Opener) -> None:
    """It says what may be wrong with the name."""
    page = reading(f"{site.address}/users/nobody-at-all")
    expect(page.locator("main")).to_contain_text("No event is by nobody-at-all")
    expect(page.locator("main")).to_contain_text("Give a whole id or name")
