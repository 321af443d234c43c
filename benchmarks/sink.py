"""An Elasticsearch that answers every bulk at once, as fast as Python can. A process of its own.

It counts the documents of a `_bulk` by their lines, answers in the shape that `filter_path` asks
for, and forgets them; all else is passed on to the real Elasticsearch. So what a consumer reaches
against it is what the consumer alone can do. With a folder given, it keeps the documents there as
ready-made bodies (`benchmarks.bodies`).

`GET /_sink` tells how many documents came, and when the first and the last.
"""

import gzip
import http.client
import json
import re
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.answer import bulk_answer
from benchmarks.bodies import Writer
from benchmarks.children import job_of

__all__ = ["Received", "Sink"]

_CHUNK = 256 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_ZIPPED = re.compile(rb"\r\ncontent-encoding: *gzip", re.IGNORECASE)
_TYPE = re.compile(rb"\r\n(?:content-type|accept): *([^\r]+)", re.IGNORECASE)
_JSON = "application/vnd.elasticsearch+json;compatible-with=9"


@dataclass(frozen=True, slots=True)
class Sink:
    """Where it listens, what stands behind it, and where to keep the documents, if at all."""

    port: int
    elasticsearch: str
    """host:port"""
    folder: str | None = None


@dataclass(slots=True)
class Received:
    """What came so far; times are those of time.time()."""

    documents: int = 0
    requests: int = 0
    bytes: int = 0
    first: float = 0.0
    last: float = 0.0


class _Keeper:
    """Keeps documents as bulk bodies that name no index, so that they fit into any."""

    def __init__(self, folder: Path) -> None:
        self._writer = Writer(folder)
        self.note = self._writer.note

    def keep(self, body: bytes) -> None:
        lines = body.split(b"\n")
        for action, document in zip(lines[::2], lines[1::2], strict=False):
            ((operation, about),) = json.loads(action).items()
            line = b'{"%b":{"_id":"%b"}}' % (operation.encode(), about["_id"].encode())
            self._writer.write(line, document)


class _Server:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._received = Received()
        self._lock = threading.Lock()
        self._keeper = _Keeper(Path(sink.folder)) if sink.folder else None

    def serve(self) -> None:
        """Answer, a thread a connection, until the process is ended."""
        with socket.create_server(("127.0.0.1", self._sink.port)) as server:
            while True:
                connection, _ = server.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._connection, args=(connection,), daemon=True).start()

    def _connection(self, connection: socket.socket) -> None:
        rest = b""
        with connection:
            while True:
                head, rest = _head(connection, rest)
                if not head:
                    return
                if _CHUNKED.search(head):
                    connection.sendall(_response(411, _JSON, b'{"error":"Content-Length, please"}'))
                    return
                found = _LENGTH.search(head)
                length = int(found[1]) if found else 0
                body, rest = _body(connection, rest, length)
                connection.sendall(self._answer(head, body))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        method, target, _ = head.split(b" ", 2)
        parts = urlsplit(target.decode())
        if parts.path.endswith("/_bulk"):
            return self._bulk(gzip.decompress(body) if _ZIPPED.search(head) else body, parts.query)
        if parts.path == "/_sink":
            return self._report()
        return self._pass_on(method.decode(), target.decode(), head, body)

    def _bulk(self, body: bytes, query: str) -> bytes:
        documents = (body.count(b"\n") + (not body.endswith(b"\n"))) // 2
        now = time.time()
        with self._lock:
            received = self._received
            received.first = received.first or now
            received.last = now
            received.documents += documents
            received.requests += 1
            received.bytes += len(body)
            if self._keeper is not None:
                self._keeper.keep(body)
        return _response(200, _JSON, bulk_answer(body, documents, _filter(query)))

    def _report(self) -> bytes:
        with self._lock:
            if self._keeper is not None:
                self._keeper.note()
            return _response(200, "application/json", json.dumps(asdict(self._received)).encode())

    def _pass_on(self, method: str, target: str, head: bytes, body: bytes) -> bytes:
        kind = _TYPE.search(head)
        headers = {name: kind[1].decode() for name in ("Accept", "Content-Type")} if kind else {}
        server = http.client.HTTPConnection(self._sink.elasticsearch, timeout=60)
        try:
            server.request(method, target, body or None, headers)
            answer = server.getresponse()
            content = answer.read()
            # A HEAD has the length of what a GET would give, and nothing after it.
            length = int(answer.getheader("Content-Length", str(len(content))))
            return _response(answer.status, answer.getheader("Content-Type", _JSON), content, length)
        finally:
            server.close()


@cache
def _filter(query: str) -> tuple[str, ...]:
    wanted = parse_qs(query).get("filter_path", [])
    return tuple(path for paths in wanted for path in paths.split(","))


def _head(connection: socket.socket, rest: bytes) -> tuple[bytes, bytes]:
    """Return a request's head and what was read beyond it; an empty one at the end."""
    while b"\r\n\r\n" not in rest:
        more = connection.recv(_CHUNK)
        if not more:
            return b"", b""
        rest += more
    head, _, rest = rest.partition(b"\r\n\r\n")
    return head, rest


def _body(connection: socket.socket, rest: bytes, length: int) -> tuple[bytes, bytes]:
    if len(rest) >= length:
        return rest[:length], rest[length:]
    body = bytearray(length)
    body[: len(rest)] = rest
    view, filled = memoryview(body), len(rest)
    while filled < length:
        count = connection.recv_into(view[filled:])
        if not count:
            raise ConnectionError("the request ended in the middle")
        filled += count
    return bytes(body), b""


def _response(status: int, kind: str, content: bytes, length: int | None = None) -> bytes:
    return (
        b"HTTP/1.1 %d %b\r\nX-elastic-product: Elasticsearch\r\nContent-Type: %b\r\n"
        b"Content-Length: %d\r\n\r\n%b"
    ) % (
        status,
        http.client.responses.get(status, "").encode(),
        kind.encode(),
        len(content) if length is None else length,
        content,
    )


if __name__ == "__main__":
    _Server(Sink(**job_of(sys.argv))).serve()
