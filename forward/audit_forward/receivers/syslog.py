"""Syslog: RFC 5424 messages, by the octet counting of RFC 5425, over TLS."""

import os
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress

from audit_runtime import CredentialsError
from audit_schemas import format_timestamp, parse_timestamp

from audit_forward.errors import NotDeliveredError, RefusedError
from audit_forward.item import Item, Limits
from audit_forward.receiver_tables import SyslogTable
from audit_forward.receivers.http import tls_context
from audit_forward.receivers.receiver import Answer

__all__ = ["SyslogReceiver", "message_of"]

_BYTES = 1024 * 1024
_READ = 4096
_TCP_CLOSE = 7
_PAUSE = 0.005
_ID = 32
"""Characters of MSGID, at most."""
_NO_VALUE = "-"


class SyslogReceiver:
    """See `audit_forward.receivers.Receiver`.

    Syslog has no acknowledgement. So each run of messages has a connection of its own, whose orderly
    end stands for one: we end our side, and the receiver, which has then read all that is before that
    end, ends its own. A reset, or no end in time, acknowledges nothing.
    """

    def __init__(self, table: SyslogTable, seconds: float) -> None:
        self.limits = Limits(table.events_per_connection, _BYTES)
        self._table = table
        self._seconds = seconds
        self._host = table.hostname or socket.gethostname()
        self._tls = tls_context(table.ca_file)
        self._show_certificate()

    def send(self, items: Sequence[Item]) -> Answer:
        """Send messages, end the connection, and wait for the receiver's end."""
        frames = b"".join([self._frame(item) for item in items])
        where = f"{self._table.host}:{self._table.port}"
        self._show_certificate()
        deadline = time.monotonic() + self._seconds
        try:
            with (
                socket.create_connection((self._table.host, self._table.port), self._seconds) as plain,
                self._tls.wrap_socket(plain, server_hostname=self._table.host) as connection,
            ):
                connection.settimeout(_left(deadline))
                connection.sendall(frames)
                _end(connection, deadline)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise NotDeliveredError(f"{where}: {type(error).__name__} {reason}".strip()) from error
        return Answer(f"{where} has read {len(items)} messages to their end")

    def close(self) -> None:
        """Do nothing: each run has a connection of its own."""

    def _show_certificate(self) -> None:
        """Have the next connection show our certificate as the files hold it now: they are replaced."""
        certificate, key = self._table.certificate_file, self._table.key_file
        if certificate is None or key is None:
            return
        try:
            self._tls.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise CredentialsError(f"{certificate} can't be used: {error}") from error

    def _frame(self, item: Item) -> bytes:
        message = message_of(item, self._table.facility, self._host, self._table.app_name)
        if len(message) > self._table.max_message_bytes:
            raise RefusedError(
                f"its message has {len(message)} bytes; max_message_bytes is "
                f"{self._table.max_message_bytes}"
            )
        return b"%d %s" % (len(message), message)


def message_of(item: Item, facility: int, host: str, app_name: str) -> bytes:
    """Return an item as a message of RFC 5424, with its id as structured data."""
    try:
        stamp = format_timestamp(parse_timestamp(item.happened))
    except (ValueError, OverflowError):
        stamp = _NO_VALUE
    name = "".join(char if "!" <= char <= "~" else "_" for char in item.action[:_ID])
    priority = facility * 8 + item.severity
    data = f'[auditlog@32473 id="{_escaped(item.id)}"]'
    return f"<{priority}>1 {stamp} {host} {app_name} {os.getpid()} {name} {data} ".encode() + item.body


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _end(connection: ssl.SSLSocket, deadline: float) -> None:
    """End our side, and wait until the other has taken all, and ended its own. Raises OSError."""
    connection.settimeout(_left(deadline))
    with suppress(ssl.SSLEOFError, ssl.SSLZeroReturnError):  # many end without TLS's own farewell
        connection.unwrap()
    with suppress(OSError):  # told below
        socket.socket.shutdown(connection, socket.SHUT_WR)
    connection.settimeout(_left(deadline))
    while socket.socket.recv(connection, _READ):
        connection.settimeout(_left(deadline))
    _wait_until_closed(connection, deadline)


def _wait_until_closed(connection: socket.socket, deadline: float) -> None:
    """Wait until the other side's kernel has acknowledged our end; a reset is an error.

    A receiver that was killed may have ended its side while our last bytes were on their way.
    """
    while True:
        if code := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))
        if not hasattr(socket, "TCP_INFO"):  # not Linux: it can't be told
            return
        if connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _TCP_CLOSE:
            return
        _left(deadline)
        time.sleep(_PAUSE)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no end of the connection in time")
    return left
