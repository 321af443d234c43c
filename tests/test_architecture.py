"""What holds the code together: imports one way, documented names and settings."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_cli.settings import all_settings, markdown_table
from servers import ROOT

PACKAGES = {
    "audit_schemas": "schemas",
    "audit_producer": "producer",
    "audit_monitor": "monitor",
    "audit_consumer": "consumer",
    "audit_query": "query",
    "audit_alerts": "alerts",
    "audit_local": "deploy",
    "audit_cli": "cli",
}

MAY_IMPORT = {
    "audit_schemas": set(),
    "audit_producer": {"audit_schemas"},
    "audit_monitor": set(),
    "audit_consumer": {"audit_schemas", "audit_monitor", "audit_producer"},  # the last: upkeep alone
    # but for schemas: test_only_the_server_publishes_and_is_watched
    "audit_query": {"audit_schemas", "audit_producer", "audit_monitor"},
    "audit_alerts": {"audit_schemas", "audit_query", "audit_monitor"},
    "audit_local": set(),
    "audit_cli": set(PACKAGES) - {"audit_cli"},
}

# The base install: what a publishing service gets.
BASE = {"pydantic", "pydantic_core", "confluent_kafka"}
EXTRAS = {
    "typer",
    "rich",
    "pydantic_settings",
    "elasticsearch",
    "structlog",
    "prometheus_client",
    "jgo",
    "cjdk",
    "psutil",
    "msgspec",
    "anyio",
    "fastapi",
    "jinja2",
    "markupsafe",
    "starlette",
    "urllib3",
    "uvicorn",
    "sigma",
    "yaml",
}


def modules() -> Iterator[Path]:
    """Yield every module of ours."""
    for package, folder in PACKAGES.items():
        yield from (ROOT / folder / package).rglob("*.py")


def imported(module: Path) -> set[str]:
    """Return the top-level packages that a module imports."""
    tree = ast.parse(module.read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package: str) -> None:
    """Schemas <- producer, consumer, query; only the command line knows them all."""
    for module in (ROOT / PACKAGES[package] / package).rglob("*.py"):
        ours = imported(module) & set(PACKAGES)
        assert ours - {package} <= MAY_IMPORT[package], module


def test_only_the_server_publishes_and_is_watched() -> None:
    """Whoever asks the log from Python or the command line needs no producer, nor a monitor."""
    for module in (ROOT / "query" / "audit_query").rglob("*.py"):
        if module.parent.name != "web":
            assert not imported(module) & {"audit_producer", "audit_monitor"}, module


def test_only_upkeep_of_the_consumer_publishes() -> None:
    """What indexes events makes none; what deletes an index says so in the log."""
    for module in (ROOT / "consumer" / "audit_consumer").rglob("*.py"):
        if module.parent.name != "upkeep":
            assert "audit_producer" not in imported(module), module


def test_schemas_and_sdk_need_only_the_base_install() -> None:
    """All but the command line's own modules of the SDK."""
    for package in ("audit_schemas", "audit_producer"):
        for module in (ROOT / PACKAGES[package] / package).rglob("*.py"):
            if module.name != "commands.py":
                assert not imported(module) & EXTRAS, module


def test_no_client_is_imported_by_the_contract() -> None:
    """The contract is pure: no Kafka, no Elasticsearch."""
    for module in (ROOT / "schemas" / "audit_schemas").rglob("*.py"):
        assert not imported(module) & {"confluent_kafka", "elasticsearch"}, module


def public_modules() -> list[str]:
    """Return the names of all modules that can be imported."""
    return [
        info.name
        for package, folder in PACKAGES.items()
        for info in pkgutil.walk_packages([str(ROOT / folder / package)], f"{package}.")
        if not info.name.endswith("__main__")
    ]


@pytest.mark.parametrize("name", public_modules())
def test_all_is_complete_and_its_names_are_documented(name: str) -> None:
    """`__all__` is sorted, names what exists, and every function and class in it says its contract."""
    module = importlib.import_module(name)
    assert module.__doc__
    assert len(module.__all__) == len(set(module.__all__))
    for public in module.__all__:
        value = getattr(module, public)
        if callable(value) and getattr(value, "__module__", "").startswith("audit_"):
            assert value.__doc__, f"{name}.{public}"


@pytest.mark.parametrize("module", sorted(modules()), ids=lambda path: path.stem)
def test_modules_stay_readable(module: Path) -> None:
    """A module that outgrows a sitting holds a second noun."""
    assert len(module.read_text().splitlines()) <= 350


def test_every_setting_is_in_the_readme() -> None:
    """The table is the one that `auditlog settings --markdown` prints; paste it if this fails."""
    readme = (ROOT / "README.md").read_text()
    assert "\n".join(markdown_table()) in readme


def test_secrets_are_typed_as_secrets() -> None:
    """A password or key can't be printed by mistake."""
    for setting in all_settings():
        if re.search("(PASSWORD|API_KEY|SECRET|TOKEN)$", setting.variable):
            assert setting.is_secret, setting.variable


def test_every_command_of_the_makefile_that_the_readme_names_exists() -> None:
    """README first: what it says can be typed."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z][a-z-]*)`?", (ROOT / "README.md").read_text()))
    assert named <= targets
    assert {"demo", "test", "lint"} <= named


def test_every_test_that_the_architecture_names_exists() -> None:
    """The table of failure modes is no promise but a list of tests."""
    pages = (ROOT / "ARCHITECTURE.md", ROOT / "tests" / "faults" / "README.md")
    named = set(re.findall(r"`(test_\w+)`", "".join(page.read_text() for page in pages)))
    written = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert {name for name in named if f"def {name}(" not in written} == set()
    assert len(named) > 8


def test_every_variable_that_is_named_anywhere_is_a_setting() -> None:
    """No message sends anyone to a variable that does not exist."""
    known = {setting.variable for setting in all_settings()}
    for path in [
        *modules(),
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        ROOT / "Makefile",
        ROOT / "docker-compose.yml",
    ]:
        for variable in re.findall(r"\bAUDITLOG_[A-Z_]*[A-Z]\b(?![*_])", path.read_text()):
            assert variable in known or variable.startswith("AUDITLOG_PORT_"), (path.name, variable)


def test_no_console_makes_pictures_of_text() -> None:
    """Rich turns `:a:` inside an IPv6 address into a picture, unless it is told not to."""
    for module in modules():
        for call in re.findall(r"\bConsole\([^)]*\)", module.read_text()):
            assert "emoji=False" in call, module
