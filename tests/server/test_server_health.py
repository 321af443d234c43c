"""Probes: whether the server is alive, and whether readers should be sent to it."""

import contextlib
import http.client
import re
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_query import AuditLog
from audit_server.app import create_app
from audit_server.health import PATHS
from audit_server.settings import ServeSettings
from starlette.testclient import TestClient
from support.api_client import NOW, ApiClient, api_client, listening
from support.conditions import wait_until
from support.fake_elasticsearch import answering, answering_with, client_of, refusing
from support.servers import Deployment

pytestmark = pytest.mark.slow

EMPTY = answering_with(200, '{"hits":{"hits":[]}}')
"""What Elasticsearch says to a search that finds nothing."""


@pytest.fixture
def nowhere() -> Iterator[str]:
    """Give the address of an Elasticsearch that is not there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listening
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


class Counting:
    """Answers as Elasticsearch does, and counts how often it was asked."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    def __call__(self, end: socket.socket, request: bytes) -> None:
        """Answer."""
        self.requests.append(request)
        EMPTY(end, request)


def test_alive_whatever_elasticsearch_does(nowhere: str) -> None:
    """A restart of ours would mend nothing there."""
    with client_of(nowhere) as client:
        for path in ("/healthz", "/livez"):
            answer = client.get(path)
            assert (answer.status_code, answer.text) == (200, "ok\n")


def test_not_ready_while_elasticsearch_is_away(nowhere: str, capsys: Any) -> None:
    """503 with a sentence that tells nothing; the operator is told once."""
    with client_of(nowhere) as client:
        answer = client.get("/readyz")
        client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "The log is unreachable at the moment\n")
    assert "".join(capsys.readouterr()).count("not ready") == 1


def test_not_ready_while_elasticsearch_hangs() -> None:
    """Within the second that it may take, and at once for those who ask meanwhile."""
    with answering(lambda *_: None) as url, client_of(url) as client:
        assert client.get("/readyz").status_code == 503
        wait_until(
            lambda: client.get("/readyz").elapsed.total_seconds() < 0.5,
            seconds=60,
            what="it answers from what it knows",
        )


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_not_ready_while_elasticsearch_refuses(status: int) -> None:
    """And nothing of what it says is passed on."""
    with answering(refusing(status, "no rights on x")) as url, client_of(url) as client:
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "rights" not in answer.text


@pytest.mark.servers
def test_ready_when_elasticsearch_answers(two: Deployment) -> None:
    """On a real one; also before the first event, when there is no index."""
    before = two.query.model_copy(update={"index_prefix": "nothing-yet"})
    for settings in (two.query, before):
        with AuditLog(settings) as log, api_client(log) as client:
            answer = client.get("/readyz")
            assert (answer.status_code, answer.text) == (200, "ok\n")


