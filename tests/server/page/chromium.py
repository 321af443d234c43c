"""A headless Chromium to drive: the system's, else playwright's own, else Debian's package."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright, sync_playwright

__all__ = ["chromium", "run_as_root"]

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


def run_as_root(*command: str) -> bool:
    """Run a package manager's command, if we are root and there is one; tell whether it went well."""
    if not _is_root() or shutil.which(command[0]) is None:
        return False
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, check=False).returncode == 0


def _executable(playwright: Playwright) -> str | None:
    """Return the browser's path; None for playwright's own, which is fetched where there is none."""
    if found := _installed():
        return found
    if os.path.exists(playwright.chromium.executable_path):  # noqa: PTH110 - a text, not a path of ours
        return None
    download = [sys.executable, "-m", "playwright", "install", "chromium"]
    if subprocess.run(download, check=False).returncode == 0:
        return None
    run_as_root("apt-get", "update", "--quiet")
    if run_as_root("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"):
        return _installed()
    raise AssertionError("the page's tests need a browser: install chromium, or google-chrome")


def _installed() -> str | None:
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def _is_root() -> bool:
    return os.geteuid() == 0
