"""`auditlog serve` as a process: where it listens, and how it ends."""

import contextlib
import http.client
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from audit_query.errors import QueryError
from audit_server.serve import serve
from audit_server.settings import ServeSettings
from audit_server.tokens import TokenFile
from support.certificates import loopback_certificate
from support.command import auditlog, clean_environment
from support.conditions import wait_until
from support.servers import Deployment

pytestmark = pytest.mark.slow

CERT, KEY = loopback_certificate().cert, loopback_certificate().key
"""A certificate of 127.0.0.1's, which nothing trusts."""

TLS = {"AUDITLOG_SERVE_CERT_FILE": CERT, "AUDITLOG_SERVE_KEY_FILE": KEY}

NOWHERE = {"AUDITLOG_ELASTICSEARCH_URL": "http://127.0.0.1:9"}


@dataclass
class Served:
    """A running server."""

    process: "subprocess.Popen[str]"
    address: str
    log: Path

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of an answer."""
        parts = urlsplit(self.address)
        if parts.scheme == "https":
            trusting = ssl.create_default_context(cafile=loopback_certificate().authority)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.netloc, timeout=120, context=trusting
            )
        else:
            connection = http.client.HTTPConnection(parts.netloc, timeout=120)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, named, answer.read()

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(120)


@contextlib.contextmanager
def serving(log: Path, *arguments: str, **environment: str) -> Iterator[Served]:
    """Run the server on a free port."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "audit_cli", "serve", "--port", "0", *arguments],
            env=clean_environment() | NOWHERE | environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"https?://[^ ]+", line)
            assert found, log.read_text()
            yield Served(process, found[0], log)
        finally:
            if process.poll() is None:
                process.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a server that tests share; by SIGTERM it ends with status 0 and no traceback."""
    with serving(tmp_path_factory.mktemp("shared") / "log") as served:
        yield served
        assert served.end(signal.SIGTERM) == 0
    assert "Traceback" not in served.log.read_text()


def test_it_ends_well_by_ctrl_c(tmp_path: Path) -> None:
    """Exit status 0, and no traceback."""
    with serving(tmp_path / "log") as served:
        assert served.get("/api/v1/events")[0] == 503
        assert served.end(signal.SIGINT) == 0
    assert "Traceback" not in served.log.read_text()


def test_it_listens_on_loopback_and_says_nothing_of_itself(shared: Served) -> None:
    """Unless told otherwise; and in no header which server it is."""
    assert shared.address.startswith("http://127.0.0.1:")
    status, headers, _ = shared.get("/api/v1/openapi.json")
    assert (status, "server" in headers) == (200, False)
    assert shared.get("/api/v1/events", Host="evil.example")[0] == 403


def test_log_holds_no_query_and_no_name(tmp_path: Path) -> None:
    """A line a request, as JSON where nobody looks on: method, route, status, time."""
    with serving(tmp_path / "log") as served:
        served.get("/api/v1/events?user=Carla%20Evans&text=carla")
        served.get("/api/v1/events/0123456789-carla-evans")
        served.get("/users/Carla%20Evans")
        served.get("/carla")
        assert served.end(signal.SIGTERM) == 0
    lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["method"] for line in requests] == ["GET"] * 4
    assert requests[0]["route"] == "/api/v1/events"
    assert requests[1]["route"] == "/api/v1/events/{event_id}"
    assert isinstance(requests[0]["ms"], int)
    assert "carla" not in served.log.read_text().lower()


def test_port_that_is_taken_is_said_in_one_sentence() -> None:
    """With what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = auditlog("serve", "--port", str(taken.getsockname()[1]), **NOWHERE)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "something listens there already; choose another port with --port" in done.stderr


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    """Give a tokens file with one token."""
    file = TokenFile(tmp_path / "tokens.json")
    file.create("ada")
    return file


EVERYWHERE = "0.0.0.0"  # noqa: S104 - that is the point


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"serve_host": EVERYWHERE}, "auditlog tokens create"),
        ({"serve_host": "::"}, "auditlog tokens create"),
        ({"serve_host": EVERYWHERE, "serve_cert_file": CERT, "serve_key_file": KEY}, "tokens create"),
        ({"serve_host": "no.such.host.invalid"}, "is not an address of this machine"),
        ({"serve_cert_file": CERT}, "one is missing"),
        ({"serve_key_file": KEY}, "one is missing"),
        ({"serve_cert_file": KEY, "serve_key_file": KEY}, "are not a certificate and its key"),
        ({"tokens_file": "/no/such/file"}, "/no/such/file: No such file"),
        ({"time_zone": "Mars/Base"}, "is not a time zone"),
    ],
)
@pytest.mark.parametrize("plain_text", [False, True])
def test_what_would_open_the_log_does_not_start(
    settings: dict[str, Any], says: str, *, plain_text: bool
) -> None:
    """One sentence, with what to do."""
    with pytest.raises(QueryError, match=says) as caught:
        serve(ServeSettings(serve_port=0, **settings), plain_text=plain_text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        (["--host", EVERYWHERE, "--plain-text"], {}, "auditlog tokens create"),
        ([], {"AUDITLOG_SERVE_CERT_FILE": "/no/such/file"}, "AUDITLOG_SERVE_CERT_FILE"),
        ([], {"AUDITLOG_SERVE_TRUSTED_PROXIES": "everyone"}, "AUDITLOG_SERVE_TRUSTED_PROXIES"),
    ],
)
def test_mistakes_of_the_start_are_told(
    arguments: list[str], environment: dict[str, str], says: str
) -> None:
    """In one sentence, and with no traceback."""
    done = auditlog("serve", "--port", "0", *arguments, **NOWHERE | environment)
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_tokens_do_not_travel_readable(tokens: TokenFile) -> None:
    """Elsewhere than on loopback it takes TLS, or the word that a proxy ends it."""
    environment = NOWHERE | {"AUDITLOG_TOKENS_FILE": str(tokens.path)}
    done = auditlog("serve", "--port", "0", "--host", EVERYWHERE, **environment)
    assert done.returncode == 1
    assert "--plain-text" in done.stderr


