"""The connection to Elasticsearch: credentials that are rotated under it."""

import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import elasticsearch
import pytest
from audit_runtime import ElasticsearchSettings
from audit_runtime.elastic import connect


class _Stub(BaseHTTPRequestHandler):
    """Lets in one password, as the server's file realm does."""

    accepted = "first"
    asked: ClassVar[list[str | None]]

    def do_GET(self) -> None:
        given = self.headers.get("authorization")
        self.asked.append(given)
        allowed = f"Basic {b64encode(f'ada:{self.accepted}'.encode()).decode()}"
        body = b'{"status":"green"}'
        self.send_response(200 if given == allowed else 401)
        for name, value in (
            ("X-elastic-product", "Elasticsearch"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def stub() -> Iterator[tuple[type[_Stub], str]]:
    """Run a server that knows one password."""

    class Stub(_Stub):
        asked: ClassVar[list[str | None]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Stub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def settings(url: str, file: Path) -> ElasticsearchSettings:
    """Return settings with a password in a file."""
    return ElasticsearchSettings(
        elasticsearch_url=url, elasticsearch_username="ada", elasticsearch_password_file=file
    )


def test_rotated_password_is_read_again(tmp_path: Path) -> None:
    """No caller sees the 401: consumer, page, alert runner and commands alike."""
    file = tmp_path / "password"
    file.write_text("first\n")
    with stub() as (server, url), connect(settings(url, file), seconds=5) as client:
        assert client.cluster.health()["status"] == "green"
        server.accepted = "second"
        file.write_text("second\n")
        assert client.options(request_timeout=3).cluster.health()["status"] == "green"
        assert len(server.asked) == 3
        assert client.cluster.health()["status"] == "green"
        assert len(server.asked) == 4  # from then on at the first attempt


def test_wrong_password_is_sent_once(tmp_path: Path) -> None:
    """A file that did not change is no reason to ask again: accounts get locked for that."""
    file = tmp_path / "password"
    file.write_text("wrong")
    with stub() as (server, url), connect(settings(url, file), seconds=5) as client:
        with pytest.raises(elasticsearch.AuthenticationException):
            client.cluster.health()
        assert len(server.asked) == 1


def test_password_file_that_is_being_replaced_gives_the_401(tmp_path: Path) -> None:
    """The next request reads it."""
    file = tmp_path / "password"
    file.write_text("first")
    with stub() as (server, url), connect(settings(url, file), seconds=5) as client:
        server.accepted = "second"
        file.unlink()
        with pytest.raises(elasticsearch.AuthenticationException):
            client.cluster.health()
        file.write_text("second")
        assert client.cluster.health()["status"] == "green"


def test_no_credentials_send_no_header() -> None:
    """An open server gets no empty login."""
    with (
        stub() as (server, url),
        connect(ElasticsearchSettings(elasticsearch_url=url), seconds=5) as client,
        pytest.raises(elasticsearch.AuthenticationException),
    ):
        client.cluster.health()
    assert server.asked == [None]
