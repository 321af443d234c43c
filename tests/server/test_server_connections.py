"""Connections whose client is slow, silent or one of many: they take nobody else's place."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_query import AuditLog, QuerySettings
from audit_server import serve
from audit_server.app import create_app
from audit_server.connections import ConnectionLimits, Connections, connections_max
from audit_server.errors import ProblemError
from audit_server.request_body import BODY_MAX, received_whole
from audit_server.settings import ServeSettings
from audit_server.tokens import TokenFile
from fastapi import FastAPI, Response
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient
from support.api_client import listening
from support.certificates import loopback_certificate
from support.conditions import wait_until

pytestmark = pytest.mark.slow

HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: "
NO_BODY = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
LIMITS = ConnectionLimits(total=8, by_address=8)


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """Give a token."""
    return TokenFile(tmp_path / "tokens.json").create("ada")


@pytest.fixture
def app(tmp_path: Path, secret: str) -> Iterator[FastAPI]:
    """Give the application over a log that never answers, with tokens and two places."""
    assert secret
    settings = ServeSettings(serve_requests=2)
    with AuditLog(QuerySettings(elasticsearch_url="http://127.0.0.1:9")) as log:
        yield create_app(log, settings, tokens=TokenFile(tmp_path / "tokens.json"))


@contextlib.contextmanager
def connected(address: str, count: int, first: bytes = b"") -> Iterator[list[socket.socket]]:
    """Give connections on which a beginning was sent."""
    host, port = address.split(":")
    with contextlib.ExitStack() as stack:
        ends = []
        for _ in range(count):
            end = stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
            end.sendall(first)
            ends.append(end)
        yield ends


def answer_to(address: str, path: str, **headers: str) -> bytes:
    """Return the whole answer to a GET on a connection of its own."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n"
    with connected(address, 1, request.encode()) as (end,):
        return read_to_end(end)


def read_to_end(end: socket.socket) -> bytes:
    """Return what comes until the connection is closed or reset."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := end.recv(65536):
            found += part
    return found


def is_closed(end: socket.socket) -> bool:
    """Tell whether the server has closed a connection, without waiting."""
    end.setblocking(False)
    try:
        return end.recv(65536) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_log_ins_without_a_body_hold_no_place(app: FastAPI, secret: str) -> None:
    """Whoever has a token is answered, and so is who has none yet."""
    with listening(app) as address, connected(address, 20, NO_BODY):
        answer = answer_to(address, "/api/v1/events/x", Authorization=f"Bearer {secret}")
        assert b" 404 " in answer.splitlines()[0]
        assert b" 200 " in answer_to(address, "/login").splitlines()[0]


def test_places_without_a_token_are_apart_from_those_with_one() -> None:
    """Neither kind can shut the other out."""
    from audit_server.metrics import ServerMetrics  # noqa: PLC0415
    from audit_server.request_limiter import RequestLimiter  # noqa: PLC0415

    async def waiting(_: Any, __: Any, send: Any) -> None:
        await go_on.wait()
        await Response("ok")({"type": "http"}, _nothing, send)

    async def _nothing() -> Any:
        return {"type": "http.request"}

    async def status_of(*, is_known: bool) -> int:
        statuses = []

        async def send(message: Any) -> None:
            statuses.append(message.get("status"))

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [(b"known", b"1")] if is_known else [],
        }
        await limiter(scope, _nothing, send)
        return int(statuses[0])

    async def main() -> list[int]:
        first = [asyncio.create_task(status_of(is_known=known)) for known in (True, False, False)]
        await asyncio.sleep(0)
        refused = [await status_of(is_known=known) for known in (True, False)]
        go_on.set()
        return refused + list(await asyncio.gather(*first))

    go_on = asyncio.Event()
    limiter = RequestLimiter(
        waiting,
        problem_response=lambda _, problem: problem.response(),
        is_known=lambda request: "known" in request.headers,
        requests=1,
        strangers=2,
        seconds=10,
        send_seconds=10,
        metrics=ServerMetrics(),
    )
    assert asyncio.run(main()) == [503, 503, 200, 200, 200]


def test_half_requests_keep_nobody_out(app: FastAPI) -> None:
    """The oldest makes way, so that a probe is answered however many there are."""
    with listening(app, LIMITS) as address, connected(address, 20, HALF_A_HEAD) as halves:
        for _ in range(3):
            assert answer_to(address, "/healthz").endswith(b"ok\n")
        wait_until(lambda: is_closed(halves[0]), what="the first is closed")
        assert not is_closed(halves[-1])


def test_half_bodies_keep_nobody_out(app: FastAPI) -> None:
    """Nor do requests that never end."""
    with listening(app, LIMITS) as address, connected(address, 20, NO_BODY):
        assert answer_to(address, "/healthz").endswith(b"ok\n")


@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_head_that_does_not_end_is_not_waited_for(app: FastAPI, before: bytes) -> None:
    """Of a first request or of a later one; a byte now and then buys no time."""
    limits = ConnectionLimits(total=8, by_address=8, head_seconds=1)
    with listening(app, limits) as address, connected(address, 1, before) as (end,):
        answer = b""
        while before and not answer.endswith(b"ok\n"):
            part = end.recv(65536)
            assert part, "it was closed before its first answer"
            answer += part
        end.sendall(HALF_A_HEAD)
        began = time.monotonic()
        while not is_closed(end):
            assert time.monotonic() - began < 30
            time.sleep(0.05)
            with contextlib.suppress(OSError):
                end.send(b"x")


def test_slow_reader_of_a_large_answer_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds its place while there is much to read, and no memory after that."""
    size = 16_000_000
    tables = []

    class Noted(Connections):
        def __init__(self, limits: ConnectionLimits) -> None:
            super().__init__(limits)
            tables.append(self)

    monkeypatch.setattr(serve, "Connections", Noted)
    limits = ConnectionLimits(total=8, by_address=8, linger_seconds=0.2)
    with AuditLog(QuerySettings(elasticsearch_url="http://127.0.0.1:9")) as log:
        app = create_app(log, ServeSettings(serve_send_seconds=0.3))
        app.add_api_route("/large", lambda: Response(b"x" * size))
        with listening(app, limits) as address:
            request = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
            with connected(address, 1, request) as (end,):
                assert end.recv(10)
                wait_until(lambda: len(tables[0]) == 0, seconds=60, what="the connection is gone")


