"""`python -m audit_cli.healthy`: the image's health check."""

import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme
from support.certificates import loopback_certificate
from support.command import clean_environment

OURS = loopback_certificate()


@contextmanager
def answering(status: int, *, tls: bool = False) -> Iterator[int]:
    """Answer /readyz with a status, and give the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(HTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # a client that does not trust us hangs up

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(OURS.cert, OURS.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def status(**environment: str) -> int:
    """Run the check as the engine does, and return its exit status."""
    return subprocess.run(
        [sys.executable, "-m", "audit_cli.healthy"],
        env=clean_environment() | environment,
        timeout=250,
        check=False,
    ).returncode


@pytest.mark.parametrize(("answer", "wanted"), [(200, 0), (503, 1)])
def test_consumer_is_as_healthy_as_its_monitor_says(answer: int, wanted: int) -> None:
    """503 while it waits for a server: the engine's word for that is unhealthy."""
    with answering(answer) as port:
        assert wanted == status(AUDITLOG_METRICS_PORT=str(port))


@pytest.mark.parametrize(("answer", "wanted"), [(200, 0), (503, 1)])
def test_page_is_asked_by_tls_where_it_has_a_certificate(answer: int, wanted: int) -> None:
    """Its own certificate is proof enough, whoever signed it."""
    with answering(answer, tls=True) as port:
        assert wanted == status(AUDITLOG_SERVE_PORT=str(port), AUDITLOG_SERVE_CERT_FILE=OURS.cert)


@pytest.mark.parametrize("tls", [False, True])
def test_proxy_of_the_environment_is_not_asked(tls: bool) -> None:  # noqa: FBT001
    """It is for the way out, and knows nothing of this container's loopback address."""
    proxy = "http://127.0.0.1:1"
    proxies = {"HTTP_PROXY": proxy, "http_proxy": proxy, "HTTPS_PROXY": proxy, "https_proxy": proxy}
    certificate = {"AUDITLOG_SERVE_CERT_FILE": str(OURS.cert)} if tls else {}
    with answering(200, tls=tls) as port:
        assert status(AUDITLOG_SERVE_PORT=str(port), **certificate, **proxies) == 0


def test_page_without_a_certificate_is_asked_in_the_clear() -> None:
    """Behind a proxy that ends TLS."""
    with answering(200) as port:
        assert status(AUDITLOG_SERVE_PORT=str(port)) == 0


def test_whoever_has_another_certificate_is_not_the_page(tmp_path: Path) -> None:
    """Something else took its port."""
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("127.0.0.1").cert_chain_pems[0].write_to_path(str(other))
    with answering(200, tls=True) as port:
        assert status(AUDITLOG_SERVE_PORT=str(port), AUDITLOG_SERVE_CERT_FILE=str(other)) == 1


def test_nothing_that_listens_is_not_healthy() -> None:
    """Refused is an answer too."""
    with answering(200) as port:
        pass
    assert status(AUDITLOG_METRICS_PORT=str(port)) == 1


def test_a_job_is_healthy_while_it_lasts() -> None:
    """It listens nowhere."""
    assert status() == 0


def test_the_check_loads_the_standard_library_alone() -> None:
    """It runs every few seconds, and the whole command takes a second to load."""
    program = "import audit_cli.healthy, sys; sys.exit(bool({'typer', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
