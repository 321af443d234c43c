"""What the README shows in Python works; its commands: tests/handbook."""

import subprocess
import sys

import pytest
from audit_producer import new_event
from handbook.block import DOCUMENTS, blocks_of
from support.command import clean_environment
from support.servers import Deployment
from support.stored_events import store

pytestmark = pytest.mark.servers


def blocks(language: str) -> list[str]:
    """Return the README's code blocks of a language."""
    return [block.text for block in blocks_of(DOCUMENTS[0]) if block.language == language]


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
