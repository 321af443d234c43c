"""Prometheus' own tool for rules: the system's, else that of Debian's package, which is not installed.

Installing it would start a server. So the package is only unpacked, once.
"""

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from support.debian import apt_alone
from support.kept_tools import kept_tool

__all__ = ["checked_rules", "promtool"]


def promtool(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run it to its end."""
    command = [_executable(), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def checked_rules(rules: Path) -> str:
    """Return what is wrong with a file of rules; nothing if it is well."""
    said = promtool("check", "rules", rules)
    return "" if said.returncode == 0 else said.stdout + said.stderr


@cache
def _executable() -> str:
    if found := shutil.which("promtool"):
        return found
    kept = kept_tool("promtool")
    with apt_alone():
        if not kept.exists():
            _unpack(kept)
    return str(kept)


def _unpack(kept: Path) -> None:
    """Get the package and keep the one file of it, which is there whole or not at all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # apt downloads as an account of its own
        download = ["apt-get", "download", "--quiet", "prometheus"]
        if not _run(download, folder):
            _run(["apt-get", "update", "--quiet"], folder)
            _run(download, folder)
        (package, *_) = [*folder.glob("prometheus_*.deb"), None]
        if package is None or not _run(["dpkg", "-x", package.name, "x"], folder):
            raise AssertionError("the tests of Prometheus' rules need promtool: install prometheus")
        beside = kept.with_suffix(f".{os.getpid()}")
        shutil.copy(folder / "x" / "usr" / "bin" / "promtool", beside)
        beside.replace(kept)


def _run(command: list[str], folder: Path) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode == 0
