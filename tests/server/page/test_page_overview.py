"""The overview in a real browser: on a desk and on a phone, in light and in dark."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

import pytest
from audit_admin.dead_letters import DeadLetter, NewestDeadLetters, Selection, Summary
from audit_admin.dead_letters.journal import ReplayJournal
from audit_schemas import Origin
from audit_server.background import Reading
from audit_server.page.dead_letter_page import dead_letter_page
from audit_server.page.render import render
from audit_server.page.view import View
from playwright.sync_api import Page, expect
from server.page.axe import violations
from server.page.page_server import NOW, Served

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


@pytest.mark.parametrize("way", WAYS)
def test_views_are_for_everybody(own_site: Served, reading: Opener, shot: Shot, way: str) -> None:
    """Saved from the page that is looked at, by a form; changed and deleted the same way."""
    index = f"views-{own_site.deployment.name}"
    page = reading(
        f"{own_site.address}/overview?from=-7d",
        bypass_csp=True,
        reduced_motion="reduce",
        **WAYS[way],
    )
    try:
        page.get_by_role("link", name="Views").click()
        page.get_by_label("Name").fill("The <b>week</b>")
        page.get_by_label("Share it").check()
        page.get_by_role("button", name="Save view").click()
        page.get_by_role("button", name="Make it the start page").click()
        expect(page.locator(".tag.start")).to_have_text("start page")
        page.locator(".edit summary").click()
        shot(page, f"views-{way}", full=True)
        assert violations(page) == []
        page.locator(".brand").click()
        page.wait_for_url("**/overview?from=-7d")
        page.go_back()
        page.locator(".edit summary").click()
        page.get_by_role("button", name="Delete The").click()
        expect(page.locator(".views")).to_have_count(0)
    finally:
        with own_site.deployment.client() as client:
            client.indices.delete(index=index, ignore_unavailable=True)


@pytest.mark.parametrize("way", WAYS)
def test_dead_letters_are_for_everybody(site: Served, reading: Opener, shot: Shot, way: str) -> None:
    """What the page shows, without a Kafka: its template is filled by itself."""
    shown = bytes(render("dead_letters.html", view=View.of([]), **dead_letters()).body)
    page = reading(f"{site.address}/?from=-1m", bypass_csp=True, **WAYS[way])
    page.route(
        "**/some-dead-letters", lambda route: route.fulfill(body=shown, content_type="text/html")
    )
    page.goto(f"{site.address}/some-dead-letters")
    shot(page, f"dead-letters-{way}", full=True)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def dead_letters() -> Mapping[str, Any]:
    """Return what the page shows of some dead letters."""
    summary = Summary(ReplayJournal())
    samples: dict[str, list[DeadLetter]] = {}
    value = b'{"event":{"action":"chat-archived"},"x":"\x1b[2J<script>' + b"x" * 3000 + b"\xff"
    for number, reason in enumerate(("unknown-activity", "unknown-activity", "malformed", "<b>new")):
        letter = DeadLetter(
            position=Origin("dead", 0, number),
            written=NOW,
            origin=Origin("audit.events", 3, 1000 + number),
            received=NOW,
            reason=reason,
            path="event.action",
            message="chat-archived is not in the catalogue",
            key=b"chat-42",
            value=value,
            headers=(("traceparent", b"00-4bf92f35"),),
            size=None,
            digest=hashlib.sha256(value).hexdigest(),
        )
        summary.add(letter, Selection("audit.events"))
        samples.setdefault(reason, []).append(letter)
    newest = NewestDeadLetters(summary, samples, 4, 1_234_567)
    return dead_letter_page(Reading(newest, NOW), UTC, "audit.events.dead-letter")
