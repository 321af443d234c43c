"""What became of sealed records, on real servers."""

import json
from pathlib import Path

import pytest
from audit_seal.statement import SettledOffset
from seal.sealed_log import SealedLog
from support.consumers import settle
from support.events import chat_opened, chats
from support.log_index import map_trace_ids_as_addresses
from support.servers import Deployment


@pytest.fixture
def sealed(deployment: Deployment, tmp_path: Path) -> SealedLog:
    """Give a log that is made, and has sealed nothing yet."""
    return SealedLog.make(deployment, tmp_path / "seal")


def test_each_offset_without_a_document_has_its_reason(sealed: SealedLog, log: Path) -> None:
    """Duplicates, conflicts and refused records are told apart by the record; what is missing, too."""
    first, second = chats(2).items()
    conflict = json.loads(chat_opened(7))
    conflict["event"]["id"] = first[0]
    values = [first[1], second[1], first[1], b"no event", None, json.dumps(conflict).encode()]
    sealed.deployment.publish_raw(*values, key=b"one partition")
    with sealed.deployment.consuming(log=log) as process:
        settle(sealed.deployment, log, process)
    place = sealed.deployment.records(sealed.settings.topic)[0].origin
    document = next(each for each in sealed.deployment.documents() if each["_id"] == second[0])
    with sealed.deployment.client() as client:
        client.delete(index=document["_index"], id=second[0], refresh=True)
    sealed.seal()
    assert sealed.exceptions() == {
        (place.partition, 1): SettledOffset(1, "missing"),
        (place.partition, 2): SettledOffset(2, "duplicate", f"{place.partition}:0"),
        (place.partition, 3): SettledOffset(3, "dead-letter", "malformed"),
        (place.partition, 4): SettledOffset(4, "dead-letter", "malformed"),
        (place.partition, 5): SettledOffset(5, "dead-letter", "id-conflict"),
    }


def test_what_was_just_deleted_is_missing(sealed: SealedLog, log: Path) -> None:
    """Also while searches still find it."""
    (deleted, value), *_ = chats(1).items()
    sealed.deployment.publish_raw(value)
    with sealed.deployment.consuming(log=log) as process:
        settle(sealed.deployment, log, process)
    with sealed.deployment.client() as client:
        (document,) = sealed.deployment.documents()
        index = document["_index"]
        client.indices.put_settings(index=index, settings={"refresh_interval": "-1"})
        client.delete(index=index, id=deleted)
        assert client.count(index=index)["count"] == 1
    sealed.seal()
    assert [each.outcome for each in sealed.exceptions().values()] == ["missing"]


def test_what_the_index_refused_is_not_missing(sealed: SealedLog, log: Path) -> None:
    """The index is asked whether it would take the document: dead letters excuse nothing."""
    map_trace_ids_as_addresses(sealed.deployment)
    values = chat_opened(1, trace="192.0.2.1"), chat_opened(2, trace="no address")
    sealed.deployment.publish_raw(*values, key=b"one partition")
    with sealed.deployment.consuming(log=log) as process:
        settle(sealed.deployment, log, process)
    sealed.seal()
    (found,) = sealed.exceptions().values()
    assert found == SettledOffset(1, "dead-letter", "rejected-by-index")


def test_nothing_is_settled_that_the_consumers_have_not_committed(sealed: SealedLog) -> None:
    """What waits in Kafka is sealed, and not missing."""
    sealed.deployment.publish_raw(chat_opened())
    sealed.seal()
    assert len(sealed.slots()) == 1
    assert sealed.settled() == {}
