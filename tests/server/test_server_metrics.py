"""What the server counts of itself, and where that can be asked for."""

import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from audit_local.ports import free_port
from audit_query import AuditLog
from audit_runtime.errors import MonitorError
from audit_server.app import create_app
from audit_server.metrics import ServerMetrics
from audit_server.serve import serve
from audit_server.settings import ServeSettings
from prometheus_client import generate_latest
from starlette.testclient import TestClient
from support.command import clean_environment
from support.conditions import wait_until
from support.fake_elasticsearch import answering, answering_with

pytestmark = pytest.mark.slow

EMPTY = answering_with(200, '{"hits":{"hits":[]}}')
ROUTE = "/api/v1/events/{event_id}"


def value(metrics: ServerMetrics, name: str, **labels: str) -> float | None:
    """Return one metric's value."""
    return metrics.registry.get_sample_value(f"auditlog_{name}", labels)


def test_requests_are_counted_by_route_and_status() -> None:
    """And never by path, where names of people are."""
    metrics = ServerMetrics()
    with answering(EMPTY) as url:
        settings = ServeSettings(elasticsearch_url=url, serve_requests=7)
        with (
            AuditLog(settings) as log,
            TestClient(
                create_app(log, settings, metrics=metrics), base_url="http://localhost"
            ) as client,
        ):
            for name in ("Carla", "Carla-2", "Carla-3"):
                client.get(f"/api/v1/events/{name}?user=Carla")
            for path in ("/Carla", "/events/Carla", "/healthz", "/readyz"):
                client.get(path)
            client.request("CARLA", "/api/v1/events/Carla")
    assert value(metrics, "requests_total", route=ROUTE, status="404") == 3
    assert value(metrics, "requests_total", route="none", status="404") == 1
    assert value(metrics, "request_duration_seconds_count", route=ROUTE) == 4  # one of them is a 405
    assert value(metrics, "requests_limit") == 7
    shown = generate_latest(metrics.registry)
    assert b"Carla" not in shown
    assert b"CARLA" not in shown
    assert b"healthz" not in shown


def test_requests_in_flight_are_those_that_have_no_answer() -> None:
    """Up while Elasticsearch is slow, and down again."""
    metrics, waits = ServerMetrics(), threading.Event()

    def late(end: socket.socket, request: bytes) -> None:
        waits.wait(20)
        EMPTY(end, request)

    with answering(late) as url:
        settings = ServeSettings(elasticsearch_url=url)
        with (
            AuditLog(settings) as log,
            TestClient(
                create_app(log, settings, metrics=metrics), base_url="http://localhost"
            ) as client,
        ):
            request = threading.Thread(target=client.get, args=("/api/v1/events/0123456789abcdef",))
            request.start()
            wait_until(lambda: value(metrics, "requests_in_flight") == 1, what="one is in flight")
            waits.set()
            request.join(20)
            assert value(metrics, "requests_in_flight") == 0


def status(port: int, path: str) -> int:
    """Return the status of an answer of the monitor; 0 while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except urllib.error.URLError:
        return 0


def test_metrics_have_a_port_of_their_own(tmp_path: Path) -> None:
    """Without a token, and so not where readers come; ready there is ready here."""
    port = free_port()
    with answering(EMPTY) as url, (tmp_path / "log").open("w") as errors:
        given = {"AUDITLOG_ELASTICSEARCH_URL": url, "AUDITLOG_METRICS_PORT": str(port)}
        with subprocess.Popen(
            [sys.executable, "-m", "audit_cli", "serve", "--port", "0"],
            env=clean_environment() | given,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        ) as process:
            try:
                wait_until(lambda: status(port, "/readyz") == 200, what="it is ready")
                assert (status(port, "/metrics"), status(port, "/healthz")) == (200, 200)
            finally:
                process.terminate()
            assert process.wait(120) == 0


def test_port_of_metrics_that_is_taken_is_told() -> None:
    """In a sentence, before anything is served."""
    with answering(EMPTY) as url:
        taken = int(url.rpartition(":")[2])
        settings = ServeSettings(serve_port=0, metrics_port=taken, elasticsearch_url=url)
        with pytest.raises(MonitorError, match="AUDITLOG_METRICS_PORT"):
            serve(settings)
