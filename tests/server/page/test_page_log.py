"""The page in a real browser: filters, suggestions, chips, times, the address."""

import json
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Page, expect
from server.page.page_server import Served
from server.page.people import CHANGE

pytestmark = pytest.mark.servers

Opener = Callable[..., Page]
Shot = Callable[..., None]


def asked(page: Page) -> dict[str, str]:
    """Return what the address asks for."""
    return dict(parse_qsl(urlsplit(page.url).query))


def users(page: Page) -> list[str]:
    """Return the users of the rows, from the top."""
    return page.locator("#rows .user .v").all_text_contents()


def activities(page: Page) -> set[str]:
    """Return the activities of the rows."""
    return set(page.locator("#rows .activity .v").all_text_contents())


def test_four_columns_newest_first(site: Served, reading: Opener, shot: Shot) -> None:
    """Date and Time, User, IP Address, Activity; the newest on top; the number of all."""
    page = reading(f"{site.address}/?from=-7d")
    heads = [text.strip() for text in page.locator(".events thead th").all_text_contents()]
    assert heads == ["Whole event", "Date and Time UTC", "User", "IP Address", "Activity"]
    first = page.locator("#rows tr").first
    expect(first).to_contain_text("2026-11-20 15:28:00.000")
    expect(first).to_contain_text("Ada Lovelace")
    expect(first).to_contain_text("settings-changed")
    expect(page.locator(".total")).to_have_text("3,005")
    shot(page, "log-light")


def test_unknown_address_stays_blank(site: Served, reading: Opener) -> None:
    """The seed: IP addresses may be left blank."""
    page = reading(f"{site.address}/?chat=chat-of-ada&user=system")
    expect(page.locator("#rows .user")).to_have_text("system")
    assert page.locator("#rows .ip").text_content() == ""


