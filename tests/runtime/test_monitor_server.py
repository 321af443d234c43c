"""The port of metrics and health: whoever comes to it."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from audit_local.ports import free_port
from audit_runtime.monitor import Health, Monitor
from prometheus_client import CollectorRegistry
from support.conditions import wait_until
from support.metrics_endpoint import get


@pytest.fixture
def port() -> Iterator[int]:
    """Give the port of a monitor."""
    found = free_port()
    with closing(Monitor("127.0.0.1", found, CollectorRegistry(), Health())):
        yield found


def test_address_of_ipv6_is_listened_on() -> None:
    """A cluster may have no other."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    found = free_port()
    with (
        closing(Monitor("::1", found, CollectorRegistry(), Health())),
        socket.create_connection(("::1", found)) as client,
    ):
        client.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.0 200 ")


def is_answered() -> bool:
    """Tell whether no connection has a thread any more."""
    return not any("process_request" in thread.name for thread in threading.enumerate())


@pytest.mark.parametrize("sent", [b"", b"GET /met"], ids=["a scan", "half a request"])
def test_connection_that_breaks_leaves_no_traceback(
    port: int, sent: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Probes of TCP alone do that every few seconds, and standard error is a log of JSON lines."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(sent)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # resets it
    assert get(port, "/livez") == (200, "ok\n")
    wait_until(is_answered, what="both were looked at")
    assert capsys.readouterr().err == ""


def test_bug_is_shown(
    port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody expected is no connection's fault."""

    def fail(_: Health) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(Health, "is_alive", fail)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert client.recv(100) == b""
    wait_until(is_answered, what="it was looked at")
    assert "ZeroDivisionError" in capsys.readouterr().err
