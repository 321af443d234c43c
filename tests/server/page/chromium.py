"""A headless Chromium to drive: the shell without windows, or else a whole browser.

The shell opens a page in a third of a browser's CPU time.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from playwright.sync_api import Browser, Playwright, sync_playwright
from support.debian import found_or_installed

__all__ = ["chromium"]

_SHELLS = ("chromium-headless-shell", "chrome-headless-shell")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
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
    if found := _shell() or _first(_BROWSERS):
        return found
    if os.path.exists(playwright.chromium.executable_path):  # noqa: PTH110 - a text, not a path of ours
        return None
    download = [sys.executable, "-m", "playwright", "install", "chromium"]
    if subprocess.run(download, check=False).returncode == 0:
        return None
    if found := found_or_installed(lambda: _first(_BROWSERS), "chromium"):
        return found
    raise AssertionError("the page's tests need a browser: install chromium, or google-chrome")


@cache
def _shell() -> str | None:
    return found_or_installed(lambda: _first(_SHELLS), "chromium-headless-shell")


def _first(names: Sequence[str]) -> str | None:
    """Return where the first of these programs is that is there."""
    return next((path for name in names if (path := shutil.which(name))), None)


def _is_root() -> bool:
    return os.geteuid() == 0
