"""Debian's packages that tests need and a machine may lack."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from audit_local.lock import locked
from support.kept_tools import kept_tool

__all__ = ["apt_alone", "found_or_installed"]

_APT = ("apt-get", "--quiet", "--option=DPkg::Lock::Timeout=300")


@contextmanager
def apt_alone() -> Iterator[None]:
    """Let no other worker use apt meanwhile, which refuses to serve two."""
    with locked(kept_tool("apt.lock")):
        yield


def found_or_installed(find: Callable[[], str | None], *packages: str) -> str | None:
    """Return what `find` does; where that is nothing, after packages were installed, if we may."""
    if found := find():
        return found
    with apt_alone():
        if not find() and os.geteuid() == 0 and shutil.which(_APT[0]):
            _run("update")
            _run("install", "--yes", "--no-install-recommends", *packages)
    return find()


def _run(*words: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*_APT, *words], env=environment, check=False)
