"""A TCP proxy that fails: what lies between us and a server, and is cut, or slow."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["Network", "Proxy", "proxied"]

_CHUNK = 65536
_UNDER_WAY = 16
"""Chunks that one direction of a slow connection holds; then its sender has to wait."""


@dataclass(frozen=True)
class Network:
    """How good a network is: the time there and back, and bytes a second each way."""

    round_trip_seconds: float = 0.0
    bytes_per_second: float = float("inf")


class Proxy:
    """Forwards connections to a server, until `cut`; from `mend` on it does again."""

    def __init__(self, url: str, network: Network | None = None) -> None:
        target = urlsplit(url)
        self._target = (target.hostname or "", target.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self._cutter = _Cutter(b"", ())
        self._lines = [_Line(network), _Line(network)] if network else [None, None]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """The port at which the proxy listens."""
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Where the proxy listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def answers_cut(self) -> int:
        """How many answers were cut since `cut_answers`."""
        return self._cutter.count

    def cut(self) -> None:
        """End every connection, and refuse new ones."""
        self._is_cut = True
        for end in list(self._open):
            self._close(end)

    def restore(self) -> None:
        """Forward again."""
        self._is_cut = False

    def cut_answers(self, path: bytes, parts: Iterable[float]) -> None:
        """End the connection in the middle of each next answer to a request for `path`.

        One answer for each of `parts`, below 1: how much arrives of what the server sent first.
        Later answers arrive whole.
        """
        self._cutter = _Cutter(path, parts)

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
            try:
                if self._is_cut:
                    raise ConnectionRefusedError
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            self._open |= {near, far}
            asked = threading.Event()
            for work in (self._forward_requests, self._forward_answers):
                threading.Thread(target=work, args=(near, far, asked), daemon=True).start()

    def _forward_requests(
        self, near: socket.socket, far: socket.socket, asked: threading.Event
    ) -> None:
        """Note in `asked` when a request comes whose answer may be cut."""
        with self._ending(near, far), _sending(far, self._lines[0]) as sender:
            while data := near.recv(_CHUNK):
                if self._cutter.is_for(data):
                    asked.set()
                sender.send(data)

    def _forward_answers(self, near: socket.socket, far: socket.socket, asked: threading.Event) -> None:
        with self._ending(near, far), _sending(near, self._lines[1]) as sender:
            while data := far.recv(_CHUNK):
                part = self._cutter.part() if asked.is_set() else None
                asked.clear()
                if part is not None:
                    sender.send(data[: int(part * len(data))])
                    return
                sender.send(data)

    @contextlib.contextmanager
    def _ending(self, *ends: socket.socket) -> Iterator[None]:
        """End both connections when one has ended."""
        with contextlib.suppress(OSError):
            yield
        for end in ends:
            self._close(end)

    def _close(self, end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
        self._open.discard(end)


class _Cutter:
    """Says which answers are cut, and where."""

    def __init__(self, path: bytes, parts: Iterable[float]) -> None:
        self.count = 0
        self._path = path
        self._parts = iter(parts)
        self._lock = threading.Lock()

    def is_for(self, request: bytes) -> bool:
        """Tell whether a chunk begins a request for the path."""
        return self._path != b"" and self._path in request.partition(b"\r\n")[0]

    def part(self) -> float | None:
        """Return how much of the next answer arrives; None: all of it."""
        with self._lock:
            part = next(self._parts, None)
            self.count += part is not None
            return part


class _Line:
    """One direction of a slow network, shared by all connections."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._free = 0.0
        self._lock = threading.Lock()

    def arrival(self, length: int) -> float:
        """Return when a chunk that is sent now has arrived, on the monotonic clock."""
        with self._lock:
            self._free = max(self._free, time.monotonic()) + length / self._network.bytes_per_second
            return self._free + self._network.round_trip_seconds / 2


class _Sender:
    """Sends at once, or what arrives over a slow line when it does."""

    def __init__(self, sink: socket.socket, line: _Line | None) -> None:
        self._sink = sink
        self._line = line
        self._pending: queue.Queue[tuple[float, bytes]] = queue.Queue(_UNDER_WAY)
        self._thread = threading.Thread(target=self._deliver, daemon=True)
        if line is not None:
            self._thread.start()

    def send(self, data: bytes) -> None:
        """Send, or raise OSError. Over a slow line it blocks while much is under way."""
        if self._line is None:
            self._sink.sendall(data)
        else:
            self._pending.put((self._line.arrival(len(data)), data))

    def finish(self) -> None:
        """Return when all has arrived."""
        if self._line is not None:
            self._pending.put((0.0, b""))
            self._thread.join()

    def _deliver(self) -> None:
        broken = False
        while True:
            due, data = self._pending.get()
            if not data:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not broken:
                    self._sink.sendall(data)
            except OSError:
                broken = True  # what is pending goes nowhere, but nobody may block on it


@contextlib.contextmanager
def _sending(sink: socket.socket, line: _Line | None) -> Iterator[_Sender]:
    sender = _Sender(sink, line)
    try:
        yield sender
    finally:
        sender.finish()


@contextlib.contextmanager
def proxied(url: str, network: Network | None = None) -> Iterator[Proxy]:
    """Give a proxy to a server."""
    proxy = Proxy(url, network)
    try:
        yield proxy
    finally:
        proxy.close()
