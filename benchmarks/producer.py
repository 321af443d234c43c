"""The SDK beside the bare client: CPU for an event, and the rate to the last delivery report.

`record` is what a service calls: from its own terms to the acknowledged record, with everything
that is checked. `publish` takes a ready event. `import` is `auditlog import` of a file of such events,
which translates fourteen fields of each row. `bare` is confluent-kafka's own `produce` in a loop,
with the same bytes, keys, headers and configuration.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from audit_generator.traffic import Traffic
from audit_producer import AuditProducer, ProducerSettings
from audit_schemas import SCHEMA_HEADER, SCHEMA_HEADER_VALUE, AuditEvent, encode
from confluent_kafka import KafkaError, Message, Producer

from benchmarks.children import job, running
from benchmarks.contestants import Arena
from benchmarks.figures import Spread, interleaved, ratio, table
from benchmarks.importing import importing
from benchmarks.index import Index

_TOPIC = "bench.publish"
_EVENTS_MOST = 200_000
_SECONDS = 300.0
_POLL_EVERY = 100
_HEADERS: list[tuple[str, str | bytes | None]] = [(SCHEMA_HEADER, SCHEMA_HEADER_VALUE)]

_TITLES = {
    "bare": "bare Producer.produce, the same bytes",
    "publish": "AuditProducer.publish, a ready event",
    "record": "AuditProducer.record, from the service's own terms",
    "import": "auditlog import, from rows of another log",
}

Measured = dict[str, float]
"""Seconds to the last delivery report; microseconds of CPU for an event, in all and the caller's."""
Run = Callable[[], int]


def measure_producer(arena: Arena, rounds: int) -> None:
    """Let each way publish the same events, in turn, and show what it took. Raises BenchError."""
    events = min(arena.events, _EVENTS_MOST)
    Index.make_topic(arena.servers, _TOPIC)

    def way(name: str) -> Callable[[str], Measured]:
        def run(_: str) -> Measured:
            arena.servers.calm_down()
            command = job(f"publishing {name}", publish, arena.servers.kafka, events, name)
            with running([command], arena.servers.folder) as (child,):
                found: Measured = json.loads(child.finish(_SECONDS))
                return found

        return run

    runs = interleaved(
        arena.screen,
        rounds,
        {title: way(name) for name, title in _TITLES.items()},
        lambda run: f"{events / run['seconds']:,.0f} events/s, {run['cpu_us']:.1f} us of CPU an event",
    )
    bare = next(iter(runs.values()))
    rows = [
        [
            title,
            f"{Spread.of(events / run['seconds'] for run in found):,.0f}",
            f"{ratio((b['seconds'] for b in bare), (r['seconds'] for r in found)):.2f}",
            f"{Spread.of(run['cpu_us'] for run in found):.1f}",
            f"{Spread.of(run['caller_cpu_us'] for run in found):.1f}",
        ]
        for title, found in runs.items()
    ]
    headings = ("", "events/s", "of the bare loop", "CPU us/event", "of it the caller's thread")
    title = f"The producer, to the last delivery report: {events:,} events"
    arena.screen.show(table(title, headings, rows, "Median (range)."))


def publish(kafka: str, count: int, way: str) -> Measured:
    """Make the events, then publish them for time. A process of its own.

    Exits with an error if an event is not delivered. Half as many events are made, and each is
    published twice: making them takes longer than publishing.
    """
    settings = ProducerSettings(
        kafka_bootstrap_servers=kafka, topic=_TOPIC, block_seconds=120, close_seconds=120
    )
    half = list(Traffic((count + 1) // 2, datetime.now(UTC), agents=200))
    events = (half * 2)[:count]
    ways = {"bare": _bare, "import": importing}
    run = ways[way](settings, events) if way in ways else _by_sdk(settings, events, way)
    del events, half
    gc.collect()
    gc.freeze()  # what is ready beforehand must not cost the collector's time
    begin, cpu, caller = time.perf_counter(), time.process_time(), time.thread_time()
    delivered = run()
    found = {
        "seconds": time.perf_counter() - begin,
        "cpu_us": (time.process_time() - cpu) / count * 1e6,
        "caller_cpu_us": (time.thread_time() - caller) / count * 1e6,
    }
    if delivered != count:
        sys.exit(f"{delivered} of {count} events were delivered")
    return found


def arguments_of(event: AuditEvent) -> dict[str, Any]:
    """Return what a service would call `record` with, less id and time, which are new each time."""
    user, audit = event.user, event.audit
    person = user.model_dump(exclude_none=True, exclude={"effective", "target"}) if user else {}
    target_user = user.target.model_dump(exclude_none=True) if user and user.target else None
    effective = user.effective.model_dump(exclude_none=True) if user and user.effective else None
    given = {
        "action": event.event.action,
        "reason": event.event.reason,
        "target_user": target_user,
        "effective_user": effective,
        "ip": event.source.ip if event.source else None,
        "service": event.service.name if event.service else None,
        "organization": event.organization.id if event.organization else None,
        "user_agent": event.user_agent.original if event.user_agent else None,
        "chat": audit.chat.id if audit.chat else None,
        "session": audit.session.id if audit.session else None,
        "target": audit.target.model_dump(exclude_none=True) if audit.target else None,
        "changes": {c.field: (c.before, c.after) for c in audit.changes or []} or None,
    }
    system = audit.actor.kind == "system"
    return {k: v for k, v in given.items() if v is not None} | {"user": None if system else person}


def _by_sdk(settings: ProducerSettings, events: Sequence[AuditEvent], way: str) -> Run:
    calls = list(map(arguments_of, events)) if way == "record" else []

    def run() -> int:
        with AuditProducer(settings) as producer:
            for call in calls:
                producer.record(**call)
            for event in events if way == "publish" else ():
                producer.publish(event)
        return producer.counts.delivered

    return run


def _bare(settings: ProducerSettings, events: Sequence[AuditEvent]) -> Run:
    records = [(_key(event), encode(event)) for event in events]
    delivered = 0

    def report(error: KafkaError | None, _: Message) -> None:
        nonlocal delivered
        delivered += error is None

    def run() -> int:
        producer = Producer(settings.producer_config())
        for number, (key, value) in enumerate(records):
            while True:
                try:
                    producer.produce(
                        settings.topic, value, key=key, headers=_HEADERS, on_delivery=report
                    )
                    break
                except BufferError:
                    producer.poll(0.01)
            if number % _POLL_EVERY == 0:
                producer.poll(0)
        producer.flush(120)
        return delivered

    return run


def _key(event: AuditEvent) -> str | None:
    if event.user is None or event.audit.actor.kind == "system":
        return None
    return event.user.id or event.user.name