@pytest.mark.parametrize("how", ["tls", "proxy"])
def test_elsewhere_with_tokens(tmp_path: Path, tokens: TokenFile, how: str) -> None:
    """It listens, lets in by token alone, and the cookie goes over TLS alone."""
    secret = tokens.create("ben")
    more = TLS if how == "tls" else {}
    flags = [] if how == "tls" else ["--plain-text"]
    environment = {"AUDITLOG_TOKENS_FILE": str(tokens.path), **more}
    with serving(tmp_path / "log", "--host", EVERYWHERE, *flags, **environment) as served:
        served.address = served.address.replace(EVERYWHERE, "127.0.0.1")
        assert served.address.startswith("https:" if how == "tls" else "http:")
        assert served.get("/api/v1/events")[0] == 401
        status, headers, _ = served.get("/api/v1/events", Authorization=f"Bearer {secret}")
        assert status == 503
        assert headers["strict-transport-security"].startswith("max-age=")
        assert served.end(signal.SIGTERM) == 0
    assert secret not in served.log.read_text()


def test_connection_that_asks_nothing_delays_no_end(tmp_path: Path) -> None:
    """Nor one that stopped in the middle of its headers."""

    def seconds(log: Path) -> float:
        with serving(log) as served, socket.socket() as silent, socket.socket() as slow:
            parts = urlsplit(served.address)
            for end in (silent, slow):
                end.connect((parts.hostname, parts.port))
            slow.sendall(b"GET / HTTP/1.1\r\nHost: ")
            served.get("/")
            began = time.monotonic()
            assert served.end(signal.SIGTERM) == 0
            return time.monotonic() - began

    # Five are what a request is given; a busy machine may need as long for nothing, once.
    assert any(seconds(tmp_path / f"log-{number}") < 5 for number in range(3))


def test_oversized_request_is_refused(shared: Served) -> None:
    """A header or an address without end is not read to its end."""
    assert shared.get("/api/v1/events?" + "user=x&" * 5000)[0] == 400
    with contextlib.suppress(OSError, http.client.HTTPException):
        assert shared.get("/" + "x" * 300_000)[0] == 400
    assert shared.get("/api/v1/events")[0] == 503


@pytest.mark.servers
def test_self_audit_reaches_kafka(deployment: Deployment, tmp_path: Path) -> None:
    """Who searched is in the topic, as a valid event that the consumer will take."""
    with serving(tmp_path / "log", **deployment.environment) as served:
        forged = {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https"}
        assert served.get("/api/v1/events?user=Ada", **forged)[0] == 200
        assert served.get("/api/v1/events?user=Ada")[0] == 200
        assert served.get("/api/v1/export?user=Ada")[0] == 200
        assert served.get("/api/v1/events", Host="evil.example")[0] == 403
        assert served.end(signal.SIGTERM) == 0
    published: list[dict[str, Any]] = [
        json.loads(record.value or b"") for record in deployment.records(f"{deployment.name}.events")
    ]
    events = {event["event"]["action"]: event for event in published}
    assert len(published) == len(events) == 3
    searched = events["audit-log-searched"]
    assert searched["labels"] == {"user": "Ada", "results": "0"}
    assert searched["source"]["ip"] == "127.0.0.1"  # and not what the header says
    assert searched["service"]["name"] == "audit-log"
    assert events["audit-log-exported"]["labels"] == {"format": "csv", "user": "Ada"}
    assert (
        events["audit-log-refused"]["event"]["reason"] == "the Host header does not name this machine"
    )


@pytest.mark.servers
def test_kafka_that_is_down_slows_and_fails_no_search(deployment: Deployment, tmp_path: Path) -> None:
    """Neither a search nor the end."""
    environment = deployment.environment | {"AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    with serving(tmp_path / "log", **environment) as served:
        served.get("/api/v1/events")
        began = time.monotonic()
        for number in range(20):
            assert served.get(f"/api/v1/events?user=u-{number}")[0] == 200
        assert time.monotonic() - began < 60
        assert served.end(signal.SIGTERM) == 0
    assert "Traceback" not in served.log.read_text()


@pytest.mark.servers
def test_self_audit_can_be_turned_off(deployment: Deployment, tmp_path: Path) -> None:
    """By a setting; then nothing is published."""
    environment = deployment.environment | {"AUDITLOG_SERVE_SELF_AUDIT": "false"}
    with serving(tmp_path / "log", **environment) as served:
        assert served.get("/api/v1/events?user=Ada")[0] == 200
        assert served.end(signal.SIGTERM) == 0
    assert deployment.records(f"{deployment.name}.events") == []


def test_requests_under_way_are_ended_before_the_server_is(tmp_path: Path) -> None:
    """A stop waits for an answer that is on its way, for some seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environment = {"AUDITLOG_ELASTICSEARCH_URL": url, "AUDITLOG_QUERY_SECONDS": "1"}
        with serving(tmp_path / "log", **environment) as served, socket.socket() as caller:
            parts = urlsplit(served.address)
            caller.connect((parts.hostname, parts.port))
            caller.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            caller.settimeout(20)
            end, _ = silent.accept()
            with end:
                wait_until(lambda: end.recv(1), what="the question has arrived")
                served.process.send_signal(signal.SIGTERM)
                assert caller.recv(100).startswith(b"HTTP/1.1 503")
                assert served.process.wait(120) == 0
    assert "Traceback" not in served.log.read_text()
