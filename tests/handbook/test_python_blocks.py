"""The Python of the documents works as it is printed; the commands: test_handbook_commands.py."""

import subprocess
import sys

import pytest
from audit_producer import new_event
from handbook.block import blocks_of
from support.command import clean_environment
from support.servers import ROOT, Deployment
from support.stored_events import store

pytestmark = pytest.mark.servers

_README = "README.md"


def block(document: str, package: str) -> str:
    """Return the block of a document that uses a package."""
    (found,) = [
        block.text
        for block in blocks_of(ROOT / document)
        if block.language == "python" and package in block.text
    ]
    return found


def published(document: str, deployment: Deployment) -> int:
    """Run the block that publishes, against the deployment; return the number of its records."""
    script = block(document, "audit_producer")
    here = f'kafka_bootstrap_servers="{deployment.servers.kafka}", topic="{deployment.name}.events"'
    redirected = script.replace('kafka_bootstrap_servers="127.0.0.1:9092"', here)
    assert redirected != script
    assert run(redirected, deployment).stdout == ""
    return len(deployment.records(f"{deployment.name}.events"))


def run(script: str, deployment: Deployment) -> "subprocess.CompletedProcess[str]":
    """Run a block against the deployment."""
    return subprocess.run(
        [sys.executable, "-c", script],
        env=clean_environment() | deployment.environment,
        capture_output=True,
        text=True,
        timeout=250,
        check=True,
    )


def test_publishing_in_ten_lines_works(deployment: Deployment) -> None:
    """The README's block for a service, pasted, publishes its two events."""
    assert published(_README, deployment) == 2
    assert len([line for line in block(_README, "audit_producer").splitlines() if line]) <= 11


def test_publishing_from_asyncio_works(deployment: Deployment) -> None:
    """The block of docs/publishing.md publishes its two events."""
    assert published("docs/publishing.md", deployment) == 2


@pytest.mark.parametrize(
    ("document", "action"), [(_README, "logout"), ("docs/searching.md", "login-failed")]
)
def test_searching_from_python_works(deployment: Deployment, document: str, action: str) -> None:
    """The block for an analyst runs, and finds what there is."""
    user = "Ada" if document == _README else "Ben"
    event = new_event(action, user=user, ip="192.0.2.7", organization="acme")
    store(deployment, event)
    shown, buckets = run(block(document, "audit_query"), deployment).stdout.splitlines()
    assert shown == f"{event.timestamp} 192.0.2.7"
    assert buckets.startswith("Buckets(interval='1s', buckets=[Bucket(")
