"""Elasticsearch slow, away, or refusing: an answer in time, and never a traceback."""

import contextlib
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_query import AuditLog
from audit_server.app import create_app
from audit_server.settings import ServeSettings
from starlette.testclient import TestClient
from support.api_client import ApiClient, api_client
from support.conditions import wait_until
from support.fake_elasticsearch import answering, answering_with, client_of, refusing
from support.proxy import Network, Proxy, proxied
from support.servers import Deployment

PATHS = (
    *("/events", "/events/0123456789abcdef", "/buckets", "/top?by=ip", "/export"),
    "/suggest?field=user&prefix=a",
)


def unavailable(client: ApiClient, path: str) -> str:
    """Return why there is no answer, which has to come long before a reader's own time-out."""
    began = time.monotonic()
    answer = client.get(f"/api/v1{path}")
    assert time.monotonic() - began < 15
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"])


@pytest.mark.parametrize("path", PATHS)
def test_absent_elasticsearch_is_503_at_once(path: str, capsys: Any) -> None:
    """The operator is told what to set, the reader to try again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listening
        with client_of(f"http://127.0.0.1:{taken.getsockname()[1]}") as client:
            said = unavailable(client, path)
    assert said == "The log is unreachable at the moment"
    logged = "".join(capsys.readouterr())
    assert "AUDITLOG_ELASTICSEARCH_URL" in logged
    assert "Traceback" not in logged


@pytest.mark.parametrize("path", PATHS)
def test_elasticsearch_that_hangs_is_503_in_time(path: str, capsys: Any) -> None:
    """It took the question, and says nothing."""
    with answering(lambda *_: None) as url, client_of(url, seconds=0.5) as client:
        assert "timed out" in unavailable(client, path)
    assert "Traceback" not in "".join(capsys.readouterr())


def test_elasticsearch_that_drips_is_503_in_time() -> None:
    """A byte now and then keeps its client waiting, but not the reader."""

    def drip(end: socket.socket, _: bytes) -> None:
        for _byte in range(300):
            end.sendall(b"H")
            time.sleep(0.1)

    with answering(drip) as url, client_of(url, seconds=0.5) as client:
        assert "timed out" in unavailable(client, "/events")


@pytest.mark.parametrize(
    ("status", "told", "says"),
    [
        (401, "refuses the credentials", "can't be read"),
        (403, "forbids this user the action: 'no rights on x'", "can't be read"),
        (429, "is overloaded", "is overloaded"),
        (500, "answers 500", "can't be read"),
        (503, "answers 503", "can't be read"),
    ],
)
def test_refusal_of_elasticsearch_is_the_operators_to_know(
    status: int, told: str, says: str, capsys: Any
) -> None:
    """A sentence in the log; to the reader nothing that helps an attacker."""
    with answering(refusing(status, "no rights on x")) as url, client_of(url) as client:
        said = unavailable(client, "/events")
    assert says in said
    assert "rights" not in said
    assert told in "".join(capsys.readouterr()).replace('"', "'").replace("\\'", "'")


def test_question_that_elasticsearch_refuses_is_no_fault_of_the_log(capsys: Any) -> None:
    """400, and what it quotes of the question stays out of the server's log."""
    body = '{"error":{"root_cause":[{"type":"parse_exception","reason":"what of Carla"}]}}'
    with answering(answering_with(400, body)) as url, client_of(url) as client:
        assert "can't answer this" in client.problem("/events", 400)["detail"]
    logged = "".join(capsys.readouterr())
    assert "parse_exception" in logged
    assert "Carla" not in logged


def test_changed_password_needs_no_restart(tmp_path: Path) -> None:
    """It is read again from its file once it was refused."""
    password = tmp_path / "password"
    password.write_text("old")
    right = b64encode(b"reader:new")
    refuse, welcome = refusing(401, "x"), answering_with(200, '{"hits":{"hits":[]}}')

    def guard(end: socket.socket, request: bytes) -> None:
        (welcome if right in request else refuse)(end, request)

    with answering(guard) as url:
        settings = ServeSettings(
            elasticsearch_url=url,
            elasticsearch_username="reader",
            elasticsearch_password_file=password,
        )
        with (
            AuditLog(settings) as log,
            TestClient(
                create_app(log, settings),
                base_url="http://127.0.0.1",
            ) as client,
        ):
            assert client.get("/api/v1/events/0123456789abcdef").status_code == 503
            password.write_text("new")
            wait_until(
                lambda: client.get("/api/v1/events/0123456789abcdef").status_code == 404,
                seconds=10,
                what="the new password is read",
            )


def test_more_than_can_be_worked_on_are_sent_away() -> None:
    """At once, while the others wait; and let in again when those have ended."""
    waits = threading.Event()
    refuse = refusing(500, "late")

    arrived = threading.Semaphore(0)

    def wait(end: socket.socket, request: bytes) -> None:
        arrived.release()
        waits.wait(120)
        refuse(end, request)

    with (
        answering(wait) as url,
        client_of(url, seconds=120, serve_requests=3) as client,
    ):
        stuck = [
            threading.Thread(target=client.get, args=("/api/v1/events",), daemon=True) for _ in range(3)
        ]
        for thread in stuck:
            thread.start()
        for _ in stuck:
            assert arrived.acquire(timeout=120)
        began = time.monotonic()
        answer = client.get("/api/v1/events/x")
        assert time.monotonic() - began < 30
        assert (answer.headers["retry-after"], answer.json()["status"]) == ("1", 503)
        waits.set()
        wait_until(
            lambda: client.get("/api/v1/events/x").status_code == 404, what="there is place again"
        )
        for thread in stuck:
            thread.join()


@pytest.mark.servers
def test_slow_network_is_503_and_then_well(two: Deployment) -> None:
    """The same client answers when the network does again."""
    slow = Network(round_trip_seconds=3)
    with proxied(two.servers.elasticsearch, slow) as proxy, _client_through(two, proxy, 0.5) as client:
        assert "timed out" in unavailable(client, "/events")
    with proxied(two.servers.elasticsearch) as proxy, _client_through(two, proxy, 10) as client:
        assert len(client.json("/events")["events"]) == 22
        proxy.cut()
        assert "unreachable" in unavailable(client, "/events")
        proxy.restore()
        assert len(client.json("/events")["events"]) == 22


@contextlib.contextmanager
def _client_through(two: Deployment, proxy: Proxy, seconds: float) -> Iterator[ApiClient]:
    through = two.query.model_copy(update={"elasticsearch_url": proxy.url})
    with (
        AuditLog(through, seconds=seconds) as log,
        api_client(log, query_seconds=seconds) as client,
    ):
        yield client
