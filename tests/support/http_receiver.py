"""A receiver over HTTP that keeps every byte, and answers as a test says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.streams import ids_of

__all__ = ["HttpReceiver", "Posted", "http_receiver"]


@dataclass(frozen=True)
class Posted:
    """A request, and the status that it is answered with; 0 for half an answer."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int


@dataclass
class HttpReceiver:
    """What came; `answer` decides on the status by the body."""

    url: str = ""
    answer: Callable[[bytes], int] = lambda _: 200
    said: bytes = b""
    posts: list[Posted] = field(default_factory=list)

    @property
    def taken(self) -> list[str]:
        """The ids of all events that were acknowledged, in the order that they came in."""
        return [found for post in self.posts if post.status == 200 for found in ids_of(post.body)]


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    """Give a receiver on a port of its own."""
    receiver = HttpReceiver()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.answer(body)
            # Before the answer: whoever has read it may look at once.
            with lock:
                receiver.posts.append(Posted(self.path, dict(self.headers), body, status))
            if not status:  # half an answer
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
            else:
                self.send_response(status)
                self.send_header("Content-Length", str(len(receiver.said)))
                self.end_headers()
                self.wfile.write(receiver.said)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        receiver.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
