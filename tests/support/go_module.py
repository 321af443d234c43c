"""Modules of Go: their files, and programs of ours that are built from them, each once a machine."""

import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

from handbook.programs import go_home
from support.kept_tools import kept_tool
from support.servers import ROOT

__all__ = ["go_module", "go_program"]


@cache
def go_module(module: str) -> Path:
    """Return the folder of a module, `PATH@VERSION`, which go keeps after it was downloaded once."""
    return Path(json.loads(_go("mod", "download", "-json", module))["Dir"])


@cache
def go_program(sources: Path) -> Path:
    """Return the program built from a folder of sources, which is kept until one of them changes."""
    files = [path for path in sorted(sources.iterdir()) if path.suffix in {".go", ".mod", ".sum"}]
    digest = sha256(b"".join(b"%b\0%b\0" % (f.name.encode(), f.read_bytes()) for f in files))
    program = kept_tool(f"{sources.name}-{digest.hexdigest()[:16]}")
    if not program.exists():
        with tempfile.TemporaryDirectory(dir=program.parent) as folder:
            copy = Path(folder, "sources")  # go may touch go.sum, and no test changes the repository
            copy.mkdir()
            for file in files:
                shutil.copy(file, copy)
            built = Path(folder, program.name)
            _go("build", "-buildvcs=false", "-o", str(built), ".", folder=copy)
            built.replace(program)
    return program


def _go(*arguments: str, folder: Path | None = None) -> str:
    variables = {"PATH": f"{go_home()}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["go", *arguments],
        cwd=folder or ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout
