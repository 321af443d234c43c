"""The sink answers bulks, counts and keeps what comes, and passes on the rest."""

import gzip
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from benchmarks.bodies import Bodies
from benchmarks.sink import Sink


class Behind(BaseHTTPRequestHandler):
    """Stands for the real Elasticsearch: says what it was asked, and knows no index but one."""

    def do_any(self) -> None:
        """Answer 404 under `/nobody`, without a body for a HEAD."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        said = json.dumps([self.command, self.path, body, self.headers["Accept"]]).encode()
        self.send_response(404 if self.path.startswith("/nobody") else 200)
        self.send_header("Content-Type", "text/x-own")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    do_GET = do_HEAD = do_PUT = do_any  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@contextmanager
def serving(server: HTTPServer) -> Iterator[int]:
    """Serve from a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[http.client.HTTPConnection]:
    """Give a connection to a sink that keeps what it gets in the test's folder."""
    with serving(HTTPServer(("127.0.0.1", 0), Behind)) as real:
        sink = Sink(0, f"127.0.0.1:{real}", str(tmp_path))
        with serving(sink) as port:
            found = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            yield found
            found.close()
            sink.close()


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, bytes]:
    """Send one request over the same connection, and return status and answer."""
    connection.request(method, path, body, {n.replace("_", "-"): v for n, v in headers.items()})
    response = connection.getresponse()
    return response.status, response.read()


def bulk(*ids: str) -> bytes:
    """Return a body that creates documents."""
    lines = ((json.dumps({"create": {"_index": "any", "_id": i}}), '{"n":1}') for i in ids)
    return "".join(f"{line}\n" for pair in lines for line in pair).encode()


def test_bulk_is_answered_as_created(connection: http.client.HTTPConnection) -> None:
    """An item for each document; that it is Elasticsearch's own answer is a test on real servers."""
    status, answer = ask(connection, "POST", "/_bulk?filter_path=errors", bulk("a", "b"))
    assert status == 200
    assert json.loads(answer) == {"errors": False, "items": [{"create": {"status": 201}}] * 2}


def test_documents_are_counted_however_they_come(connection: http.client.HTTPConnection) -> None:
    """With and without the last line end, and compressed."""
    body = bulk("a", "b", "c")
    ask(connection, "POST", "/_bulk", body)
    ask(connection, "POST", "/any/_bulk", body[:-1])
    ask(connection, "POST", "/_bulk", gzip.compress(body), Content_Encoding="gzip")
    _, counts = ask(connection, "GET", "/_sink")
    assert json.loads(counts) == {"documents": 9, "requests": 3}


def test_what_is_kept_fits_into_any_index(
    connection: http.client.HTTPConnection, tmp_path: Path
) -> None:
    """The documents as they came, under their ids, and no index's name."""
    ask(connection, "POST", "/_bulk", bulk(*(f"id-{n}" for n in range(250))))
    ask(connection, "GET", "/_sink")
    kept = list(Bodies(tmp_path).pairs(1000))
    assert len(kept) == 250
    assert kept[7] == (b'{"create":{"_id":"id-7"}}', b'{"n":1}')


def test_all_else_goes_to_the_real_one(connection: http.client.HTTPConnection) -> None:
    """With method, path, body, type and status; a HEAD's length does not stand for a body."""
    status, said = ask(connection, "PUT", "/index?x=1", b"{}", Accept="application/x")
    assert (status, json.loads(said)) == (200, ["PUT", "/index?x=1", "{}", "application/x"])
    assert ask(connection, "GET", "/nobody")[0] == 404
    assert ask(connection, "HEAD", "/nobody") == (404, b"")
    assert ask(connection, "HEAD", "/index") == (200, b"")
    assert ask(connection, "GET", "/index")[0] == 200, "the connection still serves"
