"""A run of all that publishers do, on real servers: sealed, verified, proven to a program in Go."""

import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from audit_admin import set_up
from audit_query import AuditLog, Filter
from audit_seal import PlaceIndex, SigningKey, prove
from audit_seal.keys import KeyFolder
from audit_seal.witness_server import WitnessServer
from audit_seal.witness_state import WitnessState, create_witness
from seal.mixed_events import Published, publish_mixed
from seal.sealed_log import SealedLog
from seal.test_go_checker import answers
from support.consumed import consume_all
from support.in_process import auditlog_in_process
from support.sealed_bundles import Bundle, Samples, mutations
from support.servers import Servers, new_deployment, tear_down

EVENTS = 3000
PROVEN = 1000


class Run:
    """A topic of two partitions that was published, consumed, sealed and cosigned."""

    def __init__(self, log: SealedLog, published: Published, witness_key: SigningKey) -> None:
        self.log = log
        self.published = published
        self.witness_key = witness_key
        self.log_key = KeyFolder(log.folder).log_key()
        self.policy = (log.folder / "policy").read_text()

    def command(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run `auditlog`."""
        folder = {"AUDITLOG_SEAL_FOLDER": str(self.log.folder)}
        return auditlog_in_process(*arguments, **self.log.deployment.environment | folder | environment)

    def equation(self, *arguments: str, **environment: str) -> dict[str, int]:
        """Return what `seal verify` says in the end, but zeros; nothing may be wrong."""
        done = self.command("seal", "verify", *arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        last = done.stdout.splitlines()[-1]
        terms = re.findall(r"([a-z][a-z -]*) (\d+)", last)
        return {name: int(count) for name, count in terms if int(count)}

    def bundles(self) -> dict[str, Bundle]:
        """Return the evidence of many events, by what an independent program has to say of each."""
        found: dict[str, Bundle] = {}
        with (
            PlaceIndex(self.log.folder) as places,
            AuditLog(self.log.deployment.query, seconds=60) as log,
        ):
            for event in log.search(Filter(), size=PROVEN).events:
                bundle = prove(self.log.folder, event, places)
                block = bundle.block
                place = f"{block.topic} {block.topic_id} {block.partition} {bundle.offset}"
                found[f"accepted {place}"] = bundle.files()
        return found


@pytest.fixture(scope="module")
def run(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Give the run."""
    folder = tmp_path_factory.mktemp("mixed")
    deployment = new_deployment(servers, AUDITLOG_PARTITIONS="2", AUDITLOG_REPLICATION="1")
    list(set_up(deployment.setup))
    log = SealedLog.make(deployment, folder / "seal")
    log_key = KeyFolder(log.folder).log_key().verifier
    create_witness(folder / "witness", "auditor.example/witness", (log_key,))
    published = publish_mixed(deployment, EVENTS)
    consume_all(deployment)
    with (
        WitnessState.open(folder / "witness") as state,
        WitnessServer("127.0.0.1", 0, state) as server,
    ):
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        url = f"http://127.0.0.1:{server.server_port}"
        witness = f"witness auditor {state.key.verifier} {url}"
        (log.folder / "policy").write_text(f"log {log_key}\n{witness}\nquorum auditor\n")
        log.seal()
        server.shutdown()
        yield Run(log, published, state.key)
    tear_down(deployment)


def test_go_accepts_a_thousand_bundles_of_a_run(run: Run, tmp_path: Path) -> None:
    """Of events of the SDK and of others, and finds out by itself which offset each one has."""
    bundles = run.bundles()
    assert len(bundles) == PROVEN
    found = answers(run.policy, run.log_key, bundles, tmp_path)
    assert list(found) == list(found.values())


def test_go_refuses_every_kind_of_mutation_of_a_run(run: Run, tmp_path: Path) -> None:
    """Of the event, its block, the proof, the checkpoint and the signatures."""
    bundles: Mapping[str, Bundle] = dict(mutations(samples(run)))
    assert len(bundles) >= 20
    found = answers(run.policy, run.log_key, bundles, tmp_path)
    assert [] == [what for what, answer in found.items() if not answer.startswith("refused ")]


def samples(run: Run) -> Samples:
    """Return an event in the middle of a block, the next one in it, and one of another block."""
    every = list(run.bundles().values())
    event = every[0]
    next_event = next(each for each in every[1:] if each["block.bin"] == event["block.bin"])
    other = next(each for each in every[1:] if each["block.bin"] != event["block.bin"])
    return Samples(run.log_key, run.witness_key, event, next_event, other)


def test_the_equation_holds_without_kafka_too(run: Run, tmp_path: Path) -> None:
    """From Elasticsearch and an export; also after Kafka's records are deleted, and Kafka is away."""
    expected = run.published.equation
    assert expected == run.equation()
    for partition in range(2):
        run.log.delete_records(partition, -1)
    away = {"AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    assert expected == run.equation(**away)
    file = tmp_path / "events.ndjson"
    assert run.command("export", str(file), **away).returncode == 0
    away["AUDITLOG_ELASTICSEARCH_URL"] = "http://127.0.0.1:9"
    assert expected == run.equation("--export", str(file), **away)
