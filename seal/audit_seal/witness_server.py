"""A witness over HTTP: C2SP tlog-witness. Requests, connections and time are bounded."""

import re
import socket
import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import FormatError, ProofError, SealError, SignatureError
from audit_seal.witness_metrics import WitnessMetrics
from audit_seal.witness_request import SIZE_TYPE, AddCheckpoint
from audit_seal.witness_state import (
    OldSizeError,
    SplitViewError,
    StaleSizeError,
    UnknownLogError,
    WitnessState,
)

__all__ = ["WitnessServer"]

MAX_BODY_BYTES = 64 * 1024
MAX_CONNECTIONS = 64
CONNECTION_SECONDS = 60.0
"""After that a connection is closed, whatever it is doing; its client opens another."""

_TEXT = "text/plain; charset=utf-8"
_LENGTH = re.compile("[0-9]{1,9}")
_CHECKPOINT = re.compile("/([0-9a-f]{64})/checkpoint")

_log = structlog.get_logger("auditlog.witness")


class WitnessServer(ThreadingHTTPServer):
    """Listens until it is shut down. Raises SealError if it can't."""

    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS

    def __init__(
        self, host: str, port: int, state: WitnessState, metrics: WitnessMetrics | None = None
    ) -> None:
        self.state = state
        self.metrics = metrics or WitnessMetrics()
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise SealError(
                f"The witness can't listen on {host}:{port}: {error.strerror}. "
                "Set AUDITLOG_WITNESS_PORT to a free port"
            ) from None

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread, or close it if there are too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # there is no thread to be had: the caller closes the connection
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection until it ends or its time is over."""
        over = threading.Timer(CONNECTION_SECONDS, _break_off, (request,))
        over.daemon = True
        try:
            over.start()
            super().process_request_thread(request, client_address)
        except RuntimeError:  # there is no thread to be had for the timer
            self.shutdown_request(request)
        finally:
            over.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away; errors of ours are logged where they occur."""


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "auditlog", ""
    timeout = 10.0

    def do_GET(self) -> None:
        found = _CHECKPOINT.fullmatch(self.path)
        checkpoint = self.server.state.checkpoint(found[1]) if found else None
        if self.path == "/healthz":
            self._answer(HTTPStatus.OK, b"ok\n")
        elif checkpoint is None:
            self._answer(HTTPStatus.NOT_FOUND, b"no such checkpoint\n")
        else:
            self._answer(HTTPStatus.OK, checkpoint)

    def do_POST(self) -> None:
        length = self.headers.get_all("Content-Length", [])
        if self.path != "/add-checkpoint":
            self._refuse(HTTPStatus.NOT_FOUND, "post to /add-checkpoint")
        elif (
            "Transfer-Encoding" in self.headers or len(length) != 1 or not _LENGTH.fullmatch(length[0])
        ):
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "say how long the request is")
        elif int(length[0]) > MAX_BODY_BYTES:
            self._refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MAX_BODY_BYTES} bytes are read"
            )
        else:
            self._add(self.rfile.read(int(length[0])))

    def _add(self, body: bytes) -> None:
        try:
            request = AddCheckpoint.decode(body)
            signature = self.server.state.add(request)
        except StaleSizeError as error:
            self._answer(HTTPStatus.CONFLICT, f"{error.size}\n".encode(), SIZE_TYPE)
        except SealError as error:
            self.server.metrics.refused(contradicts=isinstance(error, ProofError))
            self._answer(_status_of(error), f"{error}\n".encode())
        except OSError:
            _log.exception("checkpoint could not be cosigned")
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "the witness can't write its state")
        else:
            checkpoint = Checkpoint.parse(request.note.text)
            self.server.metrics.cosigned()
            _log.info("checkpoint cosigned", origin=checkpoint.origin, size=checkpoint.size)
            self._answer(HTTPStatus.OK, f"{signature}\n".encode())

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """Answer, and close the connection: what else it carries has not been read."""
        self.close_connection = True
        self._answer(status, f"{reason}\n".encode())

    def _answer(self, status: HTTPStatus, body: bytes, kind: str = _TEXT) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: what matters has lines of its own."""


def _status_of(error: SealError) -> HTTPStatus:
    match error:
        case UnknownLogError():
            return HTTPStatus.NOT_FOUND
        case SignatureError():
            return HTTPStatus.FORBIDDEN
        case SplitViewError():
            _log.error("split view", reason=str(error))
            return HTTPStatus.UNPROCESSABLE_ENTITY
        case ProofError():
            _log.warning("checkpoint refused", reason=str(error))
            return HTTPStatus.UNPROCESSABLE_ENTITY
        case OldSizeError() | FormatError():
            return HTTPStatus.BAD_REQUEST
    return HTTPStatus.INTERNAL_SERVER_ERROR


def _break_off(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended meanwhile
        connection.shutdown(socket.SHUT_RDWR)