def test_dark_and_phone(site: Served, reading: Opener, shot: Shot) -> None:
    """In the dark, and as cards on a phone, where nothing is wider than the screen."""
    shot(reading(f"{site.address}/?from=-7d", color_scheme="dark"), "log-dark")
    page = reading(f"{site.address}/?from=-7d", width=360, height=800, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    shot(page, "phone-top")
    page.locator("#rows tr").first.scroll_into_view_if_needed()
    page.evaluate("document.getElementById('log').scrollIntoView()")
    shot(page, "phone-rows")
    page.locator("#rows tr.event a.toggle").first.click()
    acts = page.locator("#rows .details .acts").first  # without a mouse there is no hovering
    expect(acts).to_be_visible()
    expect(acts).to_have_css("opacity", "1")
    page.evaluate("document.querySelector('#rows .details').scrollIntoView()")
    shot(page, "phone-opened")
    cells = page.locator(".changes tbody tr").first.locator("th, td")
    tops = cells.evaluate_all("cells => cells.map(cell => cell.getBoundingClientRect().top)")
    assert len(set(tops)) == 1  # before and after stay side by side
    acts.locator("a").first.click()
    page.wait_for_url("**not_activity=settings-changed**")


def test_form_filters_and_leaves_no_blanks_in_the_address(site: Served, reading: Opener) -> None:
    """What is typed becomes the question; what is in force stays."""
    page = reading(f"{site.address}/?from=-7d")
    page.fill("#f-activity", "login-failed")
    page.keyboard.press("Enter")
    page.wait_for_url("**activity=login-failed**")
    page.fill("#f-ip", "203.0.113.0/24")
    page.select_option("#f-outcome", "failure")
    page.click("text=Search")
    page.wait_for_url("**203.0.113.0**")
    assert asked(page) == {
        "activity": "login-failed",
        "outcome": "failure",
        "ip": "203.0.113.0/24",
        "from": "-7d",
    }
    assert activities(page) == {"login-failed"}
    assert set(page.locator("#rows .ip .v").all_text_contents()) == {"203.0.113.66"}


def test_text_is_found_in_messages(site: Served, reading: Opener) -> None:
    """The free text box."""
    page = reading(f"{site.address}/")
    page.fill("#f-text", "holidays opening")
    page.keyboard.press("Enter")
    page.wait_for_url("**text=**")
    assert activities(page) == {"settings-changed"}


@pytest.mark.parametrize(
    ("field", "typed", "found"),
    [
        ("user", "ada l", "Ada Lovelace"),
        ("activity", "LOGIN-F", "login-failed"),
        ("ip", "203.", "203.0.113.66"),
    ],
)
def test_suggestions_while_typing_by_keyboard(
    site: Served, reading: Opener, field: str, typed: str, found: str
) -> None:
    """A combobox: arrows choose, Enter takes, Escape closes; screen readers are told."""
    page = reading(f"{site.address}/")
    box = page.locator(f"#f-{field}")
    box.press_sequentially(typed)
    options = page.locator(f"#f-{field}-options [role=option]")
    expect(options.filter(has_text=found)).to_be_visible()
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(box).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowDown")
    expect(options.filter(has_text=found)).to_be_visible()
    for _ in range(options.all_text_contents().index(found) + 1):
        page.keyboard.press("ArrowDown")
    chosen = page.locator(f"#{box.get_attribute('aria-activedescendant')}")
    expect(chosen).to_have_text(found)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{field}=**")
    assert asked(page) == {field: found}


def test_suggestion_by_mouse(site: Served, reading: Opener, shot: Shot) -> None:
    """A click takes it too."""
    page = reading(f"{site.address}/?from=-7d")
    page.locator("#f-activity").press_sequentially("chat")
    option = page.locator("#f-activity-options [role=option]", has_text="chat-closed")
    expect(option).to_be_visible()
    shot(page, "suggestions")
    option.click()
    page.wait_for_url("**activity=chat-closed**")


def test_click_on_a_value_filters_and_the_sign_beside_it_excludes(
    site: Served, reading: Opener
) -> None:
    """Signs appear on hover and on focus."""
    page = reading(f"{site.address}/?from=-7d")
    page.locator("#rows .user .v", has_text="Ada Lovelace").first.click()
    page.wait_for_url("**user=Ada**")
    assert set(users(page)) == {"Ada Lovelace"}
    without = page.locator("#rows .activity [aria-label^='Without activity chat-opened']").first
    without.locator("xpath=ancestor::td").hover()
    expect(without.locator("xpath=..")).to_have_css("opacity", "1")
    without.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**not_activity=chat-opened**")
    assert "chat-opened" not in activities(page)
    assert asked(page) == {"user": "Ada Lovelace", "not_activity": "chat-opened", "from": "-7d"}


def test_chips_are_removed_and_turned_round(site: Served, reading: Opener, shot: Shot) -> None:
    """Each filter in force can be taken away; Back brings it back."""
    page = reading(f"{site.address}/?activity=login&not_user=system&from=-7d")
    shot(page, "chips")
    page.locator(".chip", has_text="Activity login").locator(".flip").click()
    page.wait_for_url("**not_activity=login**")
    assert "login" not in activities(page)
    page.get_by_label("Remove filter not User system").click()
    page.wait_for_url(lambda url: "not_user" not in url)
    page.go_back()
    page.wait_for_url("**not_user=system**")
    expect(page.locator(".chip.not")).to_have_count(2)


def test_quick_ranges(site: Served, reading: Opener) -> None:
    """One click; the one in force is marked."""
    page = reading(f"{site.address}/?activity=chat-closed&to=2026-01-01")
    page.click("text=24 h")
    page.wait_for_url("**from=-24h**")
    assert asked(page) == {"activity": "chat-closed", "from": "-24h"}
    expect(page.locator(".quick [aria-current]")).to_have_text("24 h")


def test_everything_is_in_the_address(site: Served, reading: Opener) -> None:
    """Who follows a link sees the same: filters, zone, interval, the open event."""
    link = (
        f"{site.address}/?user=Ada+Lovelace&from=2026-11-20T00%3A00&tz=Asia%2FTokyo&interval=1h"
        f"&open={CHANGE}"
    )
    page = reading(link, zone="America/New_York")
    expect(page.locator("#rows time").first).to_contain_text("2026-11-21 00:28:00")
    expect(page.locator(".intervals [aria-current]")).to_have_text("1h")
    expect(page.locator(".whole .message")).to_have_text("Opening hours were changed for the holidays")
    expect(page.locator("tr[aria-current]")).to_have_attribute("id", f"e-{CHANGE}")
    expect(page.locator("#f-from")).to_have_value("2026-11-20T00:00")


def test_reader_s_own_zone_is_asked_for_once(site: Served, reading: Opener) -> None:
    """Hours are the reader's own, UTC is in the title; days begin at their midnight."""
    page = reading(f"{site.address}/?from=today", zone="Pacific/Auckland")
    page.wait_for_selector("html[data-zone='Pacific/Auckland'][data-ready]", state="attached")
    time = page.locator("#rows time").first
    expect(time).to_contain_text("2026-11-21 04:28:00")
    expect(time).to_have_attribute("datetime", "2026-11-20T15:28:00.000Z")
    expect(time).to_have_attribute("title", "2026-11-20 15:28:00.000 UTC")
    expect(page.locator(".span")).to_contain_text("2026-11-21 00:00")
    assert "tz" not in asked(page)
    page.click("text=show UTC")
    page.wait_for_url("**tz=UTC**")
    expect(page.locator("#rows time").first).to_contain_text("2026-11-20 15:28:00")
    expect(page.locator(".own-zone")).to_have_text("· show Pacific/Auckland")


def test_page_works_without_javascript(site: Served, reading: Opener) -> None:
    """Form, filters, opening a row, further rows: all are links and a form."""
    page = reading(f"{site.address}/?from=-7d", java_script_enabled=False, wait=False)
    page.locator("a.toggle").first.click()
    expect(page.locator(".whole .changes")).to_be_visible()
    page.locator("#more").click()
    page.wait_for_url("**after=**")
    expect(page.locator("#rows tr.event")).to_have_count(100)
    page.click("text=back to the newest")
    page.fill("#f-user", "Ada Lovelace")
    page.click("text=Search")
    page.wait_for_url("**user=Ada**")
    assert "outcome" not in asked(page)
    assert set(users(page)) == {"Ada Lovelace"}


def test_export_asks_for_what_is_shown(site: Served, reading: Opener) -> None:
    """The same filters, the times as they were when the page was made."""
    page = reading(f"{site.address}/?user=Ada+Lovelace&not_activity=chat-opened&from=-7d&live=on")
    links = [page.locator(f".export a >> nth={n}").get_attribute("href") or "" for n in range(3)]
    forms = ({"format": "csv"}, {"format": "csv", "excel": "true"}, {"format": "ndjson"})
    for link, form in zip(links, forms, strict=True):
        assert dict(parse_qsl(urlsplit(link).query)) == {
            "user": "Ada Lovelace",
            "not_activity": "chat-opened",
            "from": "2026-11-13T15:30:00.000Z",
            **form,
        }


def test_export_comes_as_a_file_with_the_rows_shown(site: Served, reading: Opener) -> None:
    """A line for each event, and one of headings."""
    page = reading(f"{site.address}/?user=Ada+Lovelace&from=-7d")
    with page.expect_download() as coming:
        page.locator(".export").get_by_text("CSV", exact=True).click()
    lines = coming.value.path().read_text().splitlines()
    assert len(lines) == 1 + page.locator("#rows tr.event").count()
    with page.expect_download() as coming:
        page.locator(".export").get_by_text("NDJSON").click()
    events = [json.loads(line) for line in coming.value.path().read_text().splitlines()]
    assert {event["audit"]["user"] for event in events} == {"Ada Lovelace"}
    expect(page.locator("body.loading")).to_have_count(0)


def test_skip_link_leads_to_the_content(site: Served, reading: Opener) -> None:
    """The first stop of the Tab key."""
    page = reading(f"{site.address}/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_search_is_noted_once_for_all_its_pages(site: Served, reading: Opener) -> None:
    """Reading on is no new search."""
    site.published.clear()
    page = reading(f"{site.address}/?activity=chat-closed&service=chat-api")
    page.locator("#further").scroll_into_view_if_needed()
    expect(page.locator("#rows tr.event").nth(150)).to_be_attached()
    noted = [action for action, _ in site.published]
    assert noted == ["audit-log-searched"]
