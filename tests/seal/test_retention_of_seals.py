"""`auditlog retention` and `reindex` of a log that is sealed, on real servers."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_admin import set_up
from audit_schemas import IndexNaming
from seal.sealed_log import SealedLog
from support.consumed import consume_all
from support.events import chat_opened, raw
from support.in_process import call
from support.servers import Servers, new_deployment, tear_down

OLD = datetime.now(UTC) - timedelta(days=100)
POLICY = ("--keep-months", "2", "--delete", "--yes", "--as", "the-timer")


@pytest.fixture
def sealed(servers: Servers, tmp_path: Path) -> Iterator[SealedLog]:
    """Give a sealed log of one partition, with events of now and of a hundred days ago."""
    deployment = new_deployment(servers, AUDITLOG_PARTITIONS="1", AUDITLOG_REPLICATION="1")
    list(set_up(deployment.setup))
    log = SealedLog.make(deployment, tmp_path / "seal")
    deployment.publish_raw(*(chat_opened(n, at=OLD) for n in range(10)))
    deployment.publish_raw(raw(), *map(chat_opened, range(5)), b"no event")
    consume_all(deployment)
    log.seal()
    yield log
    tear_down(deployment)


def kept_because(log: SealedLog, *arguments: str) -> str | None:
    """Run `auditlog retention`; return why the old index stays, None if it was deleted."""
    rows = json.loads(call(log.deployment, "retention", "--json", *arguments).stdout)["indices"]
    (row,) = [row for row in rows if row["name"] == old_index(log) and row["live"]]
    assert row["deleted"] == (row["kept_because"] is None)
    return row["kept_because"] if isinstance(row["kept_because"], str) else None


def old_index(log: SealedLog) -> str:
    """Return the index that has expired."""
    return IndexNaming(log.deployment.name).index_of(OLD.isoformat())


def verified(log: SealedLog) -> str:
    """Return what `seal verify` says in the end of a log that is sound."""
    return call(log.deployment, "seal", "verify").stdout.splitlines()[-1]


def test_index_of_sealed_events_is_retired_before_it_is_deleted(sealed: SealedLog) -> None:
    """By the first run that may ask the sealer; the first one after its checkpoint deletes."""
    sealed.delete_records(0, 10)
    sealed.deployment.extra["AUDITLOG_SEAL_FOLDER"] = str(sealed.folder)
    assert "10 of its events are retired" in str(kept_because(sealed, "--keep-months", "2"))
    sealed.seal()
    assert "retired 0" in verified(sealed), "it was only shown"
    for _ in range(2):
        assert "10 of its events are retired" in str(kept_because(sealed, *POLICY))
    sealed.seal()
    assert kept_because(sealed, *POLICY) is None
    consume_all(sealed.deployment)
    sealed.seal()
    assert "sealed 18 = indexed 7 + duplicates 0 + dead-lettered 1" in verified(sealed)
    assert "retired 10" in verified(sealed)


def test_index_is_kept_where_nobody_can_retire_it(sealed: SealedLog) -> None:
    """Elsewhere than at the sealer's, and by ILM."""
    sealed.delete_records(0, 10)
    assert "run this on the sealer's host" in str(kept_because(sealed, *POLICY))
    done = call(sealed.deployment, "retention", "--keep-months", "2", "--ilm", check=False)
    assert (1, True) == (done.returncode, "The log is sealed" in done.stderr)


def test_index_with_a_changed_document_is_not_retired(sealed: SealedLog) -> None:
    """Whoever changed it can't have it forgotten."""
    sealed.delete_records(0, 10)
    sealed.deployment.extra["AUDITLOG_SEAL_FOLDER"] = str(sealed.folder)
    document = next(d for d in sealed.deployment.documents() if d["_index"] == old_index(sealed))
    change = {"user": {"id": "someone-else"}}
    with sealed.deployment.client() as client:
        client.update(index=old_index(sealed), id=document["_id"], doc=change, refresh=True)
    done = call(sealed.deployment, "retention", *POLICY, check=False)
    assert (1, True) == (done.returncode, "1 of 10 documents" in done.stderr)
    sealed.seal()
    assert "10 of its events are retired" in str(kept_because(sealed, "--keep-months", "2"))


def test_reindex_leaves_the_seals_valid(sealed: SealedLog) -> None:
    """Also after the old copy is deleted; and the index is retired under its new name."""
    sealed.deployment.extra["AUDITLOG_SEAL_FOLDER"] = str(sealed.folder)
    before = verified(sealed)
    call(sealed.deployment, "reindex", "--index", old_index(sealed))
    assert before == verified(sealed)
    call(sealed.deployment, "reindex", "--delete-old", "--yes")
    assert before == verified(sealed)
    sealed.delete_records(0, 10)
    kept_because(sealed, *POLICY)
    sealed.seal()
    assert kept_because(sealed, *POLICY) is None
    assert "retired 10" in verified(sealed)
