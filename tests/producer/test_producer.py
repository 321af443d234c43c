"""The producer against a real Kafka: delivery, failure, threads, forks, asyncio."""

import asyncio
import logging
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audit_producer import (
    AuditProducer,
    ClosedError,
    Counts,
    EventRefusedError,
    Failure,
    KafkaUnavailableError,
    ProducerSettings,
    QueueFullError,
    UndeliveredError,
    new_event,
)
from audit_producer.client import Client
from audit_producer.errors import DeliveryError
from audit_schemas import SCHEMA_HEADER, SCHEMA_HEADER_VALUE, decode, format_timestamp
from support.command import clean_environment
from support.conditions import wait_until
from support.events import fields
from support.servers import Deployment

NOBODY_LISTENS = "127.0.0.1:1"


def away(**settings: object) -> ProducerSettings:
    """Return settings whose Kafka does not answer."""
    return ProducerSettings.model_validate(
        {"kafka_bootstrap_servers": NOBODY_LISTENS, "close_seconds": 0.2, **settings}
    )


@pytest.fixture
def failures() -> list[Failure]:
    """Collect what is handed to on_failure."""
    return []


@pytest.mark.servers
def test_published_event_is_in_the_topic(deployment: Deployment) -> None:
    """The record is the event's canonical form, keyed by the user, with the schema's version.

    A default outcome is not written by the publisher: the consumer's catalogue has it.
    """
    with AuditProducer(deployment.producer) as producer:
        assert producer.chat_opened(user="u-1", chat="chat-1", ip="192.0.2.7")
    (record,) = deployment.records(f"{deployment.name}.events")
    event = decode(record.value or b"")
    assert (event.event.action, event.event.outcome) == ("chat-opened", None)
    assert record.key == b"u-1"
    assert record.header(SCHEMA_HEADER) == SCHEMA_HEADER_VALUE
    assert (producer.counts.published, producer.counts.delivered) == (1, 1)
    assert producer.counts.failed == 0


@pytest.mark.servers
def test_wire_fields_get_an_id_and_a_time_once(deployment: Deployment) -> None:
    """What a service gives as a mapping is completed before it is queued."""
    with AuditProducer(deployment.producer) as producer:
        producer.publish({"event": {"action": "login"}, "user": {"id": "u-1"}})
    (record,) = deployment.records(f"{deployment.name}.events")
    event = decode(record.value or b"")
    assert len(event.event.id) == 36
    assert abs(datetime.now(UTC) - datetime.fromisoformat(event.timestamp)).total_seconds() < 60


@pytest.mark.servers
@pytest.mark.parametrize("audit", [{"audit": {"actor": {"kind": "user"}}}, {}])
def test_alike_events_are_published_as_one_by_one(deployment: Deployment, audit: Any) -> None:
    """With the same bytes as `publish` gives; what is refused is refused in the same words."""

    def arrange(values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "event": {"id": values["id"], "action": values["what"]},
            "@timestamp": values["at"],
            "user": {"id": values["who"], "name": values["name"]},
            **audit,
        }

    usual = {"what": "login", "who": "u-1", "at": format_timestamp(datetime.now(UTC))}
    events = [{**usual, "id": f"0123456789abcdef{n}", "name": name} for n, name in enumerate('ab"')]
    with AuditProducer(deployment.producer) as producer:
        publish = producer.publisher(arrange, fixed=["what"])
        for values in events:
            assert publish(values)
            assert producer.publish(arrange(values))
        wrong = {**events[0], "id": "short"}
        with pytest.raises(EventRefusedError) as one:
            producer.publish(arrange(wrong))
        with pytest.raises(EventRefusedError, match=re.escape(str(one.value))):
            publish(wrong)
    published = Counter(record.value for record in deployment.records(f"{deployment.name}.events"))
    assert [2, 2, 2] == list(published.values())
    assert producer.counts.refused == 2


@pytest.mark.servers
def test_own_event_id_makes_a_retry_safe(deployment: Deployment) -> None:
    """A service's own id is kept, so that its retry is a duplicate and not a second event."""
    at = datetime.now(UTC)
    with AuditProducer(deployment.producer) as producer:
        for _ in range(2):
            producer.login(user="u-1", event_id="login-of-u-1-0001", at=at)
    values = {record.value for record in deployment.records(f"{deployment.name}.events")}
    assert len(values) == 1


