"""Where the server may listen, and the socket it does on."""

import errno
import socket

from audit_server.errors import ListenError
from audit_server.networks import is_loopback
from audit_server.settings import ServeSettings

__all__ = ["BACKLOG", "check_listening", "listen", "uses_tls"]

BACKLOG = 128
"""Connections that wait to be accepted. asyncio accepts as many before it looks at the first of them,
and all of these take a file each beside those that are admitted."""


def check_listening(settings: ServeSettings, *, plain_text: bool) -> None:
    """Raise ListenError if the settings would show the log to whoever passes by."""
    if (settings.serve_cert_file is None) != (settings.serve_key_file is None):
        raise ListenError(
            "TLS takes both AUDITLOG_SERVE_CERT_FILE and AUDITLOG_SERVE_KEY_FILE; one is missing"
        )
    if settings.oidc_issuer is not None:
        _check_page_url(settings.page_url, is_https=uses_tls(settings) or plain_text)
    if _is_loopback(settings.serve_host):
        return
    if settings.tokens_file is None and settings.oidc_issuer is None:
        raise ListenError(
            f"{settings.serve_host} can be reached from elsewhere, so it takes tokens: make one with "
            "auditlog tokens create, and set AUDITLOG_TOKENS_FILE, or AUDITLOG_OIDC_ISSUER"
        )
    if not uses_tls(settings) and not plain_text:
        raise ListenError(
            f"On {settings.serve_host} tokens would travel readable: set AUDITLOG_SERVE_CERT_FILE and "
            "AUDITLOG_SERVE_KEY_FILE, or say --plain-text if a proxy in front ends TLS"
        )


def uses_tls(settings: ServeSettings) -> bool:
    """Tell whether the server itself speaks TLS."""
    return settings.serve_cert_file is not None


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises ListenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        # asyncio sets it only on sockets that say their protocol, which create_server's don't; without
        # it, a response's body waits 40 ms for the acknowledgement of its head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = "something listens there already; choose another port with --port"
        else:
            why = error.strerror or "it can't be"
        raise ListenError(f"Can't listen on {host}:{port}: {why}") from None
    return listener


def _check_page_url(url: str, *, is_https: bool) -> None:
    """Let people come back from the identity provider to where their cookies are sent."""
    if url.startswith("https:") and not is_https:
        raise ListenError(
            f"AUDITLOG_PAGE_URL is {url}, but there is no TLS here: set AUDITLOG_SERVE_CERT_FILE and "
            "AUDITLOG_SERVE_KEY_FILE, or say --plain-text if a proxy in front ends TLS"
        )
    if is_https and not url.startswith("https:"):
        raise ListenError(
            f"AUDITLOG_PAGE_URL is {url}; where people sign in over TLS, it must begin with https"
        )


def _is_loopback(host: str) -> bool:
    try:
        return is_loopback(host)
    except OSError:
        raise ListenError(
            f"{host} is not an address of this machine; set AUDITLOG_SERVE_HOST"
        ) from None
