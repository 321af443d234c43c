"""Events are hostile: whatever is in them is shown as text, and nothing of it is obeyed."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from audit_admin import set_up
from audit_producer import new_event
from playwright.sync_api import Page, expect
from server.page.page_server import NOW, Served, serving, store
from support.servers import Servers, new_deployment, tear_down

pytestmark = pytest.mark.servers

Opener = Callable[..., Page]

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "javascript:alert(1)",
    "</title></textarea></style><script>alert(1)</script>",
    "</svg><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raise %}",
    "<!--<iframe srcdoc='<script>parent.alert(1)</script>'>",
    "//evil.example/%22onmouseover=alert(1)",
    "data:text/html,<script>alert(1)</script>",
)


def hostile(attack: str, number: int) -> Any:
    """Make an event with the attack in every text that a publisher chooses."""
    account = {"id": f"id {attack}", "name": attack, "email": attack, "roles": [attack]}
    return new_event(
        "user-changed",
        user=account,  # type: ignore[arg-type]
        target_user=account,  # type: ignore[arg-type]
        ip="203.0.113.9",
        chat=attack,
        session=attack,
        target={"type": attack, "id": attack, "name": attack},
        changes={attack: (attack, f"{attack} after")},
        organization=attack,
        service=attack,
        user_agent=attack,
        trace=attack,
        reason=attack,
        message=attack,
        labels={attack: attack},
        at=NOW - timedelta(minutes=number),
        event_id=f"hostile-event-{number:03}",
    )


@pytest.fixture(scope="module")
def attacked(servers: Servers) -> Iterator[Served]:
    """Give a page over hostile events alone."""
    deployment = new_deployment(servers)
    list(set_up(deployment.setup))
    try:
        store(deployment, [hostile(attack, number) for number, attack in enumerate(ATTACKS)])
        with serving(deployment) as served:
            yield served
    finally:
        tear_down(deployment)


def assert_nothing_was_obeyed(page: Page) -> None:
    """Hold that the page has the elements that its templates have, and no others."""
    strange = page.evaluate(
        """() => [...document.querySelectorAll('*')].flatMap((element) => {
            const found = [];
            if (['IFRAME', 'IMG', 'OBJECT', 'EMBED', 'STYLE', 'BASE'].includes(element.tagName)) {
                found.push(element.outerHTML);
            }
            if (element.tagName === 'SCRIPT' && element.getAttribute('src') !== '/static/app.js') {
                found.push(element.outerHTML);
            }
            for (const {name, value} of element.attributes) {
                const leads = ['href', 'action', 'data-link', 'data-details', 'data-rows']
                    .includes(name);
                if (name.startsWith('on') || name === 'style' && element.className !== 'shade') {
                    found.push(`${name}=${value}`);
                }
                if (leads && new URL(value, location.href).origin !== location.origin) {
                    found.push(`${name}=${value}`);
                }
            }
            return found;
        })"""
    )
    assert strange == []


@pytest.mark.parametrize("number", range(len(ATTACKS)))
def test_hostile_event_is_text_wherever_it_is_shown(
    attacked: Served, reading: Opener, number: int
) -> None:
    """Rows, details, the user's page, its own page: no dialog, no element, no script."""
    attack = ATTACKS[number]
    page = reading(f"{attacked.address}/?open=hostile-event-{number:03}")
    row = page.locator(f"#e-hostile-event-{number:03}")
    expect(row.locator(".user .v")).to_have_text(attack)
    inside = page.locator(".details .whole")
    expect(inside.locator(".message")).to_have_text(attack)
    expect(inside.locator(".changes del")).to_have_text(attack)
    expect(inside.locator(".changes ins")).to_have_text(f"{attack} after")
    page.click("text=JSON >> nth=-1")
    assert_nothing_was_obeyed(page)
    inside.get_by_text("User's page", exact=True).click()
    expect(page.locator("h1")).to_have_text(attack)
    assert_nothing_was_obeyed(page)
    page.goto(f"{attacked.address}/events/hostile-event-{number:03}")
    expect(page.locator(".whole .message")).to_have_text(attack)
    assert_nothing_was_obeyed(page)


def test_hostile_filter_is_text(attacked: Served, reading: Opener) -> None:
    """Chips and the title, after each way that leads from an event."""
    attack = ATTACKS[1]
    page = reading(f"{attacked.address}/?open=hostile-event-001")
    inside = page.locator(".details .whole")
    inside.get_by_text("This chat", exact=True).click()
    expect(page.locator("h1")).to_have_text(f"Chat {attack}")
    expect(page.locator(".turn")).to_have_count(1)
    assert_nothing_was_obeyed(page)
    page.go_back()
    for way in ("This session", "This user"):
        inside.get_by_text(way, exact=True).click()
        expect(page.locator(".chip .v")).to_have_text(attack)
        expect(page.locator("#rows tr.event")).to_have_count(1)
        assert_nothing_was_obeyed(page)
        page.go_back()


def test_hostile_rows_that_scripts_put_in_are_text(attacked: Served, reading: Opener) -> None:
    """Unfolded rows, suggestions, the readout of the histogram, the live tail."""
    page = reading(f"{attacked.address}/?live=on")
    for toggle in page.locator("a.toggle").all():
        toggle.click()
    expect(page.locator(".details .message")).to_have_count(len(ATTACKS))
    assert_nothing_was_obeyed(page)
    page.locator("#f-user").press_sequentially("<script")
    expect(page.locator("#f-user-options [role=option]").first).to_have_text(ATTACKS[0])
    assert_nothing_was_obeyed(page)
    attacked.store(hostile('<b onclick="alert(1)">tail</b><script>alert(1)</script>', 100))
    expect(page.locator("#rows tr.event").first).to_contain_text("<b onclick")
    page.locator(".bar").last.focus()
    assert_nothing_was_obeyed(page)


@pytest.mark.parametrize(
    "address",
    [
        "/?user=%3Cscript%3Ealert(1)%3C/script%3E&text=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E",
        "/?%3Cscript%3Ealert(1)%3C/script%3E=1",
        "/?ip=%3Cscript%3Ealert(1)%3C/script%3E",
        "/?open=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/?tz=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/users/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/events/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "//evil.example/%3Cscript%3Ealert(1)%3C/script%3E",
        "/?from=%3Cscript%3E&interval=%3Cscript%3E",
    ],
)
def test_hostile_address_is_text(attacked: Served, reading: Opener, address: str) -> None:
    """A link that somebody sends does nothing either."""
    page = reading(attacked.address + address, expects="Failed to load resource")
    assert_nothing_was_obeyed(page)


def test_policy_would_stop_what_slipped_through(attacked: Served, reading: Opener) -> None:
    """The second line of defence is there: an inline script that is put in does not run."""
    page = reading(f"{attacked.address}/", expects="Content Security Policy")
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'document.title = "obeyed"';
            document.body.append(script);
            const image = '<img src="data:," onerror="document.title=1">';
            document.body.insertAdjacentHTML('beforeend', image);
        }"""
    )
    assert page.title() == "Audit Logs"
