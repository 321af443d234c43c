"""The reports in a real browser: links, without a complaint of axe, and pictures of them."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from server.page.axe import violations
from server.page.page_server import Served

pytestmark = pytest.mark.servers

Opener = Callable[..., Page]
Shot = Callable[..., None]

PAGES = {
    "reports-team": "/reports/team?from=-3d",
    "reports-chats": "/reports/chats?from=-3d",
    "reports-objective": "/reports/chats/objective?objective=assigned&met=no&from=-3d",
    "reports-user": "/reports/users/Ada%20Lovelace?from=-3d",
    "chat": "/chats/chat-of-ada",
}
WAYS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"width": 360, "height": 800, "has_touch": True, "is_mobile": True},
}


def test_reports_lead_from_the_team_to_a_chat(site: Served, reading: Opener) -> None:
    """A heading sorts, and keeps the rest of the address; a name, a chat and an event are links."""
    page = reading(f"{site.address}/")
    page.click("nav.parts >> text=Reports")
    table = page.locator("table.report").first
    page.fill("#f-from", "-2d")
    page.click("text=Show")
    table.locator("thead a", has_text="Closed").click()
    page.wait_for_url("**sort=-closed**")
    assert "from=-2d" in page.url
    expect(table.locator("th[aria-sort=descending]")).to_have_text("Closed")
    expect(page.locator(".counting:visible")).to_have_count(0)
    page.click("nav[aria-label=Reports] >> text=Chats")
    page.locator("section[aria-labelledby=latest] tbody a").first.click()
    page.wait_for_url("**/chats/*")
    page.locator(".turn .said a[href*='/events/']").first.click()
    page.click("text=This chat")
    expect(page.locator("h1")).to_contain_text("Chat ")


def test_team_is_stepped_through_by_keys(site: Served, reading: Opener) -> None:
    """From user to user; Enter leads to the sessions."""
    page = reading(f"{site.address}/reports/team?from=-3d")
    page.keyboard.press("j")
    assert "/reports/users/" in page.evaluate("document.activeElement.href")
    page.keyboard.press("Enter")
    page.wait_for_url("**/reports/users/**")


LOOKED_AT = [
    *((name, way) for name in PAGES if name != "reports-objective" for way in WAYS),
    ("reports-objective", "phone"),
]


@pytest.mark.parametrize(("name", "way"), LOOKED_AT)
def test_axe_finds_no_violation(site: Served, reading: Opener, shot: Shot, name: str, way: str) -> None:
    """In light and dark, and on a phone, where nothing is wider than the screen."""
    page = reading(site.address + PAGES[name], bypass_csp=True, reduced_motion="reduce", **WAYS[way])
    shot(page, f"{name}-{way}", full=True)
    page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= WAYS[way].get("width", 1360)
