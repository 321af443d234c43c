"""Batches that unpack to more than a process may have are passed, and stop nothing else."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import yaml
from audit_schemas import Reason
from audit_schemas.dead_letter import MESSAGE_HEADER, REASON_HEADER
from faults.census import letters, stored
from support.consumers import settle
from support.events import chat_opened
from support.limited_memory import limited_memory
from support.packed_batches import Zeros, packed_batch, produce
from support.servers import ROOT, Deployment

pytestmark = pytest.mark.servers

MIB = 1024 * 1024
LIMIT = 512 * MIB


def publish(deployment: Deployment, partition: int, batch: bytes) -> int:
    """Publish a batch, and return its first offset."""
    return produce(deployment.servers.kafka, f"{deployment.name}.events", partition, batch)


def large_events(first: int, count: int) -> list[bytes]:
    """Return valid events of nearly a megabyte each, which are indexed as they are."""
    labels = {f"key{n}": "x" * 1000 for n in range(30)}
    return [chat_opened(first + n, labels=labels, message="y" * 8000).ljust(MIB) for n in range(count)]


@contextmanager
def consuming_within(
    deployment: Deployment, log: Path, limit: int
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a consumer that is killed where it takes more memory."""
    command = [sys.executable, "-m", "audit_cli", "consume", "--start", "earliest"]
    with limited_memory(deployment.name, limit) as prefix, log.open("ab") as output:
        process = subprocess.Popen(
            [*prefix, *command],
            env=deployment.environment,
            stdout=output,
            stderr=output,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def status_within(deployment: Deployment, limit: int, *arguments: str) -> int:
    """Return the exit status of a command that is killed where it takes more memory."""
    with limited_memory(deployment.name, limit) as prefix:
        command = [*prefix, sys.executable, "-m", "audit_cli", *arguments]
        return subprocess.run(command, env=deployment.environment, check=False, timeout=300).returncode


def test_limit_is_that_of_compose_and_kubernetes() -> None:
    """The tests of this module hold for what is deployed."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    manifest = yaml.safe_load_all((ROOT / "deploy/kubernetes/base/consumer.yaml").read_text())
    (pod,) = [each["spec"]["template"]["spec"] for each in manifest if each["kind"] == "Deployment"]
    assert "512m" == compose["services"]["consumer"]["mem_limit"]
    assert "512Mi" == pod["containers"][0]["resources"]["limits"]["memory"]


def test_batch_beyond_the_clients_limit_is_passed(deployment: Deployment, log: Path) -> None:
    """Its record is dead-lettered without its bytes; its neighbours in the batch are indexed."""
    places = set()
    for partition, codec in enumerate(("zstd", "lz4", "gzip")):
        values: list[bytes | Zeros] = [chat_opened(1), Zeros(120 * MIB), chat_opened(2)]
        places.add((partition, publish(deployment, partition, packed_batch(codec, values)) + 1))
        publish(deployment, partition, packed_batch(codec, [chat_opened(3), chat_opened(4)]))
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
        process.terminate()
        assert process.wait(120) == 0
    assert 12 == len(stored(deployment))
    found = letters(deployment)
    assert places == set(found)
    for letter in found.values():
        assert letter.value is None
        assert Reason.TOO_LARGE.encode() == letter.header(REASON_HEADER)
        assert (letter.header(MESSAGE_HEADER) or b"").startswith(b"the record has 12582")
    proven = json.loads(deployment.run("verify", "--json").stdout)
    assert [(5, 4, 1)] * 3 == [(p["published"], p["indexed"], p["dead_lettered"]) for p in proven[:3]]


def test_memory_holds_where_a_record_takes_more_than_there_is(
    deployment: Deployment, log: Path
) -> None:
    """It is dead-lettered, and large events beside it are indexed."""
    publish(deployment, 0, packed_batch("gzip", large_events(100, 20)))
    publish(deployment, 1, packed_batch("gzip", [chat_opened(1), Zeros(450 * MIB), chat_opened(2)]))
    publish(deployment, 1, packed_batch("none", [chat_opened(3)]))
    with consuming_within(deployment, log, LIMIT) as process:
        settle(deployment, log, process)
        assert psutil.Process(process.pid).memory_info().rss < LIMIT
    assert {(1, 1)} == set(letters(deployment))
    assert 23 == len(stored(deployment))
    assert "starting again, to read in bounded memory" in log.read_text()
    assert 0 == status_within(deployment, LIMIT // 2, "verify")


def test_memory_holds_where_headers_take_more_than_there_is(deployment: Deployment, log: Path) -> None:
    """Events are indexed, however many headers each of them has."""
    flood = [chat_opened(n) for n in range(20)]
    publish(deployment, 0, packed_batch("gzip", flood, headers=100_000))
    with consuming_within(deployment, log, LIMIT // 2) as process:
        settle(deployment, log, process)
        assert psutil.Process(process.pid).memory_info().rss < LIMIT // 2
    assert 20 == len(stored(deployment))
    assert "starting again, to read in bounded memory" in log.read_text()
