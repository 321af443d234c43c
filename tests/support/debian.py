"""Debian's packages that tests need and a machine may lack."""

import os
import shutil
import subprocess
from collections.abc import Callable

from audit_local.lock import locked
from support.kept_tools import kept_tool

__all__ = ["has_after_installing"]

_APT = ("apt-get", "--quiet", "--option=DPkg::Lock::Timeout=300")


def has_after_installing(is_there: Callable[[], object], *packages: str) -> bool:
    """Tell whether something is there; where it is not, install packages first, if we may.

    One at a time: apt refuses while another worker installs.
    """
    if not is_there():
        with locked(kept_tool("apt.lock")):
            if not is_there() and os.geteuid() == 0 and shutil.which(_APT[0]):
                _run("update")
                _run("install", "--yes", "--no-install-recommends", *packages)
    return bool(is_there())


def _run(*words: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*_APT, *words], env=environment, check=False)
