"""What the server says of the sealed log: how far it goes, and the evidence of an event."""

import io
import zipfile
from collections.abc import Iterator
from html import unescape

import pytest
from audit_admin import set_up
from audit_query import AuditLog
from audit_seal import LogProof
from audit_server.pipeline import Pipeline
from audit_server.seals import Seals
from seal.sealed_log import SealedLog
from support.api_client import NOW, ApiClient, api_client
from support.consumed import consume_all
from support.events import chat_opened
from support.servers import Servers, new_deployment, tear_down

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def log(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedLog]:
    """Give a log of three events that are sealed, and a fourth that is too new to be."""
    deployment = new_deployment(servers)
    list(set_up(deployment.setup))
    sealed = SealedLog.make(deployment, tmp_path_factory.mktemp("sealed") / "seal")
    deployment.publish_raw(*map(chat_opened, range(3)))
    consume_all(deployment)
    sealed.seal()
    deployment.publish_raw(chat_opened(3))
    consume_all(deployment)
    yield sealed
    tear_down(deployment)


@pytest.fixture(scope="module")
def page(log: SealedLog) -> Iterator[ApiClient]:
    """Give a client of a server that reads the sealed log."""
    with AuditLog(log.deployment.query, clock=lambda: NOW) as events, api_client(events) as client:
        client.app.state.seals = Seals(log.folder)  # type: ignore[attr-defined]
        client.app.state.pipeline = Pipeline(log.deployment.consumer)  # type: ignore[attr-defined]
        yield client


def event_id(log: SealedLog, user: str) -> str:
    """Return the id of a user's event."""
    (found,) = (each for each in log.deployment.documents() if each["user"]["id"] == user)
    return str(found["_id"])


def test_event_is_sealed_and_its_evidence_can_be_had(log: SealedLog, page: ApiClient) -> None:
    """The page names the checkpoint; the archive proves the bytes that were published."""
    wanted = event_id(log, "user-1")
    text = unescape(page.get(f"/events/{wanted}").text)
    assert f"Sealed in checkpoint {log.size()} at " in text
    link = f"/api/v1/events/{wanted}/evidence"
    assert f'href="{link}"' in text
    answer = page.get(link)
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{wanted}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        proof = LogProof.parse(archive.read("block.tlog-proof").decode())
        assert proof.verify(archive.read("block.bin")).size == log.size()
        assert wanted.encode() in archive.read("event.json")
    assert page.published.wait_for(2)[-1]["labels"] == {"event": wanted, "results": "1"}


def test_new_event_is_not_sealed_yet(log: SealedLog, page: ApiClient) -> None:
    """The page says so, and there is no evidence."""
    wanted = event_id(log, "user-3")
    assert "is too new for the last checkpoint" in unescape(page.get(f"/events/{wanted}").text)
    assert "not sealed" in page.problem(f"/events/{wanted}/evidence", 404)["detail"]


def test_changed_event_is_told(log: SealedLog, page: ApiClient) -> None:
    """Whoever may write to Elasticsearch can't change what was sealed unseen."""
    wanted = event_id(log, "user-2")
    (stored,) = (each for each in log.deployment.documents() if each["_id"] == wanted)
    with log.deployment.client() as client:
        change = {"source": {"ip": "192.0.2.99"}}
        client.update(index=stored["_index"], id=wanted, doc=change, refresh=True)
    assert "The event is not what was sealed" in unescape(page.get(f"/events/{wanted}").text)
    assert "not what was sealed" in page.problem(f"/events/{wanted}/evidence", 404)["detail"]


def test_overview_shows_how_far_the_log_is_sealed(log: SealedLog, page: ApiClient) -> None:
    """The last checkpoint and its time."""
    assert f"Checkpoint {log.size()} at " in unescape(page.get("/overview").text)


def test_server_without_a_sealed_log_says_nothing_of_it(log: SealedLog) -> None:
    """No page names a seal, and the evidence is not there."""
    wanted = event_id(log, "user-1")
    with AuditLog(log.deployment.query, clock=lambda: NOW) as events, api_client(events) as client:
        assert "ealed" not in client.get(f"/events/{wanted}").text
        assert "ealed" not in client.get("/overview").text
        problem = client.problem(f"/events/{wanted}/evidence", 404)
        assert "AUDITLOG_SEAL_FOLDER" in problem["detail"]


def test_damaged_log_is_a_problem_that_hides_its_path(log: SealedLog, page: ApiClient) -> None:
    """What can't be read is told to the operator; the page goes on."""
    wanted = event_id(log, "user-1")
    checkpoint = log.folder / "log" / "checkpoint"
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(b"damaged")
    try:
        text = unescape(page.get(f"/events/{wanted}").text)
        assert "The sealed log can't be read at the moment" in text
        assert str(log.folder) not in text
        detail = page.problem(f"/events/{wanted}/evidence", 503)["detail"]
        assert str(log.folder) not in detail
    finally:
        checkpoint.write_bytes(whole)
