"""An Elasticsearch that takes every bulk at once and forgets it. A process of its own.

It counts a bulk's documents by their lines and answers that all were created; all else is passed on
to the real Elasticsearch. So what a consumer reaches against it is what the consumer alone can do.
With a folder given, it keeps the documents there as ready-made bodies (`benchmarks.bodies`).

`GET /_sink` tells how many documents and requests came.
"""

import gzip
import http.client
import json
import socket
import threading
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.bodies import Writer

_JSON = "application/vnd.elasticsearch+json;compatible-with=9"
_PASSED_ON = ("Accept", "Content-Type")


class Sink(ThreadingHTTPServer):
    """Counts bulks in memory; `elasticsearch` is the host:port of the real one."""

    daemon_threads = True

    def __init__(self, port: int, elasticsearch: str, folder: str | None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.elasticsearch = elasticsearch
        self._writer = Writer(Path(folder)) if folder else None
        self._lock = threading.Lock()
        self._documents = self._requests = 0

    def close(self) -> None:
        """Complete and close what is kept."""
        if self._writer is not None:
            self._writer.close()

    def count(self, body: bytes) -> int:
        """Count a bulk, and keep its documents in bodies that name no index, so that any takes them."""
        documents = (body.count(b"\n") + (not body.endswith(b"\n"))) // 2
        with self._lock:
            self._documents += documents
            self._requests += 1
            if self._writer is not None:
                lines = body.split(b"\n")
                for action, document in zip(lines[::2], lines[1::2], strict=False):
                    event_id = json.loads(action)["create"]["_id"]
                    self._writer.write(b'{"create":{"_id":"%b"}}' % event_id.encode(), document)
        return documents

    def report(self) -> bytes:
        """Return the counts as JSON; that completes what is kept."""
        with self._lock:
            if self._writer is not None:
                self._writer.note()
            return json.dumps({"documents": self._documents, "requests": self._requests}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sink

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        if path == "/_sink":
            self._answer(200, self.server.report())
        elif path.endswith("/_bulk"):
            zipped = self.headers.get("Content-Encoding") == "gzip"
            self._answer(200, created(self.server.count(gzip.decompress(body) if zipped else body)))
        else:
            self._pass_on(body)

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = do_any  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        pass

    def _pass_on(self, body: bytes) -> None:
        headers = {name: value for name in _PASSED_ON if (value := self.headers.get(name))}
        server = http.client.HTTPConnection(self.server.elasticsearch, timeout=60)
        try:
            server.request(self.command, self.path, body or None, headers)
            answer = server.getresponse()
            content = answer.read()
            length = int(answer.getheader("Content-Length", str(len(content))))  # a HEAD has one too
            self._answer(answer.status, content, answer.getheader("Content-Type", _JSON), length)
        finally:
            server.close()

    def _answer(
        self, status: int, content: bytes, kind: str = _JSON, length: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("X-elastic-product", "Elasticsearch")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)


@lru_cache(maxsize=64)
def created(documents: int) -> bytes:
    """Return what Elasticsearch answers under the consumer's `filter_path`."""
    items = ",".join(['{"create":{"status":201}}'] * documents)
    return f'{{"errors":false,"items":[{items}]}}'.encode()


def serve(port: int, elasticsearch: str, folder: str | None = None) -> None:
    """Answer, with a thread for each connection, until the process is ended."""
    with Sink(port, elasticsearch, folder) as server:
        server.serve_forever()
