"""Keys in a real browser: to the filter, through the rows, and what keys there are."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from server.page.axe import violations
from server.page.page_server import Served

pytestmark = pytest.mark.servers

Opener = Callable[..., Page]
Shot = Callable[..., None]


def focused(page: Page) -> str:
    """Return the id of the row that has the focus."""
    return str(page.evaluate("document.activeElement.closest('tr')?.id ?? document.activeElement.id"))


def test_rows_are_walked_and_opened(site: Served, reading: Opener) -> None:
    """`j` and `k` stop at the ends; Enter opens the row that one is at, and closes it."""
    page = reading(f"{site.address}/?user=Ada+Lovelace&from=-7d")
    ids = page.locator("#rows tr.event").evaluate_all("rows => rows.map(row => row.id)")
    page.keyboard.press("j")
    assert focused(page) == ids[0]
    page.keyboard.press("k")
    assert focused(page) == ids[0]
    for _ in range(2):
        page.keyboard.press("j")
    assert focused(page) == ids[2]
    page.keyboard.press("Enter")
    expect(page.locator("#rows .details .whole")).to_be_visible()
    page.keyboard.press("j")
    assert focused(page) == ids[3]
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("#rows .details")).to_have_count(0)


def test_keys_are_letters_while_one_types(site: Served, reading: Opener) -> None:
    """A slash leads to the filter, where j, k and the question mark are text; Escape leads out."""
    page = reading(f"{site.address}/?from=-7d")
    page.keyboard.press("/")
    assert focused(page) == "f-user"
    page.keyboard.type("j/k?")
    assert page.locator("#f-user").input_value() == "j/k?"
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+j")
    assert focused(page) == ""
    page.keyboard.press("j")
    assert focused(page).startswith("e-")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_question_mark_shows_all_keys(site: Served, reading: Opener, shot: Shot, scheme: str) -> None:
    """In a dialog that Escape closes; the focus returns to where it was."""
    page = reading(f"{site.address}/?from=-7d", bypass_csp=True, color_scheme=scheme)
    page.keyboard.press("j")
    row = focused(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text("Next row")
    shot(page, f"keyboard-{scheme}")
    assert violations(page) == []
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    assert focused(page) == row


def test_g_and_a_letter_lead_to_a_part(site: Served, reading: Opener) -> None:
    """And `j` walks any list of links there."""
    page = reading(f"{site.address}/?from=-7d")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url("**/overview")
    page.wait_for_selector("html[data-ready]", state="attached")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.matches('main td a')")
