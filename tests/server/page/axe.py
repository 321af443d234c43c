"""axe-core, which finds what keeps people from using a page: the pinned npm package, injected."""

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page
from support.debian import found_or_installed
from support.kept_tools import kept_tool

__all__ = ["violations"]

_VERSION = "4.14.1"


def violations(page: Page) -> list[str]:
    """Return what axe objects to, with the elements it means; also best practices, not rules alone."""
    page.add_script_tag(path=_script())
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:4]]}"
        for one in found["violations"]
    ]


@cache
def _script() -> Path:
    """Return axe's file, fetched once."""
    home = kept_tool(f"axe-{_VERSION}")
    script = home / "node_modules" / "axe-core" / "axe.min.js"
    if script.exists():
        return script
    assert found_or_installed(lambda: shutil.which("npm"), "npm"), "axe comes by npm: install it"
    home.mkdir(parents=True, exist_ok=True)
    package = f"axe-core@{_VERSION}"
    quiet = ("--no-save", "--no-audit", "--no-fund", "--ignore-scripts")
    subprocess.run(["npm", "install", *quiet, "--prefix", str(home), package], check=True)
    return script
