"""A full disk: each command says so, exits 1, and leaves no half file."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_cli.sentences import sentence_of
from audit_producer import new_event
from support.command import clean_environment
from support.forked_process import ForkedProcess
from support.full_disk import full_after
from support.in_process import call
from support.log_index import log_index
from support.servers import Deployment, Servers
from support.stored_events import store

FULL = Path("/dev/full")


@pytest.fixture(scope="module")
def filled(servers: Servers) -> Iterator[Deployment]:
    """Give a log with some events."""
    with log_index(servers) as deployment:
        store(deployment, *[new_event("login", user=f"u-{number}") for number in range(40)])
        yield deployment


@pytest.mark.servers
@pytest.mark.parametrize(
    "command",
    [
        "search",
        "search --json",
        "buckets",
        "buckets --json",
        "report users",
        "report users --csv",
        "export - --format csv",
        "settings --markdown",
        "--help",
    ],
)
def test_output_that_can_not_be_written_is_a_sentence(
    filled: Deployment, tmp_path: Path, command: str
) -> None:
    """Neither a traceback, nor an exit as if all were written."""
    said = tmp_path / "stderr"
    process = ForkedProcess(
        tuple(command.split()), clean_environment() | filled.environment, stdout=FULL, stderr=said
    )
    assert process.wait(60) == 1
    assert said.read_text() == (
        "auditlog: the output could not be written and is incomplete: No space left on device\n"
    )


@pytest.mark.servers
def test_export_to_a_full_disk_leaves_no_half_file(filled: Deployment, tmp_path: Path) -> None:
    """What was there before stays."""
    file = tmp_path / "log.ndjson"
    for before in (None, "before"):
        if before is not None:
            file.write_text(before)
        with full_after(2000):
            done = call(filled, "export", str(file), "--force", check=False)
        assert (done.returncode, done.stderr) == (1, f"auditlog: {file}: File too large\n")
        assert [path.read_text() for path in tmp_path.iterdir()] == ([before] if before else [])


def test_temporary_file_without_room_is_a_sentence() -> None:
    """A report of chats that are never closed keeps them there."""
    said = sentence_of(sqlite3.OperationalError("database or disk is full"))
    assert said is not None
    assert said.endswith("database or disk is full. Set TMPDIR to a folder with room")
