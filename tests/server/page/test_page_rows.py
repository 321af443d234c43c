"""Rows in a real browser: they open, they copy, they go on; and what happened around an event."""

import json
from collections.abc import Callable

import pytest
from audit_producer import new_event
from playwright.sync_api import Page, expect
from server.page.page_server import NOW, Served
from server.page.people import CHANGE
from support.conditions import wait_until

pytestmark = pytest.mark.servers

Opener = Callable[..., Page]
Shot = Callable[..., None]


def test_row_opens_to_the_whole_event(site: Served, reading: Opener, shot: Shot) -> None:
    """All fields, the changes as before and after; the address says which one is open."""
    page = reading(f"{site.address}/?from=-7d")
    page.locator(f"#e-{CHANGE} .user").click(position={"x": 225, "y": 8})
    inside = page.locator(".details .whole")
    expect(inside.locator(".message")).to_have_text("Opening hours were changed for the holidays")
    rows = inside.locator(".changes tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["opening_hours.close", "20", "21"],
        ["greeting", "nothing", "Hello"],
        ["theme", "dark", "nothing"],
    ]
    for text in ("session-of-ada", "2001:db8:7::/64", "asked for by the customer", "ada@example.org"):
        expect(inside).to_contain_text(text)
    assert f"open={CHANGE}" in page.url
    shot(page, "opened-light")
    page.reload()
    expect(page.locator(".details .message")).to_be_visible()
    page.locator(f"#e-{CHANGE} a.toggle").click()
    expect(page.locator(".details")).to_have_count(0)
    assert "open=" not in page.url


def test_rows_by_keyboard(site: Served, reading: Opener) -> None:
    """Arrows go from row to row, Enter opens and closes."""
    page = reading(f"{site.address}/?from=-7d")
    page.locator("a.toggle").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    second = page.locator("#rows tr.event").nth(1).locator("a.toggle")
    expect(second).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".details .groups")).to_be_visible()
    expect(second).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Enter")
    expect(second).to_have_attribute("aria-expanded", "false")


def test_copies_are_the_event_and_its_link(site: Served, reading: Opener) -> None:
    """As JSON, the whole of it; and an address that leads to it."""
    page = reading(f"{site.address}/?open={CHANGE}", permissions=["clipboard-read", "clipboard-write"])
    page.click("text=Copy as JSON")
    expect(page.locator("text=Copied")).to_be_visible()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied["event"]["id"] == CHANGE
    assert copied["audit"]["changes"][0] == {
        "field": "opening_hours.close",
        "before": "20",
        "after": "21",
    }
    page.click("text=Copy link")
    expect(page.locator("button", has_text="Copied")).to_have_count(2)
    assert page.evaluate("navigator.clipboard.readText()") == f"{site.address}/events/{CHANGE}"


@pytest.mark.parametrize(
    ("way", "query"),
    [
        ("This user", "user=Ada+Lovelace"),
        ("This session", "session=session-of-ada"),
        ("This address", "ip=2001%3Adb8%3A7%3A%3A17"),
        ("This network", "ip=2001%3Adb8%3A7%3A%3A%2F64"),
    ],
)
def test_ways_from_an_event(site: Served, reading: Opener, way: str, query: str) -> None:
    """Each asks for one thing, at any time."""
    page = reading(f"{site.address}/?from=-15m&activity=settings-changed&open={CHANGE}")
    page.locator(".jumps").get_by_text(way, exact=True).click()
    expect(page).to_have_url(f"{site.address}/?{query}")
    expect(page.locator(f"#e-{CHANGE}")).to_be_visible()


def test_this_chat(site: Served, reading: Opener) -> None:
    """Its page tells it from its opening to its close; from there it is a filter of the log."""
    page = reading(f"{site.address}/?activity=chat-closed&user=Ada+Lovelace")
    page.locator("a.toggle").first.click()
    page.click("text=This chat")
    page.wait_for_url("**/chats/chat-of-ada")
    expect(page.locator(".turn")).to_have_count(4)
    page.click("text=Its events in the log")
    page.wait_for_url("**chat=chat-of-ada**")
    assert page.locator("#rows .activity .v").all_text_contents() == [
        "chat-closed",
        "user-joined-to-chat",
        "chat-assigned-to-user",
        "chat-opened",
    ]


