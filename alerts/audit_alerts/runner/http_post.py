"""One post to an address, over by a deadline whatever the other side does.

A socket's timeout restarts with every byte, so a server that sends one byte at a time, or 100 Continue
for ever, could hold the connection open without end.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote, urlsplit

__all__ = ["HttpPost", "NoAnswerError"]

_SAFE = "/?&=%:@!$'()*+,;~"


class NoAnswerError(Exception):
    """There was no answer, or none in time."""


class HttpPost:
    """Where to post to, and how long one may take. It reads the status alone and follows nowhere."""

    def __init__(self, url: str, seconds: float) -> None:
        parts = urlsplit(url)
        self._host = str(parts.hostname)
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), _SAFE)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._seconds = seconds

    def send(self, body: bytes, headers: Mapping[str, str]) -> int:
        """Return the status of the answer. Raises NoAnswerError, at the latest when time is over."""
        attempt = _Attempt(self._connection(), self._target, body, headers)
        attempt.start()
        attempt.join(self._seconds)
        if attempt.is_alive():
            attempt.break_off()
            raise NoAnswerError(f"not within {self._seconds:g} s")
        if attempt.status is None:
            raise NoAnswerError(type(attempt.error).__name__) from attempt.error
        return attempt.status

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._seconds)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self._seconds, context=self._tls
        )


class _Attempt(threading.Thread):
    """A post on its way. Whoever breaks it off need not wait until it has ended."""

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        target: str,
        body: bytes,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(name="post", daemon=True)
        self.status: int | None = None
        self.error: Exception | None = None
        self._connection = connection
        self._request = target, body, headers
        self._over = threading.Event()

    def run(self) -> None:
        target, body, headers = self._request
        try:
            self._connection.connect()
            if not self._over.is_set():  # it would be taken after it was given up
                self._connection.request("POST", target, body, headers)
                self.status = self._connection.getresponse().status
        except Exception as error:  # noqa: BLE001 - told by whoever waits
            self.error = error
        finally:
            self._connection.close()

    def break_off(self) -> None:
        """Wake it from whatever it waits for; a connection that is only being made ends by itself."""
        self._over.set()
        found = self._connection.sock
        if found is not None:
            with suppress(OSError):
                socket.socket.shutdown(found, socket.SHUT_RDWR)  # not TLS's own: it would wait
