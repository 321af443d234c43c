"""A receiver that keeps a post waiting, and settings that would send alerts unsafely."""

import contextlib
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from audit_alerts.runner.settings import RunnerSettings
from audit_alerts.runner.sinks import NotDeliveredError, WebhookSink, sinks_of
from audit_runtime.errors import CredentialsError
from audit_runtime.http_client import HttpClient, NoAnswerError
from pydantic import ValidationError
from support.certificates import loopback_certificate
from support.conditions import wait_until

ALERT = {"event": {"id": "a1"}, "audit": {"alert": {"revision": 3, "told": 5, "pending": ["webhook"]}}}


@contextmanager
def answering(*chunks: bytes, pause: float = 0.05, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Give the address of a server that sends these without end, and reads what comes first."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        scheme = "http" if tls is None else "https"
        wrap: Any = (
            contextlib.nullcontext if tls is None else partial(tls.wrap_socket, server_side=True)
        )

        def serve() -> None:
            while not stop.is_set():
                with suppress(OSError), server.accept()[0] as plain, wrap(plain) as connection:
                    connection.recv(65536)
                    for chunk in itertools.cycle(chunks):
                        if stop.wait(pause):
                            return
                        connection.sendall(chunk)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"{scheme}://127.0.0.1:{server.getsockname()[1]}/alerts"
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize(
    "chunks",
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n",),
        (*(b"%c" % c for c in b"HTTP/1.1 200 OK\r\nX: "), b"a" * 9),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", *[b"a"] * 10_000),
    ],
    ids=["continue", "drip", "drip of the body"],
)
def test_post_is_over_when_its_time_is(chunks: tuple[bytes, ...]) -> None:
    """However the receiver keeps it waiting; and no thread stays behind."""
    with answering(*chunks) as url:
        post = HttpClient(url, 0.4, max_bytes=1000)
        began = time.monotonic()
        with pytest.raises(NoAnswerError, match="not within"):
            post.send(b"{}", {})
        assert time.monotonic() - began < 30
        wait_until(
            lambda: not any(thread.name == "http" for thread in threading.enumerate()),
            what="the post's thread has ended",
        )


def test_certificate_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An authority that the system does not know vouches for nobody."""
    made = loopback_certificate()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.cert, made.key)
    with answering(b"HTTP/1.1 204 No Content\r\n\r\n", tls=context) as url:
        with pytest.raises(NoAnswerError, match="SSLCertVerificationError"):
            HttpClient(url, 10).send(b"{}", {})
        monkeypatch.setenv("SSL_CERT_FILE", made.authority)
        assert HttpClient(url, 10).send(b"{}", {}).status == 204


def test_receiver_that_speaks_no_http_is_a_sentence() -> None:
    """It does not answer, as far as we are concerned."""
    with answering(b"\x00\xff garbage\r\n\r\n") as url:
        webhook = WebhookSink(RunnerSettings(webhook_url=url), url)
        with pytest.raises(NotDeliveredError, match=r"does not answer \(BadStatusLine\)"):
            webhook.send(ALERT)


def test_empty_secret_signs_nothing(tmp_path: Path) -> None:
    """Anybody could sign with it: it is refused at the start, or when its file has become empty."""
    with pytest.raises(ValidationError, match="anybody could sign"):
        RunnerSettings(webhook_secret=" ")
    file = tmp_path / "secret"
    file.write_text("\n")
    url = "https://192.0.2.1/"
    settings = RunnerSettings(webhook_url=url, webhook_secret_file=file)
    with pytest.raises(CredentialsError, match="is empty; it must hold a secret"):
        sinks_of(settings)
    with pytest.raises(NotDeliveredError, match="is empty"):
        WebhookSink(settings, url).send(ALERT)
    file.write_text("s3cret\n")
    assert settings.secret() == b"s3cret"


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/a", "HTTP://192.0.2.1:8080/", "http://alerts.example/a,b"]
)
def test_alerts_cross_no_network_in_plain_text_unasked(url: str) -> None:
    """They name people and addresses; on the loopback device nobody listens."""
    with pytest.raises(CredentialsError, match="The webhook would get alerts in plain text"):
        sinks_of(RunnerSettings(webhook_url=url))


def within(settings: RunnerSettings) -> list[str]:
    """Return the names of the sinks of settings."""
    found = sinks_of(settings)
    for sink in found:
        sink.close()
    return [sink.name for sink in found]


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://192.0.2.1/", False),
        ("http://[::1]:8080/a", False),
        ("http://localhost/", False),
        ("http://192.0.2.1/", True),
    ],
)
def test_webhook_may_be_here_or_behind_tls_or_allowed(url: str, allowed: bool) -> None:  # noqa: FBT001
    """Nothing else is refused."""
    assert "webhook" in within(RunnerSettings(webhook_url=url, allow_plain_text=allowed))


@pytest.mark.parametrize(
    "url", ["https://user:word@host/", "https://host:99999/", "ftp://host", "https://["]
)
def test_address_that_can_not_be_posted_to_is_refused(url: str) -> None:
    """In the settings, not with the first alert."""
    with pytest.raises(ValidationError, match="webhook_url"):
        RunnerSettings(webhook_url=url)
