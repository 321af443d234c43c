"""The published bytes of every event in the index, whoever wrote it: on real servers."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import elasticsearch
import pytest
from audit_query import AuditLog, Filter
from audit_schemas import (
    MAX_EVENT_BYTES,
    REASON_HEADER,
    IndexNaming,
    former_document,
    published_forms,
)
from audit_schemas.template import index_template
from support.consumed import consume_all
from support.events import chat_opened, raw
from support.in_process import call
from support.servers import Deployment

pytestmark = pytest.mark.servers

HIDDEN = "beyondwhatanamemaybe"
SDK = chat_opened()
OTHERS = [
    raw(event={"id": "another-form-0001", "action": "login"}),
    raw(event={"id": "another-form-0002", "action": "login"}, user={"name": "x" * 300 + HIDDEN}),
    raw(event={"id": "another-form-0003", "action": "login"}).replace(b"Ada", b"\xff\xfe"),
    raw(event={"id": "another-form-0004", "action": "login"}, message="\ud800"),
    raw(event={"id": "another-form-0005", "action": "login"}).ljust(MAX_EVENT_BYTES, b"\n"),
]  # fmt: skip


@pytest.fixture
def older(deployment: Deployment) -> Deployment:
    """Give a deployment with an index that an older version made, which kept no published bytes."""
    naming = IndexNaming(deployment.name)
    old = copy.deepcopy(index_template(naming, deployment.setup.index_settings()))
    old["meta"] = old.pop("_meta")
    del old["template"]["mappings"]["properties"]["event"]["properties"]["original"]
    with deployment.client() as client:
        client.indices.put_index_template(name=deployment.name, **old)
        client.indices.create(index=naming.index_of(datetime.now(UTC).isoformat()))
    return deployment


def test_published_bytes_are_in_the_index_and_in_exports(older: Deployment, tmp_path: Path) -> None:
    """Up to the largest event, after an upgrade and a reindexing; nobody else comes across them."""
    assert "added fields to index" in call(older, "setup").stdout
    older.publish_raw(SDK, *OTHERS)
    consume_all(older)
    assert older.dead_letters() == []
    call(older, "reindex", "--index", older.documents()[0]["_index"])

    for name in ("all.ndjson", "all.csv"):
        call(older, "export", str(tmp_path / name))
    exported = [json.loads(line) for line in (tmp_path / "all.ndjson").read_bytes().splitlines()]
    published = {
        (r.origin.partition, r.origin.offset): r.value for r in older.records(f"{older.name}.events")
    }
    for source in exported:
        kafka = source["audit"]["kafka"]
        assert published.pop((kafka["partition"], kafka["offset"])) in list(published_forms(source))
    assert published == {}
    assert len(OTHERS) == sum("original" in source["event"] for source in exported)

    assert HIDDEN not in call(older, "show", "another-form-0002").stdout
    assert HIDDEN in call(older, "show", "another-form-0002", "--json").stdout
    assert HIDDEN not in (tmp_path / "all.csv").read_text()
    with AuditLog(older.query) as log:
        assert log.count(Filter(text=(HIDDEN,))) == 0
    with older.client() as client:
        everywhere = {"query_string": {"query": HIDDEN, "lenient": True}}
        assert client.count(index=older.name, query=everywhere)["count"] == 0
        with pytest.raises(elasticsearch.BadRequestError, match="not indexed"):
            client.count(index=older.name, query={"term": {"event.original": "x"}})


def test_an_event_that_an_older_version_indexed_is_known_again(deployment: Deployment) -> None:
    """Its document has the longer hash; another event under its id is still a conflict."""
    deployment.publish_raw(SDK)
    consume_all(deployment)
    (stored,) = deployment.documents()
    event_id, index = stored.pop("_id"), stored.pop("_index")
    former = former_document(stored)
    with deployment.client() as client:
        client.index(index=index, id=event_id, document=former, refresh=True)
    deployment.publish_raw(SDK, SDK.replace(b"chat-0", b"chat-9"))
    consume_all(deployment)
    assert [former | {"_id": event_id, "_index": index}] == deployment.documents()
    assert [b"id-conflict"] == [letter.header(REASON_HEADER) for letter in deployment.dead_letters()]
