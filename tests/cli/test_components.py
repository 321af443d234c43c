"""Which command belongs to which component, and what it imports: what it needs, when it is called."""

import os
import subprocess
import sys

import pytest
from audit_cli.components import COMPONENTS, component_commands

HEAVY = {
    "confluent_kafka",
    "cryptography",
    "elasticsearch",
    "fastapi",
    "jgo",
    "kafka",
    "prometheus_client",
    "pydantic",
    "sigma",
    "structlog",
}
"""Libraries that take from 20 ms to 300 ms of CPU to import."""

NEEDLESS = {"attr", "markdown_it", "pyarrow", "requests"}
"""What libraries of ours import if it is installed."""


@pytest.mark.parametrize("module", COMPONENTS)
def test_components_register_what_the_help_shows(module: str) -> None:
    """The same names in the same order, each with the first paragraph of its help."""
    commands = component_commands(module)
    shown = {
        name: " ".join(command.help.split("\n\n")[0].split()) for name, command in commands.items()
    }
    assert list(COMPONENTS[module].items()) == list(shown.items())


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        ("--help", set()),
        ("--version", set()),
        ("serch", {"pydantic"}),  # typer validates with it
        ("search --help", {"elasticsearch", "pydantic"}),
        ("consume --help", HEAVY - {"cryptography", "fastapi", "jgo", "kafka", "sigma"}),
        ("seal run --help", HEAVY - {"fastapi", "jgo", "kafka", "sigma"}),
        ("secrets --help", HEAVY - {"fastapi", "jgo", "kafka", "sigma"}),
    ],
)
def test_commands_import_only_what_they_need(words: str, needed: set[str]) -> None:
    """So they start in less than half a second of CPU."""
    program = (
        "import atexit, sys; from audit_cli import main; sys.argv = ['auditlog', *sys.argv[1:]]; "
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr)); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words.split()],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},  # so no embedded ones
    )
    imported = set(done.stderr.split())
    assert needed == HEAVY & imported
    assert set() == NEEDLESS & imported


def test_what_a_library_can_do_without_is_left_out_for_that_library_alone() -> None:
    """Who else imports it finds it, and a log's lines are as before."""
    program = (
        "import sys; from audit_cli.deferred_modules import defer_modules; defer_modules(); "
        "import elasticsearch, rich.pretty, structlog; left_out = 'pyarrow' in sys.modules; "
        "import attr, pyarrow, rich.console; print(left_out, pyarrow.Table)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False <class 'pyarrow")


def test_deferred_modules_are_imported_when_they_are_used() -> None:
    """A placeholder does what that does which it stands for."""
    program = (
        "import sys; from audit_cli.deferred_modules import defer_modules; defer_modules(); "
        "import elasticsearch; client = elasticsearch.Elasticsearch('http://127.0.0.1:1'); "
        "print('requests' in sys.modules, client.indices.get, client.options().indices.get)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False <bound method IndicesClient.get of <elasticsearch._sync")
