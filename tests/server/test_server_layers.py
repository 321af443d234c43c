"""The API and the page stand beside each other, on what they share; the application on both."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import ROOT

SERVER = ROOT / "server" / "audit_server"
TOP = {"app.py", "serve.py", "commands.py"}
"""What may know both, or starts what does."""


def imported(module: Path) -> Iterator[str]:
    """Yield the parts of the server that a module imports: `api`, `page`, `app`, `access`."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "audit_server":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("audit_server."):
            yield str(node.module).split(".")[1]


@pytest.mark.parametrize(
    ("modules", "forbidden"),
    [
        ("api/*.py", {"page", "app", "serve"}),
        ("page/*.py", {"api", "app", "serve"}),
        ("*.py", {"api", "page", "app"}),
    ],
)
def test_api_and_page_do_not_import_each_other(modules: str, forbidden: set[str]) -> None:
    """Nor does what they share import either of them."""
    found = [path for path in SERVER.glob(modules) if path.name not in TOP]
    assert found
    for path in found:
        assert not set(imported(path)) & forbidden, path
