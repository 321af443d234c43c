"""The histogram in a real browser: bars that are links, a brush by mouse, touch and keyboard."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect
from server.page.page_server import Served

pytestmark = pytest.mark.servers

Opener = Callable[..., Page]

THREE_DAYS = "/?from=2026-11-18T00:00Z&to=2026-11-21T00:00Z&interval=1h&activity=login-failed"


def time_range(page: Page) -> tuple[str, str]:
    """Return the time that the address asks for."""
    found = dict(parse_qsl(urlsplit(page.url).query))
    return found["from"], found["to"]


def middle(bar: Locator) -> tuple[float, float]:
    """Return where a bar is."""
    box = bar.locator(".hit").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, first: int, last: int) -> None:
    """Draw from one bar to another."""
    bars = page.locator(".bar")
    page.mouse.move(*middle(bars.nth(first)))
    page.mouse.down()
    page.mouse.move(*middle(bars.nth((first + last) // 2)))
    page.mouse.move(*middle(bars.nth(last)))


def test_bars_sum_to_the_total_and_to_the_table(site: Served, reading: Opener) -> None:
    """The picture, the table beside it and the number above it are one."""
    page = reading(f"{site.address}/?from=-7d")
    counts = page.locator(".bar").evaluate_all("bars => bars.map(bar => Number(bar.dataset.count))")
    total = int((page.locator(".total").text_content() or "").replace(",", ""))
    assert sum(counts) == total > 3000
    page.click("text=As a table")
    cells = page.locator(".counts tbody td:nth-child(2)").all_text_contents()
    assert [int(cell.replace(",", "")) for cell in cells] == counts
    legend = page.locator(".legend .number").all_text_contents()
    assert sum(int(number.replace(",", "")) for number in legend) == total


def test_click_on_a_bar_zooms_into_it(site: Served, reading: Opener) -> None:
    """It is a link: the hour is asked for, by the minute."""
    page = reading(site.address + THREE_DAYS)
    bar = page.locator(".bar:not([data-count='0'])").first
    start, end = bar.get_attribute("data-start"), bar.get_attribute("data-end")
    count = bar.get_attribute("data-count")
    page.mouse.click(*middle(bar))
    page.wait_for_url("**from=**")
    expect(page.locator(".total")).to_have_text(str(count))
    assert [datetime.fromisoformat(text) for text in time_range(page)] == [
        datetime.fromisoformat(str(start)),
        datetime.fromisoformat(str(end)),
    ]


def test_drag_zooms_and_back_returns(site: Served, reading: Opener) -> None:
    """From the first bar to the last, both included; the filters stay; Back works."""
    page = reading(site.address + THREE_DAYS)
    before = page.url
    drag(page, 12, 20)
    expect(page.locator(".shade")).to_be_visible()
    expect(page.locator("#readout")).to_contain_text("9 bars from 2026-11-18 12:00")
    page.mouse.up()
    page.wait_for_url("**12%3A00**")
    assert time_range(page) == ("2026-11-18T12:00:00.000Z", "2026-11-18T21:00:00.000Z")
    assert "activity=login-failed" in page.url
    page.go_back()
    expect(page).to_have_url(before)


def test_drag_to_the_left_is_the_same(site: Served, reading: Opener) -> None:
    """Whichever way it is drawn."""
    page = reading(site.address + THREE_DAYS)
    drag(page, 20, 12)
    page.mouse.up()
    page.wait_for_url("**12%3A00**")
    assert time_range(page) == ("2026-11-18T12:00:00.000Z", "2026-11-18T21:00:00.000Z")


def test_keyboard_chooses_and_zooms(site: Served, reading: Opener) -> None:
    """One stop of Tab; arrows go, Shift chooses, Enter zooms; what is chosen is said aloud."""
    page = reading(site.address + THREE_DAYS)
    bars = page.locator(".bar")
    assert page.locator(".bar[tabindex='0']").count() == 1
    bars.first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(bars.nth(3)).to_be_focused()
    expect(page.locator("#readout")).to_contain_text("2026-11-18 03:00 to 04:00, 0 events")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".bar.chosen")).to_have_count(3)
    expect(page.locator("#readout")).to_contain_text("3 bars from 2026-11-18 03:00")
    page.keyboard.press("Escape")
    expect(page.locator(".bar.chosen")).to_have_count(0)
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_url("**from=2026-11-18T04**")
    assert time_range(page) == ("2026-11-18T04:00:00.000Z", "2026-11-18T06:00:00.000Z")


def test_finger_draws_too(site: Served, reading: Opener) -> None:
    """Sideways it draws; up and down it scrolls the page, as everywhere."""
    page = reading(site.address + THREE_DAYS, width=390, height=800, has_touch=True, is_mobile=True)
    page.locator(".plot").scroll_into_view_if_needed()
    expect(page.locator(".brush")).to_have_css("touch-action", "pan-y")
    bars = page.locator(".bar")
    finger = page.context.new_cdp_session(page)
    (x, y), (stop, _) = middle(bars.nth(24)), middle(bars.nth(47))
    touch = {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}
    finger.send("Input.dispatchTouchEvent", touch)
    for step in range(1, 6):
        point = {"x": x + (stop - x) * step / 5, "y": y}
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_url("**from=2026-11-19**")
    assert time_range(page) == ("2026-11-19T00:00:00.000Z", "2026-11-20T00:00:00.000Z")


def test_bars_follow_the_reader_s_midnight(site: Served, reading: Opener) -> None:
    """A day in Tokyo begins at 15:00 UTC."""
    page = reading(f"{site.address}/?from=-7d&interval=day&tz=Asia/Tokyo")
    starts = page.locator(".bar").evaluate_all("bars => bars.map(bar => bar.dataset.start)")
    assert {start[11:16] for start in starts[1:]} == {"15:00"}
    expect(page.locator(".plot .time").nth(1)).to_have_text("11-16")


def test_legend_filters_by_activity(site: Served, reading: Opener) -> None:
    """Its colours are those of the rows."""
    page = reading(f"{site.address}/?from=-7d")
    entry = page.locator(".legend a", has_text="chat-closed")
    colour = "element => getComputedStyle(element).backgroundColor"
    row = page.locator("#rows .dot[data-activity='chat-closed']").first
    assert entry.locator(".dot").evaluate(colour) == row.evaluate(colour)
    entry.click()
    page.wait_for_url("**activity=chat-closed**")
