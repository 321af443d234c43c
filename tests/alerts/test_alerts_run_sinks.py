"""Where alerts go: a webhook that is down, hangs, redirects; and its signature."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from alert_running import FakeBound, Running, at, failures, running, shipped, store
from audit_alerts.runner.delivery import Delivery
from audit_alerts.runner.lease import Lease
from audit_alerts.runner.settings import RunnerSettings
from audit_alerts.runner.sinks import SIGNATURE, TIMESTAMP, NotDeliveredError, Webhook
from servers import Deployment
from waiting import wait_until

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
    "audit": {"alert": {"revision": 3, "told": 5, "pending": ["webhook"], "count": 5}},
}


def webhook(url: str, seconds: float = 5.0) -> Webhook:
    """Return a webhook that signs."""
    settings = RunnerSettings(webhook_url=url, webhook_secret="s3cret", alert_attempt_seconds=seconds)
    return Webhook(settings, url)


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
    bound, said = FakeBound(), list[str]()
    runner = run.runner(shipped("brute-force"), bound)
    attackers = [failures(range(6), f"203.0.113.{n}") for n in range(3)]
    store(deployment, *(e for events in attackers for e in events), ingested=at(10), first=0)
    run.step(runner, bound, at(20))

    def delivery(sink: Webhook, name: str) -> Delivery:
        lease = Lease(run.client, f"{run.index}-state", "webhook", name, 5)
        return Delivery(sink, run.book, lease, said.append)

    with receiving() as receiver:
        receiver.status = 503
        first = delivery(webhook(receiver.url), "one")
        assert not first.round()
        assert len(receiver.got) == 1
        receiver.got.clear()
        first.close(1)
        receiver.status = 204
        second = delivery(webhook(receiver.url), "two")
        second.start()
        wait_until(lambda: len(receiver.got) == 3, seconds=20, what="the webhook was told of three")
        second.close(10)
        assert delivery(webhook(receiver.url), "three").round()
        ids = {json.loads(body)["event"]["id"] for _, body in receiver.got}
        assert len(ids) == len(receiver.got) == 3
    assert "503" in said[0]


def test_one_of_two_runners_delivers(run: Running) -> None:
    """The other waits until the first gives back, or falls silent."""
    run.runner([], FakeBound())
    first = Lease(run.client, f"{run.index}-state", "webhook", "one", 0.5)
    second = Lease(run.client, f"{run.index}-state", "webhook", "two", 0.5)
    assert first.take()
    assert not second.take()
    wait_until(second.take, seconds=10, what="the lease of one that fell silent is another's")
    assert not first.take()
    second.give_back()
    assert first.take()
