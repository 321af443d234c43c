"""What the README shows works."""

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from audit_producer import new_event
from command import clean_environment
from refusing import refuse
from servers import ROOT, Deployment
from stored import store
from waiting import wait_until

pytestmark = pytest.mark.servers


def blocks(language: str) -> list[str]:
    """Return the README's code blocks of a language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )


def run(script: str, deployment: Deployment) -> "subprocess.CompletedProcess[str]":
    """Run a block against the deployment."""
    return subprocess.run(
        [sys.executable, "-c", script],
        env=clean_environment() | deployment.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_publishing_in_ten_lines_works(deployment: Deployment) -> None:
    """The block for a service, pasted, publishes its two events."""
    (publishing,) = [block for block in blocks("python") if "audit_producer" in block]
    here = f'kafka_bootstrap_servers="{deployment.servers.kafka}", topic="{deployment.name}.events"'
    script = publishing.replace('kafka_bootstrap_servers="127.0.0.1:9092"', here)
    assert script != publishing
    assert run(script, deployment).stdout == ""
    assert len(deployment.records(f"{deployment.name}.events")) == 2
    assert len([line for line in publishing.splitlines() if line]) <= 11


def test_searching_from_python_works(deployment: Deployment) -> None:
    """The block for an analyst runs, and finds what there is."""
    (searching,) = [block for block in blocks("python") if "audit_query" in block]
    event = new_event("logout", user="Ada", ip="192.0.2.7", organization="acme")
    store(deployment, event)
    shown, buckets = run(searching, deployment).stdout.splitlines()
    assert shown == f"{event.timestamp} 192.0.2.7"
    assert buckets.startswith("Buckets(interval='1s', buckets=[Bucket(")


def test_commands_for_searching_work(deployment: Deployment, tmp_path: Path) -> None:
    """Each line of the block can be typed."""
    (searching,) = [block for block in blocks("sh") if "auditlog search" in block]
    lines = [shlex.split(line, comments=True)[1:] for line in searching.splitlines()]
    (shown,) = [line[1] for line in lines if line[0] == "show"]
    event = new_event("login-failed", user="Ada", event_id=shown)
    store(deployment, event)
    assert [line[0] for line in lines] == (
        "search search buckets top seen show tail export".split()  # noqa: SIM905
    )
    for line in lines:
        if line[0] == "tail":
            assert "login-failed" in interrupted(line, deployment, tmp_path / "tail")
            continue
        deployment.run(*[str(tmp_path / part) if part.endswith(".csv") else part for part in line])
    assert shown in (tmp_path / "failed.csv").read_text()


def interrupted(arguments: Sequence[str], deployment: Deployment, out: Path) -> str:
    """Run a command that would go on for ever, until it has said something."""
    with out.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "audit_cli", *arguments],
            env=clean_environment() | deployment.environment,
            stdout=output,
        )
    try:
        wait_until(lambda: out.read_text().endswith("\n"), what="it says something")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    return out.read_text()


def test_commands_for_refused_records_work(deployment: Deployment) -> None:
    """Each line of the block can be typed, and says what there is."""
    (refusing,) = [block for block in blocks("sh") if "auditlog dead-letters" in block]
    refuse(deployment, b"poison")
    said = [
        deployment.run(*shlex.split(line, comments=True)[1:]).stdout for line in refusing.splitlines()
    ]
    assert said[0].startswith("unknown-activity: 1 record\n")
    assert said[1].splitlines()[-2] == "poison"
    assert said[2].startswith("Would publish 1 record")
    assert said[3].startswith("Nothing is missing")
