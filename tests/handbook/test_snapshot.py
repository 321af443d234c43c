"""Back-up and restore, as docs/operating.md says, on an Elasticsearch that has a repository."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from audit_admin import set_up
from audit_local.process import change_owner
from handbook.block import blocks_of
from handbook.programs import curl
from handbook.typist import Typist
from support.consumers import settle
from support.events import chats
from support.run_folder import RunFolder
from support.server_processes import Search, started
from support.servers import ROOT, Deployment, Servers, new_deployment, tear_down
from support.shared_servers import snapshots_folder

pytestmark = pytest.mark.servers

_TEST = "run by test_snapshot_brings_a_lost_index_back"


@pytest.fixture
def with_repository(servers: Servers, run_folder: RunFolder) -> Iterator[tuple[Deployment, Path]]:
    """Give a deployment, and the folder in which its Elasticsearch may keep snapshots."""
    with contextlib.ExitStack() as stack:
        repository = snapshots_folder(run_folder)
        if repository is None:  # the servers are not ours to configure
            folder = run_folder.new("snapshots")
            repository = folder / "repository"
            repository.mkdir()
            change_owner(repository)
            search = Search(folder / "elasticsearch", {"path.repo": str(repository)})
            stack.enter_context(started(search))
            servers = replace(servers, elasticsearch=search.url)
        deployment = new_deployment(servers)
        yield deployment, repository
        tear_down(deployment)
        with deployment.client() as client:
            client.snapshot.delete_repository(name="audit")


def test_snapshot_brings_a_lost_index_back(
    with_repository: tuple[Deployment, Path], tmp_path: Path, log: Path
) -> None:
    """What was indexed before it comes from the snapshot, what came after it from Kafka."""
    curl()
    deployment, repository = with_repository
    list(set_up(deployment.setup))
    saving, restoring = [b for b in blocks_of(ROOT / "docs" / "operating.md") if b.excuse == _TEST]
    given = {
        "/srv/snapshots": str(repository),
        "audit-events": deployment.name,
        "audit-alerts": f"alerts-{deployment.name}",
    }
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
