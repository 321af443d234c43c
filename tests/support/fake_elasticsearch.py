"""What answers in Elasticsearch's place, and the server that asks it."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from audit_query import AuditLog, QuerySettings
from support.api_client import ApiClient, api_client

__all__ = ["answering", "answering_with", "client_of", "refusing"]


@contextlib.contextmanager
def answering(answer: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """Give the address of something that is no Elasticsearch."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                end, _ = listener.accept()
                threading.Thread(target=serve, args=(end,), daemon=True).start()

    def serve(end: socket.socket) -> None:
        with end, contextlib.suppress(OSError):
            while request := _request(end):
                answer(end, request)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def answering_with(status: int, body: str) -> Callable[[socket.socket, bytes], None]:
    """Answer as Elasticsearch does."""
    head = (
        f"HTTP/1.1 {status} X\r\nX-elastic-product: Elasticsearch\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )

    def answer(end: socket.socket, _: bytes) -> None:
        end.sendall((head + body).encode())

    return answer


def refusing(status: int, reason: str) -> Callable[[socket.socket, bytes], None]:
    """Answer as Elasticsearch refuses."""
    body = f'{{"error":{{"root_cause":[{{"reason":"{reason}"}}]}},"status":{status}}}'
    return answering_with(status, body)


@contextlib.contextmanager
def client_of(
    url: str, tokens_file: Path | None = None, *, seconds: float = 10.0, **settings: Any
) -> Iterator[ApiClient]:
    """Give a client of a server whose Elasticsearch is there."""
    elsewhere = QuerySettings(elasticsearch_url=url)
    with (
        AuditLog(elsewhere, seconds=seconds) as log,
        api_client(log, tokens_file, query_seconds=seconds, **settings) as client,
    ):
        yield client


def _request(end: socket.socket) -> bytes:
    """Return a request, whole; nothing once there is no other."""
    found = b""
    while not _is_whole(found):
        part = end.recv(65536)
        if not part:
            return b""
        found += part
    return found


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)
