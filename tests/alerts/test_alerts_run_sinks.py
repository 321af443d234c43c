"""Where alerts go: a webhook that is down, hangs, redirects; and its signature."""

import hashlib
import hmac
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from audit_alerts.runner.delivery import Delivery
from audit_alerts.runner.lease import Lease
from audit_alerts.runner.settings import RunnerSettings
from audit_alerts.runner.sinks import NotDeliveredError, WebhookSink
from audit_producer.build import new_event
from audit_runtime import SIGNATURE, TIMESTAMP, is_dead, owner_name
from audit_schemas import encode
from structlog.testing import capture_logs
from support.alert_runner import FakeSource, Running, at, failures, running, shipped
from support.command import clean_environment
from support.conditions import wait_until
from support.consumers import settle
from support.servers import Deployment
from support.stored_events import store

pytestmark = pytest.mark.servers


@dataclass
class Receiver:
    """What a webhook got, and how it answers."""

    status: int = 204
    location: str | None = None
    hang: threading.Event | None = None
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Give a web server that takes posts."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append((dict(self.headers), body))
            if receiver.hang is not None:
                receiver.hang.wait(30)
            self.send_response(receiver.status)
            if receiver.location is not None:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/alerts"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        if receiver.hang is not None:
            receiver.hang.set()
        server.shutdown()
        thread.join()
        server.server_close()


ALERT = {
    "event": {"id": "a1"},
    "audit": {"alert": {"revision": 3, "last_notified_count": 5, "pending": ["webhook"], "count": 5}},
}


def webhook(url: str, seconds: float = 5.0) -> WebhookSink:
    """Return a webhook that signs."""
    settings = RunnerSettings(webhook_url=url, webhook_secret="s3cret", alert_attempt_seconds=seconds)
    return WebhookSink(settings, url)


def test_receiver_can_tell_who_posted_and_when() -> None:
    """The signature is over the timestamp and the body."""
    with receiving() as receiver:
        sink = webhook(receiver.url)
        sink.send(ALERT)
        sink.close()
    ((headers, body),) = receiver.got
    signed = headers[TIMESTAMP].encode() + b"." + body
    assert headers[SIGNATURE] == "v1=" + hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert headers["X-Auditlog-Revision"] == "3"
    assert json.loads(body)["audit"]["alert"] == {"revision": 3, "count": 5}


def test_webhook_follows_no_redirect() -> None:
    """Whoever controls the receiver can't send our alerts, or us, elsewhere."""
    with receiving() as receiver, receiving() as elsewhere:
        receiver.status, receiver.location = 307, elsewhere.url
        sink = webhook(receiver.url)
        with pytest.raises(NotDeliveredError, match="307"):
            sink.send(ALERT)
        sink.close()
        assert not elsewhere.got


def test_webhook_that_hangs_is_given_up() -> None:
    """After the time that one alert may take."""
    with receiving() as receiver:
        receiver.hang = threading.Event()
        sink = webhook(receiver.url, seconds=0.3)
        with pytest.raises(NotDeliveredError, match="does not answer"):
            sink.send(ALERT)
        sink.close()


@pytest.fixture
def run(deployment: Deployment) -> Iterator[Running]:
    """Give what runs rules."""
    with running(deployment) as found:
        yield found


