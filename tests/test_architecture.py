"""What holds the code together: imports one way, documented names and settings."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from audit_cli.settings import all_settings, markdown_table
from handbook.block import DOCUMENTS
from support.servers import ROOT

LAYERS: dict[str, tuple[str, set[str]]] = {
    "audit_schemas": ("schemas", set()),
    "audit_runtime": ("runtime", {"audit_schemas"}),
    "audit_producer": ("producer", {"audit_runtime"}),
    "audit_generator": ("generator", {"audit_producer"}),
    "audit_consumer": ("consumer", {"audit_runtime"}),
    "audit_query": ("query", {"audit_runtime"}),
    "audit_seal": ("seal", {"audit_consumer", "audit_query"}),
    "audit_admin": ("admin", {"audit_producer", "audit_seal"}),
    "audit_alerts": ("alerts", {"audit_query", "audit_producer"}),
    "audit_server": ("server", {"audit_admin", "audit_alerts"}),
    "audit_kibana": ("kibana", {"audit_alerts"}),
    "audit_forward": ("forward", {"audit_consumer", "audit_query"}),
    "audit_local": ("deploy", set()),
    "audit_secrets": ("deploy", {"audit_server"}),
    "audit_cli": (
        "cli",
        {
            "audit_generator",
            "audit_admin",
            "audit_forward",
            "audit_kibana",
            "audit_local",
            "audit_secrets",
        },
    ),
}
"""Each package: its folder, and the packages right below it; it may import all that is below."""

SURFACES = {
    "audit_runtime": {
        "elastic",
        "hits",
        "http_client",
        "kafka",
        "logs",
        "monitor",
        "partition_reader",
        "record_batches",
        "record_values",
        "terminal",
    },
    "audit_producer": {"publishing"},
    "audit_admin": {"dead_letters", "topic_reader"},
    "audit_query": {"reports"},
    "audit_seal": {"bundle", "place_index"},
    "audit_server": {"serve"},
    "audit_alerts": {"runner"},
}
"""Public modules besides a package's `__init__`: what needs an extra that the package does not."""

PACKAGES = {package: folder for package, (folder, _) in LAYERS.items()}


def below(package: str) -> set[str]:
    """Return all packages that a package stands on."""
    direct = LAYERS[package][1]
    return direct.union(*map(below, direct))


# What the base install, which a publishing service gets, does not have.
EXTRAS = {
    "typer",
    "rich",
    "pydantic_settings",
    "elastic_transport",
    "elasticsearch",
    "structlog",
    "prometheus_client",
    "jgo",
    "cjdk",
    "psutil",
    "maxminddb",
    "msgspec",
    "kafka",
    "lz4",
    "cramjam",
    "zstandard",
    "anyio",
    "fastapi",
    "jinja2",
    "joserfc",
    "markupsafe",
    "starlette",
    "urllib3",
    "uvicorn",
    "obstore",
    "pyarrow",
    "sigma",
    "yaml",
}


def modules() -> Iterator[Path]:
    """Yield every module of ours."""
    for package, folder in PACKAGES.items():
        yield from (ROOT / folder / package).rglob("*.py")


@cache
def imports(module: Path) -> frozenset[str]:
    """Return the dotted names of all modules that a module imports, and of modules it imports from."""
    tree = ast.parse(module.read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            found.add(node.module or "")
    return frozenset(found)


def imported(module: Path) -> set[str]:
    """Return the top-level packages that a module imports."""
    return {name.split(".")[0] for name in imports(module)}


def test_every_package_has_its_layer() -> None:
    """No package of ours escapes these tests."""
    found = {path.parent.name for path in ROOT.glob("*/audit_*/__init__.py")}
    assert found == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package: str) -> None:
    """Schemas <- runtime <- everything else, as `LAYERS` has it."""
    for module in (ROOT / PACKAGES[package] / package).rglob("*.py"):
        ours = imported(module) & set(PACKAGES)
        assert ours - {package} <= below(package), module


@pytest.mark.parametrize("package", PACKAGES)
def test_other_packages_are_imported_by_their_public_surface(package: str) -> None:
    """What a package's `__init__` does not name may change without anybody else noticing."""
    for module in (ROOT / PACKAGES[package] / package).rglob("*.py"):
        for name in imports(module):
            owner, _, inner = name.partition(".")
            if owner in PACKAGES and owner != package and inner:
                assert inner in SURFACES.get(owner, set()), f"{module} imports {name}"


def test_architecture_shows_the_layers() -> None:
    """The diagram in ARCHITECTURE.md is written from `LAYERS`; paste this where it differs."""

    def short(package: str) -> str:
        return package.removeprefix("audit_")

    arrows = [
        f"    {short(package)} --> {' & '.join(sorted(map(short, direct)))}"
        for package, (_, direct) in LAYERS.items()
        if direct
    ]
    diagram = "\n".join(["```mermaid", "flowchart BT", *arrows, "```"])
    assert diagram in (ROOT / "ARCHITECTURE.md").read_text(), diagram


def test_contract_and_sdk_need_only_the_base_install() -> None:
    """What a publishing service imports, down to the last module, is pydantic and confluent-kafka."""
    program = "import sys, audit_producer; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & EXTRAS
    assert set(done.stdout.split()) & set(PACKAGES) == {"audit_producer"} | below("audit_producer")


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


def test_every_setting_is_documented() -> None:
    """The tables are those that `auditlog settings --markdown` prints; paste them if this fails."""
    page = (ROOT / "docs" / "settings.md").read_text()
    assert page.endswith("".join(f"{line}\n" for line in markdown_table()))


def test_secrets_are_typed_as_secrets() -> None:
    """A password or key can't be printed by mistake."""
    for setting in all_settings():
        if re.search("(PASSWORD|API_KEY|SECRET|TOKEN)$", setting.variable):
            assert setting.is_secret, setting.variable


def test_every_command_of_the_makefile_that_the_documents_name_exists() -> None:
    """What they say can be typed."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in DOCUMENTS:
        named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE))
        assert named <= targets, page
    readme = (ROOT / "README.md").read_text()
    assert {"demo", "test", "lint"} <= set(re.findall(r"make ([a-z-]+)", readme))


def test_every_test_that_the_documents_name_exists() -> None:
    """The tables of failure modes are lists of tests, not promises."""
    named = set(re.findall(r"`(test_\w+)`", "".join(page.read_text() for page in DOCUMENTS)))
    written = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert {name for name in named if f"def {name}(" not in written} == set()
    assert len(named) > 100


def test_every_variable_that_is_named_anywhere_is_a_setting() -> None:
    """No message sends anyone to a variable that does not exist."""
    known = {setting.variable for setting in all_settings()}
    # Of the compose file, and of the tests.
    not_settings = ("AUDITLOG_PORT_", "AUDITLOG_PUBLISHER_BYTE_RATE", "AUDITLOG_TEST_")
    for path in [
        *modules(),
        *{*ROOT.glob("*.md"), *DOCUMENTS},
        ROOT / "Makefile",
        ROOT / "docker-compose.yml",
    ]:
        for variable in re.findall(r"\bAUDITLOG_[A-Z_]*[A-Z]\b(?![*_])", path.read_text()):
            assert variable in known or variable.startswith(not_settings), (path.name, variable)


def test_no_console_makes_pictures_of_text() -> None:
    """Rich turns `:a:` inside an IPv6 address into a picture, unless it is told not to."""
    for module in modules():
        for call in re.findall(r"\bConsole\([^)]*\)", module.read_text()):
            assert "emoji=False" in call, module
