"""One request to an address, over by a deadline whatever the other side does.

A socket's timeout restarts with every byte, so a server that sends one byte at a time, or 100 Continue
for ever, could hold the connection open without end.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

__all__ = ["HttpAnswer", "HttpClient", "NoAnswerError"]

_SAFE = "/?&=%:@!$'()*+,;~"
_NOT_OF_CONTENTS = frozenset({401, 403, 404, 405, 407, 408, 410, 423, 425, 429})
"""Refusals that are about us, the address or the moment; others may be about what was sent."""


class NoAnswerError(Exception):
    """There was no answer, or none in time."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A status, the media type, and as much of the body as was asked for."""

    status: int
    media_type: str = ""
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        """Whether the other side took what was sent."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def refuses_contents(self) -> bool:
        """Whether it refuses what was sent, and so would again, but perhaps not others."""
        is_of_request = HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR
        return is_of_request and self.status not in _NOT_OF_CONTENTS


class HttpClient:
    """Where to send requests to, and how long each may take. It follows no redirection.

    Of a body it reads `max_bytes` at most, and none by default. `tls` is for addresses with https; by
    default the authorities of the system vouch for the other side.
    """

    def __init__(
        self, url: str, seconds: float, *, max_bytes: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        parts = urlsplit(url)
        self._host = str(parts.hostname)
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), _SAFE)
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._seconds = seconds
        self._max_bytes = max_bytes

    def send(
        self, body: bytes | None, headers: Mapping[str, str], *, method: str = "POST"
    ) -> HttpAnswer:
        """Return the answer. Raises NoAnswerError, at the latest when time is over."""
        connection = self._connection()
        attempt = _Attempt(connection, (method, self._target, body, headers), self._max_bytes)
        attempt.start()
        attempt.join(self._seconds)
        if attempt.is_alive():
            attempt.break_off()
            raise NoAnswerError(f"not within {self._seconds:g} s")
        if attempt.answer is None:
            raise NoAnswerError(type(attempt.error).__name__) from attempt.error
        return attempt.answer

    def _connection(self) -> http.client.HTTPConnection:
        connection = (
            http.client.HTTPConnection(self._host, self._port, timeout=self._seconds)
            if self._tls is None
            else http.client.HTTPSConnection(
                self._host, self._port, timeout=self._seconds, context=self._tls
            )
        )
        connection.response_class = _WholeResponse
        return connection


class _WholeResponse(http.client.HTTPResponse):
    """One whose headers came to their end: the standard library takes those that are cut off, too."""

    def begin(self) -> None:
        stream: Any = self.fp
        lines: Any = _Lines(stream)
        self.fp = lines
        super().begin()
        if self.fp is lines:
            self.fp = stream
        if not lines.last:
            raise http.client.IncompleteRead(b"")


class _Lines:
    """The lines of a stream, and the last one that was read."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = self._stream.readline(limit)
        return self.last

    def close(self) -> None:
        self._stream.close()


class _Attempt(threading.Thread):
    """A request on its way. Whoever breaks it off need not wait until it has ended."""

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        request: tuple[str, str, bytes | None, Mapping[str, str]],
        max_bytes: int,
    ) -> None:
        super().__init__(name="http", daemon=True)
        self.answer: HttpAnswer | None = None
        self.error: Exception | None = None
        self._connection = connection
        self._request = request
        self._max_bytes = max_bytes
        self._over = threading.Event()
        self._socket: socket.socket | None = None  # the connection lets go of it before the body

    def run(self) -> None:
        try:
            self._connection.connect()
            self._socket = self._connection.sock
            if not self._over.is_set():  # it would be taken after it was given up
                self.answer = self._exchange()
        except Exception as error:  # noqa: BLE001 - told by whoever waits
            self.error = error
        finally:
            self._connection.close()

    def _exchange(self) -> HttpAnswer:
        method, target, body, headers = self._request
        self._connection.request(method, target, body, dict(headers))
        with self._connection.getresponse() as response:
            read = response.read(self._max_bytes) if self._max_bytes else b""
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
            return HttpAnswer(response.status, kind, read)

    def break_off(self) -> None:
        """Wake it from whatever it waits for; a connection that is only being made ends by itself."""
        self._over.set()
        found = self._socket
        if found is not None:
            with suppress(OSError):
                socket.socket.shutdown(found, socket.SHUT_RDWR)  # not TLS's own: it would wait
