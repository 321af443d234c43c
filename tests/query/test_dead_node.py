"""One of two nodes is away: whoever reads or writes goes on with the other, at once."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import elasticsearch
import pytest
from audit_consumer import ConsumerSettings
from audit_producer import new_event
from audit_query import AuditLog, Filter, QuerySettings, export
from audit_runtime.elastic import connect
from support.api_client import api_client
from support.log_index import log_index
from support.proxy import proxied
from support.servers import Deployment, Servers
from support.stored_events import store

pytestmark = pytest.mark.servers

SECONDS = 60.0
"""That a query may take: nobody may wait so long for a node that never answers."""


@pytest.fixture(scope="module")
def small(servers: Servers) -> Iterator[Deployment]:
    """Give a log of ten events."""
    with log_index(servers) as deployment:
        at = datetime(2026, 11, 20, tzinfo=UTC)
        store(
            deployment,
            *(new_event("login", user="u-1", at=at, event_id=f"id-{n:014}") for n in range(10)),
        )
        yield deployment


@pytest.fixture(params=["refuses", "never answers"])
def dead(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the address of a node that is away, or takes connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if request.param == "refuses":
            listener.close()
        yield address


def settings(deployment: Deployment, dead: str) -> QuerySettings:
    """Return settings with both nodes."""
    given = deployment.query
    return given.model_copy(update={"elasticsearch_url": f"{dead},{given.elasticsearch_url}"})


QUESTIONS: dict[str, Callable[[AuditLog], Any]] = {
    "search": lambda log: len(log.search(Filter()).events),
    "export": lambda log: sum(count for count, _ in export(log, Filter(), "ndjson")),
    "event": lambda log: log.get("id-00000000000001") and 10,
    "count": lambda log: log.count(Filter()),
    "seen": lambda log: log.seen(Filter()).count,
    "histogram": lambda log: sum(each.count for each in log.buckets(Filter()).buckets),
    "top": lambda log: log.top(Filter(), "user")[0].count,
    "suggestions": lambda log: len(log.suggest("user", "u")) * 10,
    "tail": lambda log: len(log.newest_arrivals(Filter()).events),
}


def test_every_question_is_answered(small: Deployment, dead: str) -> None:
    """Twice each, so that both nodes are asked first; none takes the time of a query."""
    begun = time.monotonic()
    with AuditLog(settings(small, dead), seconds=SECONDS) as log:
        for question, ask in QUESTIONS.items():
            assert [ask(log), ask(log)] == [10, 10], question
    assert time.monotonic() - begun < SECONDS


def test_server_is_ready_and_answers(small: Deployment, dead: str) -> None:
    """Its readiness asks as every query does."""
    with (
        AuditLog(settings(small, dead), seconds=SECONDS) as log,
        api_client(log, query_seconds=SECONDS) as client,
    ):
        assert [client.get("/readyz").status_code for _ in range(2)] == [200, 200]
        assert len(client.json("/events")["events"]) == 10


def test_scan_goes_on_where_it_was(small: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that dies under it, and takes the point in time with it, is not noticed."""
    monkeypatch.setattr("audit_query.log._SCAN_PAGE", 2)
    with proxied(small.servers.elasticsearch) as proxy:
        both = settings(small, proxy.url)
        with AuditLog(both, seconds=SECONDS) as log, log.scan(Filter()) as pages:
            ids = []
            for number, page in enumerate(pages):
                ids += [hit.id for hit in page]
                if number == 0:
                    proxy.cut()
                    with small.client() as client:
                        client.close_point_in_time(id=str(pages._pit))  # noqa: SLF001 - as it dies
    assert ids == [f"id-{n:014}" for n in range(10)]


def test_write_that_reached_no_node_goes_to_another(small: Deployment, dead: str) -> None:
    """Twice, so that both nodes are asked first; nothing was sent, so nothing can be done twice."""
    with connect(settings(small, dead), seconds=SECONDS) as client:
        for _ in range(2):
            done = client.bulk(operations=[{"delete": {"_index": f"{small.name}-none", "_id": "1"}}])
            assert done["items"][0]["delete"]["status"] == 404


def test_write_that_reached_a_node_is_sent_once(small: Deployment) -> None:
    """Whether it was done is not known: it is tried again by whoever knows how."""
    with proxied(small.servers.elasticsearch) as one, proxied(small.servers.elasticsearch) as other:
        for proxy in (one, other):
            proxy.cut_answers(b"/_bulk", [0.0])
        both = small.query.model_copy(update={"elasticsearch_url": f"{one.url},{other.url}"})
        with connect(both, seconds=SECONDS) as client, pytest.raises(elasticsearch.ConnectionError):
            client.bulk(operations=[{"delete": {"_index": f"{small.name}-none", "_id": "1"}}])
        assert one.answers_cut + other.answers_cut == 1


def test_all_nodes_away_are_an_error_at_once(dead: str) -> None:
    """Each is asked once."""
    away = ConsumerSettings(elasticsearch_url=f"{dead},http://127.0.0.1:9")
    with connect(away, seconds=SECONDS) as client, pytest.raises(elasticsearch.ConnectionError):
        client.cluster.health()
