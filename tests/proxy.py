"""A TCP proxy that can be cut: what lies between us and a server, and fails."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

__all__ = ["Proxy", "proxied"]


class Proxy:
    """Forwards connections to a server, until `cut`; from `mend` on it does again."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._target = (target.hostname or "", target.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._is_cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the proxy listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """End every connection, and refuse new ones."""
        self._is_cut = True
        for end in list(self._open):
            self._close(end)

    def mend(self) -> None:
        """Forward again."""
        self._is_cut = False

    def close(self) -> None:
        """End for good."""
        self.cut()
        self._close(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                near.close()
                continue
            far = socket.create_connection(self._target)
            self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            self._close(end)

    def _close(self, end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
        self._open.discard(end)


@contextlib.contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """Give a proxy to a server."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
