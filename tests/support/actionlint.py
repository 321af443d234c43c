"""actionlint, the checker of GitHub's workflow files: built once from its Go module."""

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from handbook.programs import go_home
from support.kept_tools import kept_tool

__all__ = ["actionlint"]

_VERSION = "1.7.12"


def actionlint(workflow: Path) -> str:
    """Return what is wrong with a workflow file, an empty string if nothing is."""
    # Without shellcheck and pyflakes, which it calls where they are installed: same result everywhere.
    command = [_executable(), "-shellcheck=", "-pyflakes=", "-no-color", str(workflow)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@cache
def _executable() -> str:
    kept = kept_tool(f"actionlint-{_VERSION}")
    if not kept.exists():
        _build(kept)
    return str(kept)


def _build(kept: Path) -> None:
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        variables = {"GOBIN": folder, "PATH": f"{go_home()}{os.pathsep}{os.environ['PATH']}"}
        module = f"github.com/rhysd/actionlint/cmd/actionlint@v{_VERSION}"
        install = ["go", "install", module]
        done = subprocess.run(
            install,
            env=os.environ | variables,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        Path(folder, "actionlint").replace(kept)
