"""`/metrics`, `/livez` and `/readyz`, for those that watch the process."""

import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from audit_consumer.errors import SetupFaultError

__all__ = ["Health", "Monitor"]

_ALIVE_SECONDS = 120.0


class Health:
    """Whether the loop turns, and what keeps it from its work."""

    def __init__(self) -> None:
        self.problem: str | None = "not started yet"
        self._beat = time.monotonic()

    def beat(self, problem: str | None) -> None:
        """Note that the loop turned, and what hinders it, if anything."""
        self._beat = time.monotonic()
        self.problem = problem

    def is_alive(self) -> bool:
        """Tell whether it turned within the last two minutes: no wait of its own is longer."""
        return time.monotonic() - self._beat < _ALIVE_SECONDS


class Monitor:
    """A small HTTP server in a thread of its own."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, health: Health) -> None:
        """Listen. Raises SetupFaultError if that can't be."""

        class Handler(_Handler):
            pages = _Pages(registry, health)

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise SetupFaultError(
                f"Metrics can't be served on {host}:{port}: {error.strerror}. "
                "Set AUDITLOG_METRICS_PORT to a free port, or leave it out"
            ) from error
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="monitor", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Pages:
    def __init__(self, registry: CollectorRegistry, health: Health) -> None:
        self._registry = registry
        self._health = health

    def answer(self, path: str, accept: str) -> tuple[HTTPStatus, str, bytes]:
        if path == "/metrics":
            encode, kind = choose_encoder(accept)
            return HTTPStatus.OK, kind, encode(self._registry)
        if path == "/livez":
            return _said(None if self._health.is_alive() else "the loop does not turn")
        if path == "/readyz":
            return _said(self._health.problem)
        return HTTPStatus.NOT_FOUND, "text/plain", b"/metrics, /livez, /readyz\n"


def _said(problem: str | None) -> tuple[HTTPStatus, str, bytes]:
    status = HTTPStatus.OK if problem is None else HTTPStatus.SERVICE_UNAVAILABLE
    return status, "text/plain; charset=utf-8", f"{problem or 'ok'}\n".encode()


class _Handler(BaseHTTPRequestHandler):
    pages: _Pages

    def do_GET(self) -> None:
        status, kind, body = self.pages.answer(
            self.path.partition("?")[0], self.headers.get("Accept", "")
        )
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: who watches asks every few seconds."""
