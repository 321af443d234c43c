"""One connection: uvicorn's protocol, with a deadline for whatever the client has to do."""

import asyncio
import ssl
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from audit_server.connections import Connections

__all__ = ["GuardedProtocol"]

_CHECK_SECONDS = 1.0


class GuardedProtocol(H11Protocol):
    """Closes a connection whose client is too slow.

    uvicorn has one timer, between a response and the first byte of the next request. Here the TLS
    handshake and the headers of each request have a deadline, which no further byte extends, and a
    connection counts from the moment it is accepted. One that is closed is gone some seconds later,
    whether or not the client has read the rest of its response.
    """

    def __init__(
        self,
        *arguments: Any,
        connections: Connections,
        tls: ssl.SSLContext | None = None,
        **named: Any,
    ) -> None:
        super().__init__(*arguments, **named)
        self._table = connections
        self._limits = connections.limits
        self._tls = tls
        self._raw: asyncio.Transport | None = None
        self._ip: str | None = None
        self._is_open = False  # for requests: after the handshake
        self._early = b""
        self._head_owed_since: float | None = None
        self._closing_since: float | None = None
        self._check: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and begin to wait for the handshake or the headers."""
        peer = transport.get_extra_info("peername")
        self._raw, self._ip = transport, peer[0].partition("%")[0] if peer else None
        if not self._table.admit(self, self._ip):
            transport.abort()
        elif self._tls is None:
            self._open(transport)
        else:
            transport.pause_reading()  # what comes is for the handshake
            self._handshake_task = self.loop.create_task(self._handshake(transport, self._tls))

    def data_received(self, data: bytes) -> None:
        """Go on with a request; what comes outside of one begins the next, and its deadline."""
        if not self._is_open:
            self._early += data
            return
        if self._is_between_requests and self._head_owed_since is None:
            self._head_owed_since = self.loop.time()
        super().data_received(data)
        if not self._is_between_requests:
            self._head_owed_since = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._forget()
        if self._is_open:
            super().connection_lost(exc)

    @property
    def is_waiting(self) -> bool:
        """Whether it has no whole request in progress."""
        return self._is_between_requests or self.cycle.more_body

    def drop(self) -> None:
        """Close it now, whatever has not been sent."""
        self._forget()
        if self._raw is not None:
            self._raw.abort()

    @property
    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    async def _handshake(self, raw: asyncio.Transport, tls: ssl.SSLContext) -> None:
        if raw.is_closing():  # it has made way already
            return
        try:
            transport = await self.loop.start_tls(
                raw,
                self,
                tls,
                server_side=True,
                ssl_handshake_timeout=self._limits.handshake_seconds,
                ssl_shutdown_timeout=self._limits.linger_seconds,
            )
        except OSError:  # an ssl.SSLError, a ConnectionError, or too slow
            transport = None
        if transport is None or transport.is_closing():  # None: it closed without an error
            self.drop()
            return
        self._open(transport)
        early, self._early = self._early, b""
        if early:
            self.data_received(early)

    def _open(self, transport: asyncio.Transport) -> None:
        self._is_open = True
        super().connection_made(transport)
        self._head_owed_since = self.loop.time()
        self._check = self.loop.call_later(_CHECK_SECONDS, self._close_if_late)

    def _close_if_late(self) -> None:
        now = self.loop.time()
        if self.transport.is_closing():
            self._closing_since = self._closing_since or now
            if now - self._closing_since > self._limits.linger_seconds:
                self.drop()
                return
        elif self._head_owed_since and now - self._head_owed_since > self._limits.head_seconds:
            self.transport.close()
        self._check = self.loop.call_later(_CHECK_SECONDS, self._close_if_late)

    def _forget(self) -> None:
        self._table.remove(self, self._ip)
        if self._check is not None:
            self._check.cancel()
