"""The page's Alerts part in a real browser: live, by keyboard, on a phone, hostile, accessible."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from audit_alerts import Actor, AlertDesk, AlertFilter, CloseReason, Step, TriageStep
from playwright.sync_api import Page, expect
from server.page.alert_cases import BEN, NOW, attacked_log, long_attack, many_alerts
from server.page.axe import violations
from server.page.page_server import Served, serving
from support.servers import Servers
from support.stored_alerts import made_alert, stored_alerts

pytestmark = pytest.mark.servers

Opener = Callable[..., Page]
Shot = Callable[..., None]

LONG = f"/alerts/{long_attack()[0]}"
WAYS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"width": 360, "height": 800, "has_touch": True, "is_mobile": True},
}
PAGES = {
    "alerts": "/alerts",
    "alert": LONG,
    "rules": "/rules?rule=brute-force",
    "exceptions": "/exceptions",
    "exception": f"/exceptions/new?alert={long_attack()[0]}&about=source.ip&until=2026-12-20"
    "&because=A+scanner+of+ours&do=preview",
}


@pytest.fixture(scope="module")
def desk_site(servers: Servers) -> Iterator[tuple[Served, AlertDesk]]:
    """Give a served page over a log with attacks and their alerts, and the desk behind it."""
    alerts = many_alerts()
    with (
        attacked_log(servers) as deployment,
        stored_alerts(deployment, *alerts) as desk,
        serving(deployment) as served,
    ):
        served.now = NOW
        acknowledge = TriageStep(Step.ACKNOWLEDGE, note="Known from last week; I ask their provider")
        desk.triage(long_attack()[0], acknowledge, BEN)
        benign = TriageStep(Step.CLOSE, reason=CloseReason.BENIGN)
        desk.triage(alerts[-1][0], benign, BEN)
        settled = datetime(2026, 12, 20, tzinfo=UTC)
        scanner = desk.exceptions.draft(
            desk.alert(alerts[-2][0]), until=settled, because="The weekly scan; ask the network team"
        )
        desk.exceptions.create(scanner, BEN)
        yield served, desk


LOOKED_AT = [
    *((name, way) for name in ("alerts", "alert") for way in WAYS),
    *(("rules", "dark"), ("exceptions", "phone"), ("exception", "light")),
]
"""All ways for what everybody opens; the others are made of the same pieces."""


@pytest.mark.parametrize(("name", "way"), LOOKED_AT)
def test_axe_finds_no_violation_in_the_alerts_part(
    desk_site: tuple[Served, AlertDesk], reading: Opener, shot: Shot, name: str, way: str
) -> None:
    """In light and dark, and on a phone, where nothing is wider than the screen."""
    served, _ = desk_site
    page = reading(served.address + PAGES[name], bypass_csp=True, reduced_motion="reduce", **WAYS[way])
    shot(page, f"{name}-{way}", full=True)
    shot(page, f"{name}-{way}-top")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_alerts_are_chosen_and_closed_by_keyboard_alone(
    desk_site: tuple[Served, AlertDesk], reading: Opener, shot: Shot
) -> None:
    """Tab, space and enter; the bar follows what is chosen."""
    served, desk = desk_site
    page = reading(f"{served.address}/alerts?rule=settings-burst")
    page.locator(".pick input").first.focus()
    page.keyboard.press("Space")
    page.locator("#b-reason").focus()
    page.keyboard.type("test")
    page.keyboard.press("Tab")
    assert "close" == page.evaluate("document.activeElement.value")
    shot(page, "alerts-chosen")
    page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_have_text("1 alert closed.")
    expect(page.locator(".empty")).to_contain_text("No alerts match")
    found = desk.alerts(AlertFilter(rules=["settings-burst"])).alerts
    assert [CloseReason.TEST] == [alert.reason for alert in found]


def test_alerts_are_stepped_through_and_opened_by_keys(
    desk_site: tuple[Served, AlertDesk], reading: Opener
) -> None:
    """Keys j and k go from row to row, Enter opens one; a checkbox with the focus is where one is."""
    served, _ = desk_site
    page = reading(f"{served.address}/alerts?status=any")
    links = page.locator("#alert-rows a.row-link")
    names = links.evaluate_all("some => some.map(one => new URL(one.href).pathname)")

    def at() -> str:
        return str(page.evaluate("new URL(document.activeElement.href).pathname"))

    page.keyboard.press("j")
    assert at() == names[0]
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert at() == names[1]
    page.locator(".pick input").nth(2).focus()
    page.keyboard.press("j")
    assert at() == names[3]
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{names[3]}**")
    expect(page.locator("h1")).to_be_visible()


def test_live_list_follows_without_disturbing_who_chooses(
    desk_site: tuple[Served, AlertDesk], reading: Opener
) -> None:
    """What somebody else closes goes away, but not under the hands of who has chosen one."""
    served, desk = desk_site
    page = reading(f"{served.address}/alerts?rule=unusual-hours&status=any&live=on")
    expect(page.locator("#alert-rows .status")).to_have_text("open")
    (alert,) = desk.alerts(AlertFilter(rules=["unusual-hours"])).alerts
    desk.triage(alert.id, TriageStep(Step.ACKNOWLEDGE), BEN)
    expect(page.locator("#alert-rows .status")).to_have_text("acknowledged", timeout=20_000)
    page.locator(".pick input").check()
    expect(page.locator("#alert-tail")).to_contain_text("while alerts are chosen", timeout=20_000)


def test_event_on_the_line_of_time_leads_to_its_row(
    desk_site: tuple[Served, AlertDesk], reading: Opener
) -> None:
    """And a row unfolds where it stands."""
    served, _ = desk_site
    page = reading(served.address + LONG)
    first = page.locator(".timeline a").first
    first.focus()
    page.keyboard.press("Enter")
    target = page.locator("tr.event:target")
    expect(target).to_be_visible()
    target.locator("a.toggle").click()
    expect(page.locator("tr.details")).to_contain_text("login-failed")


def test_hostile_alert_is_text(servers: Servers, reading: Opener) -> None:
    """Names, notes, reasons and rules of others: shown as they are, and nothing of it obeyed."""
    attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}'
    hostile = made_alert("inhuman-chat-closing", attack[:60], attack, users=(attack,))
    hostile[1]["rule"] |= {"description": attack, "name": attack[:80]}
    hostile[1]["audit"]["alert"]["what_to_do"] = attack
    with (
        attacked_log(servers) as deployment,
        stored_alerts(deployment, hostile) as desk,
        serving(deployment) as served,
    ):
        served.now = NOW
        by = Actor(attack[:100])
        desk.triage(hostile[0], TriageStep(Step.ASSIGN, note=attack, assignee=attack), by)
        draft = desk.exceptions.draft(
            desk.alert(hostile[0]), until=datetime(2026, 12, 20, tzinfo=UTC), because=attack
        )
        desk.exceptions.create(draft, by)
        for path in ("/alerts", f"/alerts/{hostile[0]}", "/exceptions", "/rules"):
            page = reading(served.address + path)
            assert 0 == page.locator("script:not([src]), img").count()
            if path != "/rules":
                expect(page.locator("main")).to_contain_text("<script>alert(1)</script>")
                expect(page.locator("main")).to_contain_text("{{ 7 * 7 }}")