def test_large_answer_is_whole(app: FastAPI) -> None:
    """Though it is sent in pieces."""
    body = b"0123456789" * 100_000 + b"end"
    app.add_api_route("/large", lambda: Response(body))
    with listening(app) as address:
        assert answer_to(address, "/large").endswith(b"\r\n\r\n" + body)


class Peer:
    """A connection of the table's, which waits or not."""

    def __init__(self, table: Connections, ip: str, *, is_waiting: bool = True) -> None:
        self.is_waiting, self.is_open, self._table, self._ip = is_waiting, True, table, ip

    def drop(self) -> None:
        """Close it."""
        self.is_open = False
        self._table.remove(self, self._ip)


@pytest.fixture
def admit() -> Callable[..., Peer]:
    """Admit peers to a table of six connections, three an address."""
    table = Connections(ConnectionLimits(total=6, by_address=3, proxies=("10.0.0.0/8",)))

    def admitted(ip: str, *, is_waiting: bool = True) -> Peer:
        peer = Peer(table, ip, is_waiting=is_waiting)
        peer.is_open = table.admit(peer, ip)
        assert len(table) <= 6
        return peer

    return admitted


def test_address_with_many_makes_way_itself(admit: Callable[..., Peer]) -> None:
    """Its own oldest; others lose nothing."""
    other = admit("192.0.2.1")
    flood = [admit("203.0.113.1") for _ in range(20)]
    assert other.is_open
    assert [peer.is_open for peer in flood] == [False] * 17 + [True] * 3


def test_a_subscribers_ipv6_addresses_are_one(admit: Callable[..., Peer]) -> None:
    """They have 2^64 of them."""
    flood = [admit(f"2001:db8::{number:x}") for number in range(1, 8)]
    assert sum(peer.is_open for peer in flood) == 3
    assert admit("2001:db8:0:1::1").is_open


def test_proxy_may_have_many(admit: Callable[..., Peer]) -> None:
    """All readers stand behind it; where there is no more place, it gives the first."""
    readers = [admit("10.1.2.3") for _ in range(6)]
    assert all(peer.is_open for peer in readers)
    assert admit("192.0.2.1").is_open
    assert not readers[0].is_open


def test_request_in_progress_is_not_dropped(admit: Callable[..., Peer]) -> None:
    """A new connection is, where nothing else waits."""
    busy = [admit(f"192.0.2.{number}", is_waiting=False) for number in range(6)]
    assert not admit("203.0.113.1").is_open
    assert all(peer.is_open for peer in busy)


