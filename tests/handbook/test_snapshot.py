"""Back-up and restore, as docs/operating.md says, on an Elasticsearch that has a repository."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from audit_admin import set_up
from audit_local import LocalSettings
from audit_local.artifacts import elasticsearch_home
from audit_local.elasticsearch import is_ready, start_elasticsearch
from audit_local.java import find_java
from audit_local.ports import LOOPBACK, free_port
from audit_local.process import change_owner, stop, wait_until_ready
from handbook.block import blocks_of
from handbook.programs import curl
from handbook.typist import Typist
from rich.console import Console
from support.consumers import settle
from support.events import chats
from support.servers import ROOT, Deployment, Servers, new_deployment

pytestmark = pytest.mark.servers

_TEST = "run by test_snapshot_brings_a_lost_index_back"


@pytest.fixture
def with_repository(servers: Servers) -> Iterator[tuple[Deployment, Path]]:
    """Give a deployment on an Elasticsearch of its own, and the folder it may keep snapshots in."""
    settings, port = LocalSettings(), free_port()
    java = find_java(settings.java_home, settings.cache)
    with tempfile.TemporaryDirectory(prefix="auditlog-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        repository = folder / "snapshots"
        repository.mkdir()
        change_owner(repository)
        running = start_elasticsearch(
            folder / "elasticsearch",
            elasticsearch_home(settings.cache, Console(stderr=True)),
            java,
            port,
            "512m",
            {"path.repo": str(repository)},
        )
        try:
            log = folder / "elasticsearch" / "elasticsearch.log"
            wait_until_ready("Elasticsearch", running, log, 120, lambda: is_ready(port))
            yield (
                new_deployment(replace(servers, elasticsearch=f"http://{LOOPBACK}:{port}")),
                repository,
            )
        finally:
            stop(running)


def test_snapshot_brings_a_lost_index_back(
    with_repository: tuple[Deployment, Path], tmp_path: Path, log: Path
) -> None:
    """What was indexed before it comes from the snapshot, what came after it from Kafka."""
    curl()
    deployment, repository = with_repository
    list(set_up(deployment.setup))
    saving, restoring = [b for b in blocks_of(ROOT / "docs" / "operating.md") if b.excuse == _TEST]
    given = {"/srv/snapshots": str(repository), "audit-events": deployment.name}
    typist = Typist(deployment, tmp_path, given)
    consume(deployment, chats(3), log)
    typist.type_all(saving)
    consume(deployment, chats(2), log)
    before = {document["_id"] for document in deployment.documents()}
    with deployment.client() as client:
        for index in client.indices.get(index=f"{deployment.name}-*"):
            client.indices.delete(index=index)
    typist.type_all(restoring)
    (repaired,) = (words for line, words in typist.said.items() if line.startswith("auditlog verify"))
    assert "2" in repaired
    assert {document["_id"] for document in deployment.documents()} == before
    assert len(before) == 5


def consume(deployment: Deployment, values: dict[str, bytes], log: Path) -> None:
    """Publish events, and have them indexed."""
    deployment.publish_raw(*values.values())
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
