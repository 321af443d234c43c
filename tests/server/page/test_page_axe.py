"""axe-core finds nothing that keeps people from using the page."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from server.page.axe import violations
from server.page.page_server import Served
from server.page.people import CHANGE, busiest

pytestmark = pytest.mark.servers

Opener = Callable[..., Page]

PAGES = {
    "log": "/?user=Ada+Lovelace&not_activity=login&from=-7d",
    "opened": f"/?session=session-of-ada&open={CHANGE}",
    "failures": "/?activity=login-failed&ip=203.0.113.0/24&user=root&live=on",
    "event": f"/events/{CHANGE}",
    "user": f"/users/{quote(busiest())}",
    "empty": "/?user=nobody&activity=login",
    "error": "/?ip=12345",
}
NARROW = ("log", "opened", "user")
"""What a phone shows otherwise than a desk does."""
WAYS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"width": 360, "height": 800, "has_touch": True, "is_mobile": True},
}


@pytest.mark.parametrize(
    ("name", "way"),
    [(name, way) for name in PAGES for way in WAYS if way != "phone" or name in NARROW],
)
def test_axe_finds_no_violation(site: Served, reading: Opener, name: str, way: str) -> None:
    """In light and dark, and on a phone. The page's policy is put aside for axe alone."""
    page = reading(
        site.address + PAGES[name],
        bypass_csp=True,
        reduced_motion="reduce",
        expects="Failed to load resource",
        **WAYS[way],
    )
    for summary in page.locator("main details > summary").all():
        summary.click()
    assert violations(page) == []


def test_axe_finds_no_violation_in_what_scripts_add(site: Served, reading: Opener) -> None:
    """Suggestions while they are open, and a chosen span of the histogram."""
    page = reading(
        f"{site.address}/?user=Ada+Lovelace&from=-7d", bypass_csp=True, reduced_motion="reduce"
    )
    page.locator("#f-activity").press_sequentially("chat")
    expect(page.locator("#f-activity-options [role=option]").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert violations(page) == []
    page.locator(".bar").first.focus()
    page.keyboard.press("Shift+ArrowRight")
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_the_sign_in(site: Served, reading: Opener, scheme: str) -> None:
    """The page of this site needs none, so its template is asked for by itself."""
    from audit_server.page.render import render  # noqa: PLC0415

    context: dict[str, Any] = {
        "error": "This token is unknown or has expired",
        "next": "/",
        "takes_tokens": True,
    }
    shown = bytes(render("login.html", provider="single sign-on", **context).body)
    page = reading(f"{site.address}/?from=-1m", bypass_csp=True, color_scheme=scheme)
    page.route("**/login", lambda route: route.fulfill(body=shown, content_type="text/html"))
    page.goto(f"{site.address}/login")
    expect(page.locator("h1")).to_have_text("Sign in")
    assert violations(page) == []
