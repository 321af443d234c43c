"""The server: a socket, the application, and an end without a traceback."""

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from audit_query import AuditLog, zone
from audit_runtime.elastic import connect
from audit_runtime.monitor import Health, monitored

from audit_server.app import create_app
from audit_server.connection import GuardedProtocol
from audit_server.connections import ConnectionLimits, Connections, connections_max
from audit_server.errors import ListenError
from audit_server.listener import BACKLOG, check_listening, listen, uses_tls
from audit_server.metrics import ServerMetrics
from audit_server.pipeline import pipeline_of_environment
from audit_server.publisher import publishing
from audit_server.seals import seals_of_environment
from audit_server.settings import ServeSettings
from audit_server.sign_in import sign_in_of
from audit_server.tokens import TokenFile

__all__ = ["configured", "serve"]

_SESSION_SECONDS = 5.0
_KEEP_ALIVE_SECONDS = 30
_END_SECONDS = 5
_HEADERS_BYTES = 64 * 1024


class _NotifyingServer(uvicorn.Server):
    """Calls back once it has started."""

    on_start: Callable[[], Any]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and call back."""
        await super().startup(sockets)
        self.on_start()


def serve(
    settings: ServeSettings,
    *,
    plain_text: bool = False,
    on_start: Callable[[str], Any] = lambda _: None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then let requests end for some seconds. In the main thread.

    `on_start` gets the address. Raises ListenError, MonitorError, TokenFileError and
    TimeRangeError.
    """
    check_listening(settings, plain_text=plain_text)
    zone(settings.time_zone)
    tokens = _tokens(settings)
    is_https = uses_tls(settings) or plain_text
    metrics, health = ServerMetrics(), Health()
    with (
        listen(settings.serve_host, settings.serve_port) as listener,
        closing(AuditLog(settings, seconds=settings.query_seconds)) as log,
        closing(connect(settings, seconds=_SESSION_SECONDS)) as session_client,
        publishing(settings) as publish,
        monitored(settings, metrics.registry, health),
        _quiet_signals(),
    ):
        app = create_app(
            log,
            settings,
            tokens=tokens,
            sign_in=sign_in_of(settings, session_client),
            publish=publish,
            is_https=is_https,
            metrics=metrics,
            health=health if settings.metrics_port is not None else None,
            pipeline=pipeline_of_environment(),
            seals=seals_of_environment(),
        )
        server = _NotifyingServer(configured(app, settings))
        server.on_start = lambda: on_start(_address(settings, listener))
        server.run(sockets=[listener])


def _tokens(settings: ServeSettings) -> TokenFile | None:
    if settings.tokens_file is None:
        return None
    tokens = TokenFile(settings.tokens_file)
    tokens.check("")  # so that an unreadable file is an error now
    return tokens


def configured(
    app: Any, settings: ServeSettings, limits: ConnectionLimits | None = None
) -> uvicorn.Config:
    """Return uvicorn's configuration. Raises ListenError for an invalid certificate."""
    # What uvicorn would log, the middleware logs; and its lines hold queries.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
    config = uvicorn.Config(
        app,
        http="h11",
        backlog=BACKLOG,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # it would believe anyone on this machine; see Access.client_of
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_END_SECONDS,
        h11_max_incomplete_event_size=_HEADERS_BYTES,
        ssl_certfile=settings.serve_cert_file,
        ssl_keyfile=settings.serve_key_file,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        raise ListenError(
            f"AUDITLOG_SERVE_CERT_FILE and AUDITLOG_SERVE_KEY_FILE are not a certificate and its key: "
            f"{error.strerror or error}"
        ) from None
    # The protocol shakes hands itself: uvicorn's server would not count who never finishes.
    tls, config.ssl = config.ssl, None
    connections = Connections(limits or _limits(settings))
    config.http_protocol_class = partial(  # type: ignore[assignment]
        GuardedProtocol, connections=connections, tls=tls
    )
    return config


def _limits(settings: ServeSettings) -> ConnectionLimits:
    total = connections_max(settings.serve_requests)
    return ConnectionLimits(
        total,
        by_address=total // 2,
        proxies=settings.trusted_proxies,
        linger_seconds=settings.serve_send_seconds,
    )


def _address(settings: ServeSettings, listener: socket.socket) -> str:
    host = f"[{settings.serve_host}]" if ":" in settings.serve_host else settings.serve_host
    scheme = "https" if uses_tls(settings) else "http"
    return f"{scheme}://{host}:{listener.getsockname()[1]}"


@contextmanager
def _quiet_signals() -> Iterator[None]:
    """Take what uvicorn raises again once it has ended by a signal: we end well, not by it."""

    def ignore(_: int, __: FrameType | None) -> None:
        pass

    before = {number: signal.signal(number, ignore) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
