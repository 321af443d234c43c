"""What the README shows works."""

import re
import shlex
import subprocess
import sys

import pytest
from command import clean_environment
from events import chat_opened
from refusing import refuse
from servers import ROOT, Deployment

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
    """The block for an analyst runs, and finds nothing in an empty log."""
    (searching,) = [block for block in blocks("python") if "audit_query" in block]
    deployment.publish_raw(chat_opened())
    assert run(searching, deployment).stdout == ""


def test_commands_for_searching_work(deployment: Deployment) -> None:
    """Each line of the block can be typed."""
    (searching,) = [block for block in blocks("sh") if "auditlog search" in block]
    lines = [shlex.split(line, comments=True) for line in searching.splitlines()]
    assert len(lines) == 3
    for _, *arguments in lines:
        deployment.run(*arguments)


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
