"""`/metrics`, `/healthz` (also called `/livez`) and `/readyz`, for Prometheus and Kubernetes."""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from audit_runtime.errors import MonitorError
from audit_runtime.monitor.health import Health
from audit_runtime.monitor.settings import MonitorSettings

__all__ = ["Monitor", "monitored"]


class Monitor:
    """A small HTTP server in a thread of its own."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, health: Health) -> None:
        """Listen. Raises MonitorError if that can't be."""

        class Handler(_Handler):
            pages = _Pages(registry, health)

        try:
            self._server = _Server((host, port), Handler)
        except OSError as error:
            raise MonitorError(
                f"Metrics can't be served on {host}:{port}: {error.strerror}. "
                "Set AUDITLOG_METRICS_PORT to a free port, or leave it out"
            ) from error
        threading.Thread(target=self._server.serve_forever, name="monitor", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def monitored(settings: MonitorSettings, registry: CollectorRegistry, health: Health) -> Iterator[None]:
    """Serve metrics and health meanwhile, if the settings name a port. Raises MonitorError."""
    if settings.metrics_port is None:
        yield
        return
    with closing(Monitor(settings.metrics_host, settings.metrics_port, registry, health)):
        yield


class _Pages:
    def __init__(self, registry: CollectorRegistry, health: Health) -> None:
        self._registry = registry
        self._health = health

    def answer(self, path: str, accept: str) -> tuple[HTTPStatus, str, bytes]:
        if path == "/metrics":
            encode, kind = choose_encoder(accept)
            return HTTPStatus.OK, kind, encode(self._registry)
        if path in ("/healthz", "/livez"):
            return _said(
                None if self._health.is_alive() else "the main loop has not reported for two minutes"
            )
        if path == "/readyz":
            return _said(self._health.problem)
        return HTTPStatus.NOT_FOUND, "text/plain", b"/metrics, /healthz, /livez, /readyz\n"


def _said(problem: str | None) -> tuple[HTTPStatus, str, bytes]:
    status = HTTPStatus.OK if problem is None else HTTPStatus.SERVICE_UNAVAILABLE
    return status, "text/plain; charset=utf-8", f"{problem or 'ok'}\n".encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that broke, as those of probes and scans do all day."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    pages: _Pages
    timeout = 10.0  # who connects and asks nothing keeps no thread

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