def test_connections_leave_files_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the server could accept none, and not open its tokens file either."""
    monkeypatch.setattr("resource.getrlimit", lambda _: (1024, 1024))
    assert (connections_max(32), connections_max(4)) == (512, 128)


@pytest.fixture
def tls() -> dict[str, Any]:
    """Give the settings of a server with TLS."""
    certificate = loopback_certificate()
    return {"serve_cert_file": certificate.cert, "serve_key_file": certificate.key}


def test_handshake_that_does_not_end_is_not_waited_for(app: FastAPI, tls: dict[str, Any]) -> None:
    """And counts as a connection, so that the next makes it go."""
    limits = ConnectionLimits(total=4, by_address=4, handshake_seconds=3)
    with listening(app, limits, **tls) as address, connected(address, 10) as silent:
        wait_until(lambda: is_closed(silent[0]), what="the first has made way")
        context = ssl.create_default_context(cafile=loopback_certificate().authority)
        with (
            connected(address, 1) as (plain,),
            context.wrap_socket(plain, server_hostname="127.0.0.1") as end,
        ):
            end.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert read_to_end(end).endswith(b"ok\n")
        wait_until(lambda: is_closed(silent[-1]), what="the last is closed")


def test_what_comes_with_the_handshake_is_read(app: FastAPI, tls: dict[str, Any]) -> None:
    """Clients send the request beside their last message, and close at any moment."""
    context = ssl.create_default_context(cafile=loopback_certificate().authority)
    with listening(app, LIMITS, **tls) as address:
        for _ in range(20):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
            with connected(address, 1) as (end,):
                while True:
                    try:
                        client.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        end.sendall(outgoing.read())
                        incoming.write(end.recv(65536))
                client.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                end.sendall(outgoing.read())
                answer = b""
                while not answer:
                    incoming.write(end.recv(65536))
                    with contextlib.suppress(ssl.SSLWantReadError):  # session tickets come first
                        answer = client.read(65536)
                assert answer.startswith(b"HTTP/1.1 200")


def receiving(*messages: dict[str, Any]) -> Any:
    """Give what an application receives; then nothing ever comes."""
    left = list(messages)

    async def receive() -> Any:
        if left:
            return left.pop(0)
        return await asyncio.Event().wait()

    return receive


PART = {"type": "http.request", "body": b"token", "more_body": True}


@pytest.mark.parametrize(
    ("messages", "status"), [([PART], 408), ([PART | {"body": b"x" * (BODY_MAX + 1)}], 413)]
)
def test_body_is_read_in_time_or_not_at_all(messages: list[dict[str, Any]], status: int) -> None:
    """And not to its end where it is too long; the connection is closed."""
    with pytest.raises(ProblemError) as caught:
        asyncio.run(received_whole(receiving(*messages), seconds=0.05))
    assert (caught.value.status, caught.value.headers) == (status, {"Connection": "close"})


def test_body_is_given_again(app: FastAPI) -> None:
    """Whole, whatever parts it came in; and a client that left is an error of its own."""
    assert app
    end = {"type": "http.request", "body": b"=x", "more_body": False}

    async def body() -> bytes:
        again = await received_whole(receiving(PART, end), seconds=1)
        return bytes((await again())["body"])

    assert asyncio.run(body()) == b"token=x"
    with pytest.raises(ClientDisconnect):
        asyncio.run(received_whole(receiving(PART, {"type": "http.disconnect"}), seconds=1))


@pytest.mark.parametrize("path", ["/", "/rows", "/api/v1/events", "/login", "/api/v1/openapi.json"])
@pytest.mark.parametrize("name", ["nonsense", "user", "tz"])
def test_thousands_of_fields_are_no_error_of_the_server(
    app: FastAPI, secret: str, path: str, name: str
) -> None:
    """A sentence about the query, at most."""
    query = f"{name}=x&" * 1001
    client = TestClient(app, headers={"Authorization": f"Bearer {secret}"}, follow_redirects=False)
    answer = client.get(f"{path}?{query}")
    assert answer.status_code in (200, 303, 400, 503), answer.text
    assert name != "nonsense" or "/login" in path or "openapi" in path or answer.status_code == 400


def test_form_with_many_fields_is_no_error_of_the_server(app: FastAPI) -> None:
    """Only the token and where to go are read."""
    client = TestClient(app, follow_redirects=False)
    assert client.post("/login", content="a=b&" * 1001).status_code == 401


def test_log_in_that_is_given_up_is_no_error(app: FastAPI, capsys: Any) -> None:
    """A line in the log says so, and no traceback."""
    with listening(app) as address:
        with connected(address, 1, NO_BODY + b"token="):
            pass
        logged: list[str] = []

        def is_logged() -> bool:
            logged.append("".join(capsys.readouterr()))
            return "client disconnected" in "".join(logged)

        wait_until(is_logged, what="it is logged")
    assert "Traceback" not in "".join(logged)
    assert "unexpected error" not in "".join(logged)
