"""A headless Chromium to drive: the system's, else playwright's own, else Debian's package."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright, sync_playwright
from support.debian import has_after_installing

__all__ = ["chromium"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser; the loop that playwright runs in this thread ends with it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_executable(playwright),
            args=[*_QUIET, *(["--no-sandbox"] if _is_root() else [])],
        )
        try:
            yield browser
        finally:
            browser.close()


def _executable(playwright: Playwright) -> str | None:
    """Return the browser's path; None for playwright's own, which is fetched where there is none."""
    if found := _installed():
        return found
    if os.path.exists(playwright.chromium.executable_path):  # noqa: PTH110 - a text, not a path of ours
        return None
    download = [sys.executable, "-m", "playwright", "install", "chromium"]
    if subprocess.run(download, check=False).returncode == 0:
        return None
    if has_after_installing(_installed, "chromium"):
        return _installed()
    raise AssertionError("the page's tests need a browser: install chromium, or google-chrome")


def _installed() -> str | None:
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def _is_root() -> bool:
    return os.geteuid() == 0
