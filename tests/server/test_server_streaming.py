"""An export over a real socket: whole, visibly broken, or ended with its reader."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import audit_server.api.exports as routes
import elasticsearch
import pytest
from audit_query import AuditLog
from audit_query.export import Rows, export
from audit_query.scan import Scan
from audit_server.app import create_app
from audit_server.settings import ServeSettings
from support.api_client import listening
from support.conditions import wait_until
from support.proxy import proxied
from support.servers import Deployment

pytestmark = pytest.mark.servers


class OneByOne(AuditLog):
    """Exports an event a page."""

    def scan(self, wanted: Any, *, newest_first: bool = False, size: int = 1, **body: Any) -> Scan:
        """Scan in the smallest pages."""
        return super().scan(wanted, newest_first=newest_first, size=size, **body)


class Held:
    """Holds an export after its first pages, and notes how it ended."""

    def __init__(self, pages: int = 3) -> None:
        self.reached, self.go_on, self.ended = (threading.Event() for _ in range(3))
        self.count = 0
        self._pages = pages

    def __call__(self, *arguments: Any, **named: Any) -> Iterator[Rows]:
        """Export, and wait after some pages."""
        try:
            for number, rows in enumerate(export(*arguments, **named)):
                self.count += 1
                yield rows
                if number == self._pages:
                    self.reached.set()
                    assert self.go_on.wait(30)
        finally:
            self.ended.set()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Hold exports."""
    found = Held()
    monkeypatch.setattr(routes, "export", found)
    return found


@pytest.fixture
def given_back(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Give the points in time that were given back."""
    found: list[Any] = []
    give_back: Callable[..., Any] = elasticsearch.Elasticsearch.close_point_in_time

    def noted(*arguments: Any, **named: Any) -> Any:
        answer = give_back(*arguments, **named)
        found.append(named["id"])
        return answer

    monkeypatch.setattr(elasticsearch.Elasticsearch, "close_point_in_time", noted)
    return found


@contextlib.contextmanager
def exporting(address: str, accept: str = "identity") -> Iterator[http.client.HTTPResponse]:
    """Ask for all events, and give the answer as far as its headers."""
    with contextlib.closing(http.client.HTTPConnection(address, timeout=30)) as connection:
        headers = {"Accept-Encoding": accept}
        connection.request("GET", "/api/v1/export?format=ndjson", headers=headers)
        with connection.getresponse() as answer:
            yield answer


def status_of_export(address: str) -> int:
    """Return the status of an export, read to its end."""
    with exporting(address) as answer:
        answer.read()
        return answer.status


def test_whole_export_ends_well(two: Deployment, given_back: list[Any]) -> None:
    """Every event, the last chunk, and the point in time given back."""
    with (
        OneByOne(two.query) as log,
        listening(create_app(log, ServeSettings())) as address,
        exporting(address) as answer,
    ):
        assert answer.headers["transfer-encoding"] == "chunked"
        assert len(answer.read().splitlines()) == 22
        wait_until(lambda: given_back, what="the point in time is given back")


@pytest.mark.parametrize("accept", ["identity", "gzip"])
def test_export_that_breaks_midway_breaks_the_connection(
    two: Deployment, held: Held, accept: str, capsys: Any
) -> None:
    """No reader takes a part for the whole: the last chunk never comes."""
    with proxied(two.servers.elasticsearch) as proxy:
        through = two.query.model_copy(update={"elasticsearch_url": proxy.url})
        with (
            OneByOne(through) as log,
            listening(create_app(log, ServeSettings())) as address,
            exporting(address, accept) as answer,
        ):
            assert answer.status == 200
            assert held.reached.wait(30)
            proxy.cut()
            held.go_on.set()
            with pytest.raises(http.client.IncompleteRead):
                answer.read()
            assert held.ended.wait(30)
    logged = "".join(capsys.readouterr())
    assert "Traceback" not in logged
    assert "aborted" in logged


def test_reader_who_goes_away_ends_the_scan(two: Deployment, held: Held, given_back: list[Any]) -> None:
    """And gives its point in time back; and its place to the next."""
    settings = ServeSettings(serve_exports=1)
    with OneByOne(two.query) as log, listening(create_app(log, settings)) as address:
        with exporting(address):
            assert held.reached.wait(30)
            assert not given_back
            assert status_of_export(address) == 503
        held.go_on.set()
        assert held.ended.wait(30)
        assert held.count < 10  # of 23 pages: it was not read to its end
        wait_until(lambda: given_back, what="the point in time is given back")
        wait_until(lambda: status_of_export(address) == 200, what="the next is let in")


def test_head_of_an_export_ends_the_scan(
    two: Deployment, held: Held, given_back: list[Any], capsys: Any
) -> None:
    """Its first page says whether there is an answer; nobody waits for the rest, and that is well."""
    settings = ServeSettings(serve_exports=1)
    with OneByOne(two.query) as log, listening(create_app(log, settings)) as address:
        with contextlib.closing(http.client.HTTPConnection(address, timeout=30)) as connection:
            connection.request("HEAD", "/api/v1/export?format=ndjson")
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"")
            assert held.ended.wait(30)
        assert not held.reached.is_set()
        wait_until(lambda: given_back, what="the point in time is given back")
    assert "aborted" not in "".join(capsys.readouterr())


def test_reader_who_takes_nothing_is_cut_off(two: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops reading holds no point in time for ever."""
    ended = threading.Event()

    def endless(*_: Any, **__: Any) -> Iterator[Rows]:
        try:
            while True:
                yield 1, b"x" * 1_000_000
        finally:
            ended.set()

    monkeypatch.setattr(routes, "export", endless)
    app_settings = ServeSettings(serve_send_seconds=0.5)
    with (
        OneByOne(two.query) as log,
        listening(create_app(log, app_settings)) as address,
        socket.socket() as reader,
    ):
        host, port = address.split(":")
        reader.connect((host, int(port)))
        reader.sendall(b"GET /api/v1/export HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert reader.recv(10)
        assert ended.wait(20)


def test_answers_do_not_wait_for_acknowledgements(two: Deployment) -> None:
    """Head and body leave at once: forty milliseconds would be most of a first page's time."""
    with (
        AuditLog(two.query) as log,
        listening(create_app(log, ServeSettings())) as address,
        contextlib.closing(http.client.HTTPConnection(address, timeout=30)) as connection,
    ):

        def seconds() -> float:
            began = time.monotonic()
            connection.request("GET", "/api/v1/events/x")
            connection.getresponse().read()
            return time.monotonic() - began

        seconds()  # the first says nothing: its acknowledgement waits for nobody
        # The quickest counts, of as many as a busy machine needs.
        assert any(seconds() < 0.03 for _ in range(300))