@pytest.mark.servers
def test_threads_share_one_producer(deployment: Deployment) -> None:
    """Ten threads publish at once, and every event is delivered."""
    with AuditProducer(deployment.producer) as producer:

        def work(number: int) -> None:
            for chat in range(200):
                producer.chat_opened(user=f"u-{number}", chat=f"chat-{number}-{chat}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert producer.counts.delivered == 2000
    values = [record.value for record in deployment.records(f"{deployment.name}.events")]
    assert len(set(values)) == 2000


@pytest.mark.servers
def test_forked_child_publishes_with_a_connection_of_its_own(deployment: Deployment) -> None:
    """A producer that was used before a fork works in the child, and still works in the parent."""
    script = f"""
import os, sys
from audit_producer import AuditProducer, ProducerSettings
producer = AuditProducer(ProducerSettings(
    kafka_bootstrap_servers={deployment.servers.kafka!r}, topic="{deployment.name}.events"))
producer.login(user="parent-before")
child = os.fork()
producer.login(user="child" if child == 0 else "parent-after")
producer.close()
assert producer.counts.delivered == (1 if child == 0 else 2), producer.counts
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    users = {record.key for record in deployment.records(f"{deployment.name}.events")}
    assert users == {b"parent-before", b"child", b"parent-after"}


@pytest.mark.servers
def test_gunicorn_workers_publish_from_a_preloaded_app(deployment: Deployment, tmp_path: Path) -> None:
    """Two forked workers of one preloaded app publish, and nothing is lost when they stop."""
    (tmp_path / "service.py").write_text(
        f"""
import os
from audit_producer import AuditProducer, ProducerSettings
audit = AuditProducer(ProducerSettings(
    kafka_bootstrap_servers={deployment.servers.kafka!r}, topic="{deployment.name}.events"))
audit.login(user="preloaded")
def app(environ, start_response):
    audit.login(user=f"worker-{{os.getpid()}}")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = ["-m", "gunicorn", "--preload", "-w", "2", "-b", address, "service:app"]
    server = subprocess.Popen(
        [sys.executable, *command], cwd=tmp_path, stderr=subprocess.DEVNULL, env=clean_environment()
    )
    workers: list[bytes] = []
    try:
        wait_until(lambda: answers(address), what="gunicorn answers")
        for _ in range(60):
            with urllib.request.urlopen(f"http://{address}", timeout=10) as response:
                workers.append(response.read())
    finally:
        server.terminate()
        server.wait(60)
    keys = [record.key for record in deployment.records(f"{deployment.name}.events")]
    assert sorted(key for key in keys if key) == sorted(
        [b"preloaded", *(b"worker-" + worker for worker in workers)]
    )
    assert len(workers) == 60


def answers(address: str) -> bool:
    """Tell whether something listens."""
    host, port = address.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


@pytest.mark.servers
def test_asyncio_service_publishes_without_blocking_its_loop(deployment: Deployment) -> None:
    """A queue of ten events takes a thousand, while the event loop goes on ticking."""
    settings = deployment.producer.model_copy(update={"queue_events": 10})

    async def serve() -> tuple[int, list[float]]:
        gaps = [0.0]

        async def tick() -> None:
            while True:
                before = time.monotonic()
                await asyncio.sleep(0.001)
                gaps.append(time.monotonic() - before)

        ticking = asyncio.create_task(tick())
        async with AuditProducer(settings) as producer:
            for number in range(1000):
                await producer.publish_async(new_event("login", user=f"u-{number}"))
        ticking.cancel()
        return producer.counts.delivered, gaps

    delivered, gaps = asyncio.run(serve())
    assert delivered == 1000
    assert len(gaps) > 20
    assert max(gaps) < 10  # a busy machine makes gaps of its own


def test_full_queue_blocks_for_a_bounded_time_and_then_raises() -> None:
    """With Kafka away, publish() waits as long as the setting says, and then tells."""
    producer = AuditProducer(away(queue_events=3, block_seconds=0.5))
    for _ in range(3):
        producer.login(user="u-1")
    begin = time.monotonic()
    with pytest.raises(QueueFullError, match="3 events stayed full"):
        producer.login(user="u-1")
    assert 0.4 < time.monotonic() - begin < 30
    with pytest.raises(UndeliveredError):
        producer.close()


def test_asyncio_full_queue_raises_after_a_bounded_time() -> None:
    """publish_async has the same bound."""

    async def serve() -> None:
        producer = AuditProducer(away(queue_events=1, block_seconds=0.2))
        await producer.publish_async(new_event("login", user="u-1"))
        with pytest.raises(QueueFullError):
            await producer.publish_async(new_event("login", user="u-1"))
        with pytest.raises(UndeliveredError):
            await asyncio.to_thread(producer.close)

    asyncio.run(serve())


def test_close_reports_each_event_it_left_behind(failures: list[Failure]) -> None:
    """What is not acknowledged in time is counted, handed to on_failure, and raised."""
    producer = AuditProducer(away(), on_failure=failures.append)
    sent = [new_event("login", user=f"u-{number}") for number in range(3)]
    for event in sent:
        producer.publish(event)
    with pytest.raises(UndeliveredError) as raised:
        producer.close()
    assert raised.value.count == 3
    assert producer.counts.undelivered == 3
    assert {failure.event.event.id for failure in failures if failure.event} == {
        event.event.id for event in sent
    }
    assert all(isinstance(failure.error, DeliveryError) for failure in failures)


def test_event_that_is_queued_while_it_closes_is_not_forgotten(
    failures: list[Failure], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread's, which was about to queue it: it is waited for, and told, as all others."""
    is_about_to, may_go_on = threading.Event(), threading.Event()

    def produce(client: Client, *given: Any, **more: Any) -> None:
        is_about_to.set()
        assert may_go_on.wait(30)
        super(Client, client).produce(*given, **more)

    monkeypatch.setattr(Client, "produce", produce, raising=False)
    producer = AuditProducer(away(), on_failure=failures.append)
    thread = threading.Thread(target=lambda: producer.login(user="u-1", event_id="0" * 32))
    thread.start()
    assert is_about_to.wait(30)
    producer.close()
    may_go_on.set()
    thread.join(30)
    assert [each.event and each.event.event.id for each in failures] == ["0" * 32]
    assert producer.counts == Counts(published=1, undelivered=1)
    with pytest.raises(ClosedError):
        producer.login(user="u-1")


def test_error_of_the_body_is_not_hidden_by_undelivered_events() -> None:
    """Leaving the context by an error raises that error, not the producer's."""
    with pytest.raises(ZeroDivisionError), AuditProducer(away()) as producer:
        producer.login(user=f"u-{producer.publish(new_event('login', user='u')) // 0}")


def test_delivery_that_fails_later_is_handed_over(failures: list[Failure]) -> None:
    """An event that Kafka never takes reaches on_failure while the service goes on."""
    producer = AuditProducer(away(delivery_seconds=1), on_failure=failures.append, raises=False)
    assert producer.login(user="u-1")
    wait_until(lambda: failures, what="the failure is reported")
    assert failures[0].event is not None
    assert failures[0].event.user is not None
    assert failures[0].event.user.id == "u-1"
    producer.close()


@pytest.mark.parametrize("wrong", [{}, {"user": "u-1"}, {"event": 5}, {"event": {"action": "no-such"}}])
def test_never_raising_mode_never_raises(wrong: dict[str, object], failures: list[Failure]) -> None:
    """A login must not fail because its audit event did: it is counted and handed over."""
    producer = AuditProducer(away(), on_failure=failures.append, raises=False)
    assert not producer.publish(wrong)
    assert not producer.record("no-such-activity", user="u-1")
    assert not producer.login(user="u-1", at=datetime(2026, 1, 1))  # noqa: DTZ001 - without a zone
    assert producer.counts.refused == len(failures) == 3
    producer.close()
    assert not producer.login(user="u-1"), "closed"
    assert producer.counts.refused == 4
    event = failures[3].event
    assert event is not None, "what was well made is handed over"
    assert event.user is not None
    assert event.user.id == "u-1"


def test_failing_callback_does_not_reach_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    """What on_failure raises is logged, and publishing goes on."""

    def fail(_: Failure) -> None:
        raise RuntimeError("the service's own bug")

    with caplog.at_level(logging.WARNING, "audit_producer"):
        producer = AuditProducer(away(), on_failure=fail, raises=False)
        assert not producer.publish({})
    assert "on_failure raised" in caplog.text
    producer.close()


def test_refused_event_raises_and_is_not_queued() -> None:
    """In the raising mode the caller learns what is wrong, and nothing reaches Kafka."""
    producer = AuditProducer(away())
    with pytest.raises(EventRefusedError, match=r"event\.action"):
        producer.record("no-such-activity", user="u-1")
    assert (producer.counts.published, producer.counts.refused) == (0, 1)
    producer.close()


def test_publishing_after_close_raises() -> None:
    """A closed producer takes nothing, and closing it again is harmless."""
    producer = AuditProducer(away())
    producer.close()
    producer.close()
    with pytest.raises(ClosedError):
        producer.login(user="u-1")


def test_broker_that_is_away_does_not_flood_the_log() -> None:
    """Librdkafka tries again many times a second; the service's log hears of it once."""
    script = """
import logging, time
logging.basicConfig(level=logging.INFO)
from audit_producer import AuditProducer, ProducerSettings
settings = ProducerSettings(kafka_bootstrap_servers="127.0.0.1:1", close_seconds=2)
producer = AuditProducer(settings, raises=False)
producer.login(user="u-1")
producer.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.count("Connection refused") == 1
    assert done.stderr.count("not published") == 1


def test_failure_is_told_once(caplog: pytest.LogCaptureFixture, failures: list[Failure]) -> None:
    """What on_failure gets, or the caller by an exception, is not logged as well."""
    with caplog.at_level(logging.WARNING, "audit_producer"):
        handing = AuditProducer(away(), on_failure=failures.append, raises=False)
        raising = AuditProducer(away())
        assert not handing.publish({})
        with pytest.raises(EventRefusedError):
            raising.publish({})
    assert (len(failures), caplog.text) == (1, "")
    handing.close()
    raising.close()


def test_log_names_no_values(caplog: pytest.LogCaptureFixture) -> None:
    """A refused event's values stay out of the log."""
    producer = AuditProducer(away(), raises=False)
    secret = fields(surprise="hunter2")
    with caplog.at_level(logging.DEBUG):
        assert not producer.publish(secret)
    assert "not published" in caplog.text
    assert "hunter2" not in caplog.text
    producer.close()


def test_check_says_what_to_do_when_kafka_is_away() -> None:
    """The sentence names the address, the variable and the way to start one."""
    producer = AuditProducer(away())
    with pytest.raises(KafkaUnavailableError, match="AUDITLOG_KAFKA_BOOTSTRAP_SERVERS"):
        producer.check(timeout=0.5)
    producer.close()


@pytest.mark.servers
def test_check_says_what_to_do_when_the_topic_is_missing(bare: Deployment) -> None:
    """A missing topic is told at once, not by time-outs of events."""
    missing = pytest.raises(KafkaUnavailableError, match="auditlog setup")
    with AuditProducer(bare.producer) as producer, missing:
        producer.check()


def test_event_that_nobody_closes_for_is_flushed_at_exit() -> None:
    """A process that ends without close() says how many events it lost."""
    script = """
from audit_producer import AuditProducer, ProducerSettings
producer = AuditProducer(ProducerSettings(kafka_bootstrap_servers="127.0.0.1:1", close_seconds=0.2))
producer.login(user="u-1")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert "1 events were not acknowledged" in done.stderr


def test_sdk_needs_only_the_base_install() -> None:
    """A publishing service imports neither the command line nor Elasticsearch."""
    script = """
import sys
import audit_producer
heavy = {"typer", "rich", "elasticsearch", "pydantic_settings", "structlog"} & sys.modules.keys()
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