def test_webhook_that_was_down_is_told_all_once_it_is_back(
    deployment: Deployment, run: Running
) -> None:
    """Each alert once, whoever delivers it then; what one receiver refuses holds up no other."""
    source = FakeSource()
    runner = run.runner(shipped("brute-force"), source)
    attackers = [failures(range(6), f"203.0.113.{n}") for n in range(3)]
    store(deployment, *(e for events in attackers for e in events), ingested=at(10), first=0)
    run.step(runner, source, at(20))

    def delivery(sink: WebhookSink, name: str) -> Delivery:
        lease = Lease(run.client, f"{run.index}-state", "webhook", name, 5)
        return Delivery(sink, run.alert_store, lease)

    with receiving() as receiver, capture_logs() as said:
        receiver.status = 503
        first = delivery(webhook(receiver.url), "one")
        assert not first.round()
        assert len(receiver.got) == 1
        receiver.got.clear()
        first.close(1)
        receiver.status = 204
        second = delivery(webhook(receiver.url), "two")
        second.start()
        wait_until(lambda: len(receiver.got) == 3, what="the webhook was told of three")
        second.close(10)
        assert delivery(webhook(receiver.url), "three").round()
        ids = {json.loads(body)["event"]["id"] for _, body in receiver.got}
        assert len(ids) == len(receiver.got) == 3
    assert "503" in said[0]["why"]


def test_one_of_two_runners_delivers(run: Running) -> None:
    """The other waits until the first gives back, or falls silent."""
    run.runner([], FakeSource())
    first = Lease(run.client, f"{run.index}-state", "webhook", "one", 0.5)
    second = Lease(run.client, f"{run.index}-state", "webhook", "two", 0.5)
    assert first.take()
    assert not second.take()
    wait_until(second.take, what="the lease of one that fell silent is another's")
    assert not first.take()
    second.give_back()
    assert first.take()


def test_lease_of_a_runner_that_was_killed_is_free_at_once(run: Running) -> None:
    """On the same machine; while it lives its lease stands."""
    run.runner([], FakeSource())
    script = "from audit_runtime import owner_name as n; print(n(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        first = Lease(run.client, f"{run.index}-state", "topic", process.stdout.readline().strip(), 600)
        second = Lease(run.client, f"{run.index}-state", "topic", owner_name(), 600)
        assert first.take()
        assert not second.take()
        process.kill()
    assert second.take()


def test_nobody_is_taken_for_dead_whose_process_numbers_are_not_ours() -> None:
    """Another machine, another container, or a name in another form: the lease has to run out."""
    host, place, _, own = owner_name().split("|")
    gone = str(2**22 + 1)  # above the highest number that Linux gives
    assert is_dead(f"{host}|{place}|{gone}|{own}")
    assert not is_dead(owner_name())
    assert not is_dead(f"{host}|{place}x|{gone}|{own}")
    assert not is_dead(f"{host}||{gone}|{own}")
    assert not is_dead("host:1:abcdef")


def test_webhook_that_hangs_delays_no_other_sink(
    deployment: Deployment, run: Running, tmp_path: Path
) -> None:
    """The topic is told while the webhook is still being waited for; its alert stays pending."""
    now = datetime.now(UTC)
    events = [
        new_event("login-failed", user="root", ip="203.0.113.5", at=now - timedelta(seconds=n))
        for n in range(8)
    ]
    with receiving() as receiver:
        receiver.hang = threading.Event()
        deployment.extra |= {
            "AUDITLOG_ALERTS_INDEX": run.index,
            "AUDITLOG_WEBHOOK_URL": receiver.url,
            "AUDITLOG_ALERT_MARGIN_SECONDS": "0",
        }
        deployment.publish_raw(*map(encode, events))
        log = tmp_path / "consumer.log"
        with deployment.consuming(log=log) as consumer:
            settle(deployment, log, consumer)
        with (tmp_path / "runner").open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "audit_cli", "alerts", "run", "--every", "1s", "--since", "-1h"],
                env=clean_environment() | deployment.environment,
                stdout=file,
                stderr=file,
            )
        wait_until(lambda: receiver.got, what="the webhook hangs")
        wait_until(lambda: deployment.records(f"{deployment.name}.alerts"), what="the topic is told")
        (alert, *_) = run.alerts()
        assert "webhook" in alert["audit"]["alert"]["pending"]
        receiver.hang.set()
        wait_until(
            lambda: not any(a["audit"]["alert"]["pending"] for a in run.alerts()), what="all told"
        )
        process.terminate()
        assert process.wait(40) == 0
