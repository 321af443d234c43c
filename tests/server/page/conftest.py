"""Fixtures of the page's tests: one served page for all, a browser for each file, and a strict eye."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect
from server.page.chromium import chromium
from server.page.page_server import Served, serving, store
from server.page.people import all_events
from support.log_index import log_index
from support.servers import ROOT, Servers

SCREENSHOTS = ROOT / "build" / "screenshots"

Opener = Callable[..., Page]

expect.set_options(timeout=30_000)  # on a busy machine; only a test that fails waits for it


@pytest.fixture(scope="session")
def site(servers: Servers) -> Iterator[Served]:
    """Give the page over a log of thousands of events, made ones and real ones. Only to be read."""
    with log_index(servers) as deployment:
        store(deployment, all_events())
        with serving(deployment) as served:
            yield served


@pytest.fixture
def own_site(servers: Servers) -> Iterator[Served]:
    """Give a page over an empty log of the test's own."""
    with log_index(servers) as deployment, serving(deployment) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser; it ends with the module, since playwright's loop runs in the tests' thread.

    A scope of "package" would last for the session: there is no package, and other tests run loops.
    """
    with chromium() as found:
        yield found


@pytest.fixture
def reading(browser: Browser) -> Iterator[Opener]:
    """Give a function that opens an address as a reader would, in a window of their own.

    The test fails if anything is written to the console as an error, a dialog opens, a script
    breaks, or anything is asked of another host. `expects` names errors that belong to the test.
    """
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def open_page(
        address: str,
        *,
        width: int = 1360,
        height: int = 900,
        zone: str = "UTC",
        expects: str = "nothing at all",
        wait: bool = True,
        **options: Any,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, timezone_id=zone, **options
        )
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        host = address.split("/")[2]
        page.on("dialog", lambda dialog: _dismiss(dialog, troubles))
        page.on("pageerror", lambda error: troubles.append(f"script: {error}"))
        page.on("console", lambda said: _hear(said.type, said.text, expects, troubles))
        page.on("request", lambda asked: _watch(asked.url, host, troubles))
        page.goto(address)
        if wait:
            page.wait_for_selector("html[data-ready]", state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles


@pytest.fixture
def shot() -> Callable[[Page, str], None]:
    """Give a function that keeps a picture of the page; CI keeps the folder."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str, *, full: bool = False) -> None:
        page.screenshot(path=Path(SCREENSHOTS, f"{name}.png"), full_page=full, animations="disabled")

    return take


def _dismiss(dialog: Dialog, troubles: list[str]) -> None:
    troubles.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def _hear(kind: str, text: str, expects: str, troubles: list[str]) -> None:
    if kind in ("error", "warning") and expects not in text:
        troubles.append(f"console {kind}: {text}")


def _watch(url: str, host: str, troubles: list[str]) -> None:
    if url.startswith(("http:", "https:", "ws:")) and url.split("/")[2] != host:
        troubles.append(f"asked of another host: {url}")
