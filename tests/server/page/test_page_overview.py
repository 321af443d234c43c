"""The overview in a real browser: on a desk and on a phone, in light and in dark."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from server.page.axe import violations
from server.page.page_server import Served

pytestmark = pytest.mark.servers

Opener = Callable[..., Page]
Shot = Callable[..., None]

WAYS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"width": 360, "height": 800, "has_touch": True, "is_mobile": True},
}


@pytest.mark.parametrize("way", WAYS)
def test_overview_is_for_everybody(site: Served, reading: Opener, shot: Shot, way: str) -> None:
    """Axe finds nothing, and nothing is wider than the window."""
    page = reading(f"{site.address}/overview", bypass_csp=True, reduced_motion="reduce", **WAYS[way])
    shot(page, f"overview-{way}", full=True)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_figure_leads_to_its_events(site: Served, reading: Opener) -> None:
    """And the navigation leads back."""
    page = reading(f"{site.address}/overview?from=-7d")
    count = page.locator(".figure", has_text="Chats opened").locator(".count")
    number = count.text_content()
    count.click()
    expect(page.locator(".total")).to_have_text(str(number))
    page.get_by_role("link", name="Overview").click()
    expect(page.locator("h1")).to_have_text("Overview")
