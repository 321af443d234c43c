"""The page's Alerts part in a real browser: live, by keyboard, on a phone, hostile, accessible."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from audit_alerts import AlertDesk, CloseReason, Step, TriageStep
from playwright.sync_api import Page
from server.page.alert_cases import BEN, NOW, attacked_log, long_attack, many_alerts
from server.page.axe import violations
from server.page.page_server import Served, serving
from support.servers import Servers
from support.stored_alerts import stored_alerts

pytestmark = pytest.mark.servers

Opener = Callable[..., Page]
Shot = Callable[..., None]

LONG = f"/alerts/{long_attack()[0]}"
WAYS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"width": 360, "height": 800, "has_touch": True, "is_mobile": True},
}
PAGES = {"alerts": "/alerts", "alert": LONG, "rules": "/rules?rule=brute-force"}


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
        yield served, desk


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in PAGES for way in WAYS])
def test_axe_finds_no_violation_in_the_alerts_part(
    desk_site: tuple[Served, AlertDesk], reading: Opener, shot: Shot, name: str, way: str
) -> None:
    """In light and dark, and on a phone, where nothing is wider than the screen."""
    served, _ = desk_site
    page = reading(served.address + PAGES[name], bypass_csp=True, reduced_motion="reduce", **WAYS[way])
    shot(page, f"{name}-{way}", full=True)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
