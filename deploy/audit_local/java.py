"""Find a recent enough Java, or download one."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from audit_local.errors import JavaMissingError

__all__ = ["MINIMUM", "find_java", "java_version"]

MINIMUM = 21
"""Elasticsearch 9 needs 21, Kafka 4 needs 17."""

_USUAL = (
    "/usr/lib/jvm/*",
    "/usr/java/*",
    "/opt/java/*",
    "/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
)


def find_java(chosen: Path | None, cache: Path) -> Path:
    """Return the home of the first Java of version 21 or later.

    Looked at in this order: the setting, JAVA_HOME, the PATH, the usual folders, and last what
    cjdk can fetch into `cache`. Run by root, only one that the servers' account can reach.

    Raises JavaMissingError, also where the setting names one that is too old.
    """
    if chosen is not None:
        version = java_version(chosen)
        if version is None or version < MINIMUM:
            found = "not a Java home" if version is None else f"Java {version}"
            raise JavaMissingError(
                f"AUDITLOG_LOCAL_JAVA_HOME={chosen} is {found}; Java {MINIMUM} or later is needed"
            )
        return chosen
    for home in _candidates():
        version = java_version(home)
        if version is not None and version >= MINIMUM and _is_reachable(home):
            return home
    return _fetch(cache)


def java_version(home: Path) -> int | None:
    """Return the major version of the Java in `home`, None if there is none that runs."""
    java = home / "bin" / "java"
    if not java.is_file():
        return None
    try:
        written = (home / "release").read_text()
    except OSError:
        try:
            asked = subprocess.run(  # noqa: S603 - a Java that the user installed
                [java, "-version"], capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        written = asked.stderr
    match = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)', written)
    return int(match[1]) if match else None


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home)
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent
    for pattern in _USUAL:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)


def _is_reachable(home: Path) -> bool:
    """Tell whether the servers' account can access the folder, if it differs from ours."""
    if os.geteuid() != 0:
        return True
    return all(folder.stat().st_mode & 0o001 for folder in (home, *home.resolve().parents))


def _fetch(cache: Path) -> Path:
    import cjdk  # noqa: PLC0415 - slow to import, and rarely needed

    try:
        return Path(cjdk.java_home(vendor="temurin", version=f"{MINIMUM}+", cache_dir=cache))
    except Exception as error:
        raise JavaMissingError(
            f"Java {MINIMUM} or later is missing and could not be downloaded ({type(error).__name__}). "
            "Install one (Debian: apt-get install openjdk-21-jre-headless; "
            "macOS: brew install openjdk), or set AUDITLOG_LOCAL_JAVA_HOME"
        ) from error
