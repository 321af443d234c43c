"""The sink answers as the real Elasticsearch does, counts what comes, and passes on the rest."""

import gzip
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import elasticsearch
import pytest
from audit_local.ports import free_port
from support.conditions import wait_until
from support.servers import Deployment, Servers

from benchmarks import sink
from benchmarks.bodies import Bodies
from benchmarks.children import job, running

FILTERS = [
    "",
    "errors",
    "took,errors,items.*.status",
    "errors,items.*.status,items.*.error.type,items.*.error.reason",
    "items.*.error",
    "errors,items.create._id",
    "-took,-items.*._shards",
    "**.status",
]


@pytest.fixture
def address(servers: Servers, tmp_path: Path) -> Iterator[str]:
    """Give a sink that keeps what it gets in the test's folder."""
    port = free_port()
    work = sink.Sink(port, urlsplit(servers.elasticsearch).netloc, str(tmp_path))
    with running([job("the sink", sink.__name__, work)], tmp_path) as (child,):
        wait_until(lambda: answers(port), what="the sink answers")
        child.check()
        yield f"127.0.0.1:{port}"


def answers(port: int) -> bool:
    """Tell whether anything listens there."""
    try:
        return "documents" in ask(f"127.0.0.1:{port}", "GET", "/_sink")
    except OSError:
        return False


def ask(address: str, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
    """Send one request and return the answer's JSON."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {"Content-Type": "application/x-ndjson", **named})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def bulk(index: str, *ids: str) -> bytes:
    """Return a body that creates documents."""
    lines = ((json.dumps({"create": {"_index": index, "_id": i}}), '{"n":1}') for i in ids)
    return "".join(f"{line}\n" for pair in lines for line in pair).encode()


def shape(answer: Any) -> Any:
    """Return an answer's names, and those values that are always the same."""
    if isinstance(answer, dict):
        return {k: shape(v) if k not in ("took", "_seq_no") else 0 for k, v in answer.items()}
    return [shape(inner) for inner in answer] if isinstance(answer, list) else answer


@pytest.mark.servers
@pytest.mark.parametrize("filter_path", FILTERS)
def test_answer_is_the_one_that_elasticsearch_gives(
    address: str, deployment: Deployment, filter_path: str
) -> None:
    """The same names and the same values, for each filter that a consumer may choose."""
    body = bulk(f"{deployment.name}-raw", "a", "b")
    target = f"/_bulk?filter_path={quote(filter_path)}"
    with deployment.client() as client:
        mappings = {"properties": {"n": {"type": "long"}}}
        settings = {"number_of_replicas": 0}
        client.indices.create(index=f"{deployment.name}-raw", mappings=mappings, settings=settings)
    real = ask(urlsplit(deployment.servers.elasticsearch).netloc, "POST", target, body)
    assert shape(ask(address, "POST", target, body)) == shape(real)


@pytest.mark.servers
def test_documents_are_counted_however_they_come(address: str) -> None:
    """With and without the last line end, and compressed."""
    body = bulk("any", "a", "b", "c")
    ask(address, "POST", "/_bulk", body)
    ask(address, "POST", "/any/_bulk", body[:-1])
    ask(address, "POST", "/_bulk", gzip.compress(body), Content_Encoding="gzip")
    found = ask(address, "GET", "/_sink")
    assert (found["documents"], found["requests"]) == (9, 3)
    assert found["first"] <= found["last"]


@pytest.mark.servers
def test_what_is_kept_fits_into_any_index(address: str, tmp_path: Path) -> None:
    """The documents as they came, under their ids, and no index's name."""
    ask(address, "POST", "/_bulk", bulk("any", *(f"id-{n}" for n in range(250))))
    ask(address, "GET", "/_sink")
    kept = list(Bodies(tmp_path).pairs(1000))
    assert len(kept) == 250
    assert kept[7] == (b'{"create":{"_id":"id-7"}}', b'{"n":1}')


@pytest.mark.servers
def test_all_else_goes_to_the_real_one(address: str, deployment: Deployment) -> None:
    """By the client that a consumer uses: the template, a missing one, a HEAD, a search."""
    with elasticsearch.Elasticsearch(f"http://{address}") as client:
        found = client.indices.get_index_template(name=deployment.name)
        assert found["index_templates"][0]["name"] == deployment.name
        assert client.indices.exists_index_template(name=deployment.name)
        assert not client.indices.exists_index_template(name="nobody")
        with pytest.raises(elasticsearch.NotFoundError):
            client.indices.get_index_template(name="nobody")
        assert (
            client.search(index=f"{deployment.name}-*", query={"match_all": {}})["hits"]["hits"] == []
        )