def test_around_an_event(site: Served, reading: Opener, shot: Shot) -> None:
    """Ten minutes before and after, the event itself marked; the page is its deep link."""
    page = reading(f"{site.address}/?open={CHANGE}")
    page.click("text=Around this event")
    page.wait_for_url(f"**/events/{CHANGE}#around")
    expect(page.locator("h1")).to_have_text("settings-changed")
    marked = page.locator("tr[aria-current]")
    expect(marked).to_have_attribute("id", f"e-{CHANGE}")
    expect(marked).to_have_count(1)
    chats = page.locator("#rows .activity", has_text="chat-of-ada")
    expect(chats).to_have_count(3)  # the fourth step names whom the chat was given to
    shot(page, "event", full=True)
    page.locator(".intervals").get_by_text("1m", exact=True).click()
    page.wait_for_url("**window=1m**")
    expect(page.locator("#rows tr.event")).to_have_count(1)
    page.click("text=This time in the log")
    page.wait_for_url("**from=2026-11-20T15%3A27%3A00.000Z&to=2026-11-20T15%3A29%3A00.000Z**")
    expect(page.locator(".details .message")).to_be_visible()


def test_event_stands_among_many_of_its_millisecond(own_site: Served, reading: Opener) -> None:
    """Before it what came before, after it what came after, however many share its time."""
    events = [
        new_event("login-failed", user="u", at=NOW, event_id=f"same-millisecond-{number:03}")
        for number in range(300)
    ]
    own_site.store(*events)
    page = reading(f"{own_site.address}/events/same-millisecond-150")
    ids = page.locator("#rows tr.event").evaluate_all("rows => rows.map(row => row.id.slice(-3))")
    assert ids == [f"{number:03}" for number in range(250, 49, -1)]
    expect(page.locator(".notice")).to_have_count(2)


def test_more_rows_come_as_one_scrolls(site: Served, reading: Opener) -> None:
    """Each event once, in order; the link goes on saying where to go on."""
    page = reading(f"{site.address}/?from=-7d&activity=chat-opened&activity=chat-closed")
    rows = page.locator("#rows tr.event")

    def scrolled_on() -> bool:
        page.mouse.wheel(0, 100_000)
        return rows.count() > 350

    wait_until(scrolled_on, what="rows come")
    ids = rows.evaluate_all("rows => rows.map(row => row.id)")
    times = page.locator("#rows time").evaluate_all("times => times.map(time => time.dateTime)")
    assert len(ids) == len(set(ids)) > 350
    assert times == sorted(times, reverse=True)


def test_rows_end_with_saying_so(site: Served, reading: Opener) -> None:
    """Neither a link that leads nowhere nor silence."""
    page = reading(f"{site.address}/?activity=login-failed&ip=203.0.113.66")
    end = page.locator("text=End of results.")

    def scrolled_to_the_end() -> int:
        page.mouse.wheel(0, 100_000)
        return end.count()

    wait_until(scrolled_to_the_end, what="the rows end")
    total = int((page.locator(".total").text_content() or "").replace(",", ""))
    expect(page.locator("#rows tr.event")).to_have_count(total)


def test_trouble_while_going_on_is_said_and_can_be_tried_again(site: Served, reading: Opener) -> None:
    """The rows that are there stay."""
    page = reading(f"{site.address}/?from=-7d", expects="Failed to load")
    page.route("**/rows**", lambda route: route.abort())
    page.mouse.wheel(0, 100_000)
    expect(page.locator(".further .trouble")).to_have_text("The server is unreachable.")
    page.unroute("**/rows**")
    page.click("#more")
    expect(page.locator("#rows tr.event").nth(150)).to_be_attached()
    expect(page.locator(".further .trouble")).to_have_count(0)
