"""The programs of docs/publishing.md, run as they stand there; their events come into the log."""

import json
import os
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import pytest
from audit_consumer.record import Record
from handbook.block import blocks_of
from handbook.programs import go_home, java_command, node_home
from support.command import clean_environment
from support.consumers import settle
from support.servers import ROOT, Deployment

pytestmark = pytest.mark.servers

_GO_MODULE = """\
module publish

go 1.26

require github.com/twmb/franz-go v1.22.2
"""
_NODE_CLIENT = "@platformatic/kafka@1.35.0"


def snippet(language: str) -> str:
    """Return the program of a language."""
    (block,) = (b for b in blocks_of(ROOT / "docs" / "publishing.md") if b.language == language)
    return block.text


class Publisher:
    """Runs the programs, each in a folder of its own."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self._variables = clean_environment() | deployment.environment
        self._folder = folder

    def java(self) -> None:
        """Run the source file with what Kafka's own distribution brings."""
        folder = self._write("Publish.java", snippet("java"))
        self._run(folder, *java_command(), "Publish.java")

    def go(self) -> None:
        """Run the program with its client from the module proxy."""
        folder = self._write("publish.go", snippet("go"))
        (folder / "go.mod").write_text(_GO_MODULE)
        path = {"PATH": f"{go_home()}{os.pathsep}{os.environ['PATH']}"}
        path["GOFLAGS"] = "-gcflags=all=-N"  # the compiler's work, less a third
        self._run(folder, "go", "mod", "tidy", more=path)
        self._run(folder, "go", "run", ".", more=path)

    def node(self) -> None:
        """Run the program with its client from npm, of which nothing is executed to install it."""
        folder = self._write("publish.mjs", snippet("js"))
        path = {"PATH": f"{node_home()}{os.pathsep}{os.environ['PATH']}"}
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        self._run(folder, "npm", "install", *quiet, _NODE_CLIENT, more=path)
        self._run(folder, "node", "publish.mjs", more=path)

    def _write(self, name: str, text: str) -> Path:
        folder = self._folder / name.rpartition(".")[2]
        folder.mkdir()
        (folder / name).write_text(text)
        return folder

    def _run(self, folder: Path, *command: str, more: Mapping[str, str] | None = None) -> None:
        done = subprocess.run(
            command,
            cwd=folder,
            env=self._variables | dict(more or {}),
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "not published" not in done.stderr


def test_programs_in_other_languages_publish_events_of_the_contract(
    deployment: Deployment, tmp_path: Path, log: Path
) -> None:
    """Each publishes one event, with key and header, which is indexed as it was sent."""
    publisher = Publisher(deployment, tmp_path)
    with ThreadPoolExecutor() as pool:
        for run in [pool.submit(p) for p in (publisher.java, publisher.go, publisher.node)]:
            run.result()
    records = deployment.records(f"{deployment.name}.events")
    for record in records:
        hold_to_the_contract(record)
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    documents = {document["service"]["name"]: document for document in deployment.documents()}
    assert documents.keys() == {"java-service", "go-service", "node-service"}
    assert {document["event"]["action"] for document in documents.values()} == {"login"}
    assert all(len(document["event"]["hash"]) == 22 for document in documents.values())
    assert deployment.dead_letters() == []


def hold_to_the_contract(record: Record) -> None:
    """Fail unless the record is what the document says a record is."""
    schema = json.loads((ROOT / "schemas" / "audit-event.v1.schema.json").read_text())
    assert record.value is not None
    jsonschema.validate(json.loads(record.value), schema)
    assert record.key == b"u-7"
    assert record.header("audit-schema") == b"1.0"