def test_flood_of_probes_is_one_request() -> None:
    """Whoever can reach the server can't make Elasticsearch work by probing it."""
    api = Counting()
    with answering(api) as url, client_of(url) as client:
        threads = [threading.Thread(target=client.get, args=("/readyz",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [client.get("/readyz").status_code for _ in range(100)] == [200] * 100
    assert len(api.requests) <= 2  # the second if all that took longer than it is kept


def test_ready_again_without_a_restart(tmp_path: Path) -> None:
    """A password that is changed is read again, though nobody but the prober asks."""
    password = tmp_path / "password"
    password.write_text("old")
    right = b64encode(b"reader:new")

    def guard(end: socket.socket, request: bytes) -> None:
        (EMPTY if right in request else refusing(401, "x"))(end, request)

    with answering(guard) as url:
        settings = ServeSettings(
            elasticsearch_url=url,
            elasticsearch_username="reader",
            elasticsearch_password_file=password,
        )
        with (
            AuditLog(settings) as log,
            TestClient(create_app(log, settings)) as client,
        ):
            assert client.get("/readyz").status_code == 503
            password.write_text("new")
            wait_until(lambda: client.get("/readyz").status_code == 200, what="it is ready")


@pytest.mark.parametrize("path", PATHS)
def test_probe_takes_no_token_and_any_name(path: str, tmp_path: Path) -> None:
    """A prober has none, and asks by the address; it is no refusal, and on nobody's record."""
    with answering(EMPTY) as url, client_of(url, tokens_file=tmp_path / "tokens.json") as client:
        del client.headers["Authorization"]
        answer = client.get(path, headers={"Host": "10.0.0.7:8484", "Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert client.published.events == []


@pytest.mark.parametrize("path", PATHS)
def test_probe_is_answered_where_nobody_else_is(path: str) -> None:
    """A server with all it can take is well, and must not be killed for it; nor is it logged."""
    waits, newest_arrivals = threading.Event(), threading.Event()

    def wait(end: socket.socket, request: bytes) -> None:
        if b"match_none" not in request:
            newest_arrivals.set()
            waits.wait(120)
        EMPTY(end, request)

    with answering(wait) as url, client_of(url, seconds=120, serve_requests=1) as client:
        stuck = threading.Thread(target=client.get, args=("/api/v1/events",), daemon=True)
        stuck.start()
        assert newest_arrivals.wait(120)
        assert client.get("/api/v1/events").status_code == 503
        assert client.get(path).status_code == 200
        waits.set()
        stuck.join(120)
        assert not stuck.is_alive()


def test_probes_are_not_in_the_log(capsys: Any) -> None:
    """They would be most of it."""
    with answering(EMPTY) as url, client_of(url) as client:
        for path in PATHS:
            client.get(path)
        client.get("/api/v1/events/0123456789abcdef")
    assert "".join(capsys.readouterr()).count("request") == 1


@pytest.mark.parametrize("path", PATHS)
def test_probe_is_asked_for_with_get(path: str) -> None:
    """Nothing else means anything."""
    with answering(EMPTY) as url, client_of(url) as client:
        answer = client.post(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@contextlib.contextmanager
def served(settings: Any) -> Iterator[http.client.HTTPConnection]:
    """Serve a log over a socket, and give a connection to it."""
    with (
        AuditLog(settings) as log,
        listening(create_app(log, ServeSettings(), clock=lambda: NOW)) as address,
    ):
        connection = http.client.HTTPConnection(address, timeout=30)
        yield connection
        connection.close()


def heads(connection: http.client.HTTPConnection, method: str, path: str) -> tuple[int, dict[str, str]]:
    """Return an answer's status and headers; the next answer can only be read if it had no body."""
    connection.request(method, path, headers={"Accept-Encoding": "identity"})
    answer = connection.getresponse()
    body = answer.read()
    assert not (method == "HEAD" and body)
    found = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, {name: found[name] for name in found if name not in ("date", "set-cookie")}


@pytest.mark.servers
@pytest.mark.parametrize(
    "path",
    [
        *(*PATHS, "/", "/rows", "/static/nothing.css", "/login", "/nowhere", "/users/Ada"),
        *("/api/v1/events", "/api/v1/events/0123456789abcdef", "/api/v1/openapi.json"),
        *("/api/v1/export", "/api/v1/export?format=ndjson", "/api/v1/events?nonsense=1"),
    ],
)
def test_head_is_get_without_the_body(two: Deployment, path: str) -> None:
    """The same status and headers, over one connection: a body would be taken for the next answer."""
    with served(two.query) as connection:
        head = heads(connection, "HEAD", path)
        get = heads(connection, "GET", path)
    assert get == head


def test_head_where_get_is_not_is_405(client_of_nothing: ApiClient) -> None:
    """As before."""
    assert client_of_nothing.head("/logout").status_code == 405


def test_head_is_logged_as_such(client_of_nothing: ApiClient, capsys: Any) -> None:
    """Though it is answered as GET is."""
    client_of_nothing.head("/api/v1/events")
    assert re.search("method.*HEAD", "".join(capsys.readouterr()))


@pytest.fixture
def client_of_nothing(nowhere: str) -> Iterator[ApiClient]:
    """Give a client of a server without Elasticsearch."""
    with client_of(nowhere) as client:
        yield client
